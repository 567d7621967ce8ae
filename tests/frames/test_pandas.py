"""Every frame lives in pandas: its verbs and files, and those of other engines, take it."""

from __future__ import annotations

import io
import pickle
from typing import TYPE_CHECKING, Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import session_lab as sl
from session_lab.frames.tags_dtype import TAGS_DTYPE, TagsArray
from tests.stories import close, message, play, start

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def frames() -> dict[str, pd.DataFrame]:
    lab = sl.Simulator()
    client = lab.client()
    for number, tags in enumerate([["vip", "eu"], [], ["it's"], ["vip", "eu"]]):
        client.sessions.start(
            type="chat",
            task_identifier="agent",
            trigger_config={"base_payload": {}, "tags": [f"chat:{number}"]},
            external_id=str(number),
            tags=tags,
            metadata={"n": number} if number else None,
        )
    client.sessions.close("1", reason="done")
    events = sl.traffic.read(sl.traffic.sample_path("chats.ndjson")).head(50)
    events["tags"] = pd.Series([["a", "b"], None] * 25, dtype=TAGS_DTYPE)
    replay = play(start(0, lasting=5, expires_at=70), message(3), message(90), close(91)).replay
    pulled = sl.runs_frame(client.runs.list(), sessions=lab.sessions_frame())
    return {
        "pulled sessions": sl.sessions_frame(client.sessions.list(), observed_at=lab.clock.now),
        "pulled runs": pulled,
        "simulated sessions": lab.sessions_frame(),
        "simulated runs": lab.runs_frame(),
        "events": events,
        "replayed sessions": replay.sessions,
        "replayed runs": replay.runs,
        "operations": replay.operations,
    }


FRAMES = frames()


def first(frame: pd.DataFrame) -> str:
    return next(name for name in ("run_id", "session_id", "external_id") if name in frame)


def parquet(frame: pd.DataFrame) -> pd.DataFrame:
    file = io.BytesIO()
    frame.to_parquet(file)
    return pd.read_parquet(file)


def feather(frame: pd.DataFrame) -> pd.DataFrame:
    file = io.BytesIO()
    frame.to_feather(file)
    return pd.read_feather(file)


VERBS: dict[str, Callable[[pd.DataFrame], Any]] = {
    "to_parquet and read_parquet": parquet,
    "to_feather and read_feather": feather,
    "pickle": lambda df: pickle.loads(pickle.dumps(df)),  # noqa: S301  made here
    "nunique": lambda df: df.nunique(),
    "drop_duplicates": lambda df: df.drop_duplicates(),
    "duplicated": lambda df: df.duplicated(),
    "merge": lambda df: df.merge(df, on=first(df)),
    "merge on all columns": lambda df: df.merge(df, how="left", indicator=True),
    "merge_ordered": lambda df: pd.merge_ordered(df, df, on=first(df), suffixes=("", "_other")),
    "mode": lambda df: df.mode(),
    "unstack": lambda df: df.unstack(),  # noqa: PD010  that it can be done
    "convert_dtypes": lambda df: df.convert_dtypes(),
    "concat": lambda df: pd.concat([df, df]),
    "groupby": lambda df: df.groupby(first(df)).first(),
    "groupby nunique": lambda df: df.groupby(first(df)).nunique(),
    "describe": lambda df: df.describe(include="all"),
    "isin": lambda df: df.isin(df),
    "compare": lambda df: df == df,  # noqa: PLR0124  that it can be done
    "hash": pd.util.hash_pandas_object,
    "to_csv": lambda df: df.to_csv(),
    "to_json": lambda df: df.to_json(orient="records", date_format="iso"),
    "repr": repr,
    "reindex": lambda df: df.reindex(range(len(df) + 2)),
    "transpose": lambda df: df.T,
    "Polars": lambda df: pl.from_pandas(df).unique(maintain_order=True),
    # DuckDB refuses durations of Arrow that are missing, whoever made them.
    "DuckDB": lambda df: duckdb.from_df(df.dropna(axis="columns", how="all")).fetchall(),
    "Arrow": lambda df: pa.Table.from_pandas(df).to_pandas(),
}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("name", FRAMES)
def test_every_frame_takes_every_verb(name: str, verb: str):
    frame = FRAMES[name]
    before = frame.copy(deep=True)
    assert VERBS[verb](frame) is not None
    pd.testing.assert_frame_equal(frame, before)
    assert frame.attrs == before.attrs


@pytest.mark.parametrize("name", FRAMES)
@pytest.mark.parametrize("through", [parquet, feather, VERBS["pickle"]])
def test_what_pandas_writes_pandas_reads_back(name: str, through: Callable[..., pd.DataFrame]):
    frame, back = FRAMES[name], through(FRAMES[name])
    assert list(back.columns) == list(frame.columns)
    for column in frame:
        values = [None if v is pd.NA or v is None else v for v in frame[column].tolist()]
        found = [v.tolist() if hasattr(v, "tolist") else v for v in back[column].tolist()]
        found = [None if not isinstance(v, list) and pd.isna(v) else v for v in found]
        values = [None if not isinstance(v, list) and pd.isna(v) else v for v in values]
        assert found == values
    if through is not feather:
        assert back.attrs == frame.attrs


