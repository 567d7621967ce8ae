"""The digest of frames: equal for equal values, another for any change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from session_lab.frames import (
    EVENTS,
    OPERATIONS,
    RUNS,
    SCHEMAS,
    SESSIONS,
    Kind,
    Schema,
    build,
    digest,
    empty,
)
from tests.stories import close, message, play, retrieve, start

if TYPE_CHECKING:
    from collections.abc import Callable

REPLAY = play(
    start(0, lasting=5, expires_at=400),
    message(3),
    message(130),
    start(131),
    close(135),
    start(136),
    retrieve(137),
    max_turns=2,
).replay
RECORDED = REPLAY.operations.assign(
    recorded_status=pd.array([201, None, 200, 200, 200, 409, 200], dtype="Int64"),
    recorded_is_cached=pd.array([False, None, None, True, None, None, None], dtype="boolean"),
)
FRAMES = {"operations": RECORDED, "sessions": REPLAY.sessions, "runs": REPLAY.runs}


MILLISECOND = pd.Timedelta(1, unit="ms")
OTHER: dict[Kind, Callable[[Any], Any]] = {
    Kind.INSTANT: lambda at: at + MILLISECOND,
    Kind.DURATION: lambda span: span + MILLISECOND,
    Kind.TEXT: lambda text: f"{text}x",
    Kind.JSON: lambda text: f"{text}x",
    Kind.TAGS: lambda tags: [*tags, "x"],
    Kind.COUNT: lambda count: count + 1,
    Kind.CODE: lambda code: code + 1,
    Kind.NUMBER: lambda number: number + 1,
    Kind.FLAG: lambda flag: not flag,
}
SOMETHING: dict[Kind, Any] = {
    Kind.INSTANT: pd.Timestamp(0, unit="ms", tz="UTC"),
    Kind.DURATION: pd.Timedelta(0, unit="ms"),
    Kind.TEXT: "",
    Kind.JSON: "{}",
    Kind.TAGS: [],
    Kind.CODE: 0,
    Kind.NUMBER: 0.0,
    Kind.FLAG: False,
}


def changed(value: Any, kind: Kind, column: pd.Series) -> Any:
    """Make another value of a cell: something where nothing was, or something else."""
    if kind is Kind.CATEGORY:
        return next(name for name in column.cat.categories if pd.isna(value) or name != value)
    return SOMETHING[kind] if pd.isna(value) else OTHER[kind](value)


@pytest.mark.parametrize("name", FRAMES)
def test_a_change_of_any_cell_changes_the_digest(name: str):
    frame, schema = FRAMES[name], SCHEMAS[name]
    seen = [digest({schema: frame})]
    for column_name in frame:
        column = schema.column(column_name)
        values = frame[column_name]
        if column.kind is Kind.CATEGORY and not len(values.cat.categories):
            continue
        for row in range(len(frame)):
            altered = values.tolist()
            altered[row] = changed(altered[row], column.kind, values)
            other = pd.Series(altered, dtype=values.dtype, index=frame.index)
            seen.append(digest({schema: frame.assign(**{column_name: other})}))
    assert len(set(seen)) == len(seen) > len(frame) * 10


@pytest.mark.parametrize("name", FRAMES)
def test_a_missing_value_is_no_other_value(name: str):
    frame, schema = FRAMES[name], SCHEMAS[name]
    before = digest({schema: frame})
    for column in frame.columns[frame.notna().any()]:
        if frame[column].dtype == "int64":
            continue
        row = int(frame[column].notna().to_numpy().argmax())
        altered = frame.copy()
        altered.loc[row, column] = None
        assert digest({schema: altered}) != before


def test_equal_frames_have_equal_digests():
    for name, frame in FRAMES.items():
        assert digest({SCHEMAS[name]: frame.copy(deep=True)}) == digest({SCHEMAS[name]: frame})


def test_the_order_of_rows_counts():
    frame = FRAMES["operations"]
    assert digest({OPERATIONS: frame.iloc[::-1]}) != digest({OPERATIONS: frame})


def test_index_attributes_and_unused_categories_do_not_count():
    frame = FRAMES["operations"]
    other = frame.set_axis(range(10, 10 + len(frame)))
    other["op"] = (
        other["op"]
        .cat.add_categories(["zzz"])
        .cat.reorder_categories(["zzz", "retrieve", "close", "message", "start"])
    )
    other.attrs["note"] = "x"
    assert digest({OPERATIONS: other}) == digest({OPERATIONS: frame})


@pytest.mark.parametrize("unit", ["us", "ns"])
def test_the_unit_of_times_does_not_count(unit: str):
    frame = FRAMES["operations"]
    other = frame.assign(at=frame["at"].dt.as_unit(unit), waited=frame["waited"].dt.as_unit(unit))
    assert digest({OPERATIONS: other}) == digest({OPERATIONS: frame})


def events(external_ids: list[str], tags: list[Any] | None = None) -> pd.DataFrame:
    n = len(external_ids)
    data = {"at": [0] * n, "op": ["start"] * n, "external_id": external_ids}
    return build(EVENTS, data if tags is None else {**data, "tags": tags}, n=n)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (events(["ab", "c"]), events(["a", "bc"])),
        (events(["a", ""]), events(["", "a"])),
        (events(["a"]), events(["a", ""])),
        (events(["a"]), events(["a"], tags=[None])),
        (events(["a"], tags=[None]), events(["a"], tags=[[]])),
        (events(["a"], tags=[["x, y"]]), events(["a"], tags=[["x", "y"]])),
        (events(["é"]), events(["e\u0301"])),
    ],
)
def test_what_looks_alike_has_another_digest(one: pd.DataFrame, other: pd.DataFrame):
    assert digest({EVENTS: one}) != digest({EVENTS: other})


def test_the_frames_that_are_hashed_and_their_order_count():
    one, two = {SESSIONS: empty(SESSIONS)}, {RUNS: empty(RUNS)}
    seen = {digest(one), digest(two), digest({**one, **two}), digest({**two, **one}), digest({})}
    assert len(seen) == 5


@pytest.mark.parametrize(
    ("schema", "golden"),
    [
        (SESSIONS, "fea1feaf7951008edf2e26756083dd74f1c946b84aa3ac45b2ef47e8df5c4b8f"),
        (RUNS, "a5c2dfb8ec5fa4bcdcabdd2939d43fdf64a632e7090bf5315a707fd45d66e028"),
        (OPERATIONS, "abb59248dc79b27f60ca58eac424f6c63c36a4f4a0f5b6c9e01bd4af963a55a5"),
        (EVENTS, "c3f19307c6e5bf0b9d4026c0abd47975f5ab558e0b3f5cb9ef330c8bc00490ca"),
    ],
)
def test_the_digest_of_an_empty_frame_never_changes(schema: Schema, golden: str):
    assert digest({schema: empty(schema)}) == golden