@pytest.mark.parametrize("name", ["pulled sessions", "simulated sessions", "replayed sessions"])
@pytest.mark.parametrize("write", ["to_parquet", "to_feather", "to_csv", "write_frame"])
def test_frames_that_pandas_wrote_are_read_as_ours(tmp_path: Path, name: str, write: str):
    frame = FRAMES[name]
    path = tmp_path / f"a.{write.removeprefix('to_').replace('write_frame', 'ndjson')}"
    sl.write_frame(frame, path) if write == "write_frame" else getattr(frame, write)(path)
    # What is written by pandas as CSV or Feather does not tell when it was observed.
    again = sl.read_sessions(path, observed_at=frame.attrs["observed_at"])
    pd.testing.assert_frame_equal(again, frame, check_categorical=False)


tag_lists = st.lists(
    st.none() | st.lists(st.text(st.sampled_from('ab,:"1\0'), max_size=3), max_size=3), max_size=12
)


@given(tag_lists)
def test_tags_are_told_apart_as_lists_are(lists: list[list[str] | None]):
    tags = pd.Series(lists, dtype=TAGS_DTYPE)
    plain = pd.Series([None if one is None else tuple(one) for one in lists], dtype=object)
    assert tags.nunique() == plain.nunique()
    assert tags.duplicated().tolist() == plain.duplicated().tolist()
    assert tags.isin(lists[:3]).tolist() == [one in lists[:3] for one in lists]
    counts = tags.value_counts(dropna=False)
    expected = plain.value_counts(dropna=False)
    keys = [None if key is pd.NA else key for key in counts.index]
    assert dict(zip(keys, counts.tolist(), strict=True)) == {
        None if key is None or key != key else key: n  # noqa: PLR0124  NaN
        for key, n in zip(expected.index.tolist(), expected.tolist(), strict=True)
    }
    codes, different = tags.factorize()
    assert [None if code < 0 else list(different[code]) for code in codes] == lists
    same = (tags == tags.copy()).tolist()
    assert same == [pd.NA if one is None else True for one in lists]


@given(tag_lists, tag_lists)
def test_frames_are_merged_on_tags(one: list[list[str] | None], other: list[list[str] | None]):
    left, right = (
        pd.DataFrame({"tags": pd.Series(lists, dtype=TAGS_DTYPE), name: range(len(lists))})
        for name, lists in (("left", one), ("right", other))
    )
    expected = [
        (a, b) for a, tags in enumerate(one) for b, others in enumerate(other) if tags == others
    ]
    found = left.merge(right, on="tags")
    assert sorted(zip(found["left"], found["right"], strict=True)) == expected
    assert [None if tags is pd.NA else tags for tags in found["tags"]] == [
        one[row] for row in found["left"]
    ]
    outer = left.merge(right, on="tags", how="outer", indicator=True)
    assert (outer["_merge"] == "right_only").sum() == sum(tags not in one for tags in other)


@given(tag_lists)
def test_the_modes_of_tags_are_those_that_come_most_often(lists: list[list[str] | None]):
    tags = pd.Series(lists, dtype=TAGS_DTYPE)
    present = [tuple(tags) for tags in lists if tags is not None]
    most = max(map(present.count, present), default=0)
    expected = {tags for tags in present if present.count(tags) == most}
    found = [tuple(tags) for tags in tags.mode()]
    assert set(found) == expected
    assert len(found) == len(expected)


def test_tags_cost_what_arrow_takes_for_them():
    lists = [["vip", "eu"], [], None] * 1000
    ours = pd.Series(lists, dtype=TAGS_DTYPE)
    arrows = pd.Series(lists, dtype=pd.ArrowDtype(pa.list_(pa.string())))
    assert ours.memory_usage(deep=True) == arrows.memory_usage(deep=True)
    assert ours.astype(arrows.dtype).list.len().dropna().unique().tolist() == [2, 0]
    assert isinstance(pd.concat([ours, arrows]).array, TagsArray)
    assert isinstance(ours.array, TagsArray)
    assert ours[0] == ["vip", "eu"]


def test_what_is_made_of_tags_is_a_column_of_its_own_kind():
    tags = pd.Series([["vip", "eu"], ["it's"], ["vip"], None], dtype=TAGS_DTYPE)
    first = tags.map(lambda one: one[0] if isinstance(one, list) else None)
    assert not isinstance(first.array, TagsArray)
    assert first.nunique() == 2
    assert pd.DataFrame({"first": first}).groupby("first").size().to_dict() == {"it's": 1, "vip": 2}
    assert tags.dropna().map(len).sum() == 4
    assert tags.isna().tolist() == [False, False, False, True]
    assert isinstance(pickle.loads(pickle.dumps(tags)).array, TagsArray)  # noqa: S301
