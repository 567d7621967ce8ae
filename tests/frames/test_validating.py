"""What `sl.validate` finds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import session_lab as sl
from session_lab.frames import SESSIONS, empty
from tests.stories import close, message, play, start

if TYPE_CHECKING:
    from collections.abc import Callable

AT = pd.Timestamp("2026-01-02T00:00:00Z")


def sessions() -> pd.DataFrame:
    """Three sessions in which nothing is wrong: closed, expired and open."""
    row = {
        "type": "chat",
        "taskIdentifier": "agent",
        "tags": ["vip"],
        "metadata": None,
        "createdAt": "2026-01-01T00:00:00Z",
        "updatedAt": "2026-01-01T00:00:00Z",
    }
    rows = [
        row | {"id": "session_c1", "externalId": "a", "closedAt": "2026-01-01T01:00:00Z"},
        row | {"id": "session_c2", "externalId": "b", "expiresAt": "2026-01-01T02:00:00Z"},
        row | {"id": "session_c3", "externalId": None},
    ]
    return sl.sessions_frame(rows, observed_at=AT.to_pydatetime())


def with_value(column: str, row: int, value: Any) -> Callable[[], pd.DataFrame]:
    def make() -> pd.DataFrame:
        frame = sessions()
        frame.loc[row, column] = value
        return frame

    return make


def with_column(column: str, change: Callable[[pd.Series], Any]) -> Callable[[], pd.DataFrame]:
    def make() -> pd.DataFrame:
        frame = sessions()
        return frame.assign(**{column: change(frame[column])})

    return make


def texts(*values: Any) -> Callable[[pd.Series], pd.Series]:
    return lambda _: pd.Series(values, dtype=object)


PROBLEMS: dict[str, tuple[Callable[[], pd.DataFrame], tuple[int | None, str, str]]] = {
    "missing column": (
        lambda: sessions().drop(columns="tags"),
        (None, "tags", "the column is missing"),
    ),
    "two of a name": (
        lambda: pd.concat([sessions(), sessions()[["type"]]], axis=1),
        (None, "type", "several columns have this name"),
    ),
    "numbers for text": (
        with_column("type", lambda _: [1, 2, 3]),
        (None, "type", "holds int64, not text"),
    ),
    "numbers for durations": (
        with_column("lifetime", lambda _: [1, 2, 3]),
        (None, "lifetime", "holds int64, not durations"),
    ),
    "text for tags": (
        with_column("tags", texts(["a"], "b", None)),
        (1, "tags", "'b' is not a list"),
    ),
    "times without a zone": (
        with_column("created_at", lambda values: values.dt.tz_localize(None)),
        (None, "created_at", "the times have no zone"),
    ),
    "a time that is none": (
        with_column("updated_at", texts("2026-01-01T00:00:00Z", "soon", None)),
        (1, "updated_at", "'soon' is not a time"),
    ),
    "times of two zones": (
        with_column("updated_at", texts("2026-01-01T00:00:00Z", "2026-01-01T02:00:00+01:00", None)),
        (None, "updated_at", "the times are of several zones"),
    ),
    "one time without a zone": (
        with_column("updated_at", texts("2026-01-01T00:00:00Z", None, "2026-01-01T02:00:00")),
        (2, "updated_at", "the time has no zone, where others of the column have one"),
    ),
    "times as text": (
        with_column("updated_at", texts(*["2026-01-01T00:00:00Z"] * 3)),
        (None, "updated_at", "holds object, not datetime64[ms, UTC]"),
    ),
    "the same session twice": (
        with_value("session_id", 2, "session_c1"),
        (2, "session_id", "'session_c1' stands in row 0 already"),
    ),
    "the same external id twice": (
        with_value("external_id", 1, "a"),
        (1, "external_id", "'a' stands in row 0 already"),
    ),
    "closed before created": (
        with_value("closed_at", 0, pd.Timestamp("2025-12-31T23:00:00Z")),
        (
            0,
            "closed_at",
            "2025-12-31T23:00:00.000Z, before its creation at 2026-01-01T00:00:00.000Z",
        ),
    ),
    "expiry before creation": (
        with_value("expires_at", 1, pd.Timestamp("1970-01-21T00:00:00Z")),
        (
            1,
            "expires_at",
            "1970-01-21T00:00:00.000Z, before its creation at 2026-01-01T00:00:00.000Z",
        ),
    ),
    "no creation": (with_value("created_at", 1, pd.NaT), (1, "created_at", "is missing")),
    "written after the observation": (
        with_value("updated_at", 1, AT + pd.Timedelta("1ms")),
        (1, "updated_at", "2026-01-02T00:00:00.001Z lies after the observation"),
    ),
    "a status of another time": (
        with_value("status", 1, "ACTIVE"),
        (1, "status", "ACTIVE disagrees with the times, which say EXPIRED"),
    ),
    "an end of another cause": (
        with_value("end_cause", 0, "expired"),
        (0, "end_cause", "expired disagrees with the times, which say closed"),
    ),
}

SEVERAL = {"times without a zone", "no creation", "a time that is none"}
"""What cannot go wrong alone."""


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_problem_is_found_with_its_place_and_a_remedy(name: str):
    make, expected = PROBLEMS[name]
    found = sl.validate(make())
    places = [
        (None if pd.isna(row) else row, column, problem)
        for row, column, problem in found[["row", "column", "problem"]].itertuples(index=False)
    ]
    assert expected in places
    assert len(found) == 1 or name in SEVERAL
    assert found["remedy"].str.len().gt(10).all()


def test_all_problems_are_told_not_only_the_first():
    frame = sessions()
    frame["closed_at"] = pd.Timestamp("2025-01-01T00:00:00Z")
    found = sl.validate(frame)
    assert found.loc[found["column"] == "closed_at", "row"].tolist() == [0, 1, 2]


def test_nothing_is_wrong_with_what_this_package_makes():
    replay = play(start(0, lasting=5, expires_at=400), message(3), message(90), close(91)).replay
    assert sl.validate(sessions()).empty
    assert sl.validate(replay.sessions).empty
    lab = sl.Simulator()
    for frame in (lab.sessions_frame(), lab.runs_frame()):
        assert sl.validate(frame).empty


def test_a_frame_that_does_not_say_when_it_was_observed_is_told():
    found = sl.validate(empty(SESSIONS))
    assert found["problem"].tolist() == ["the frame does not say when it was observed"]
    assert "observed_at" in found["remedy"][0]


def test_problems_of_runs():
    rows = [
        {"id": "run_c1", "status": "COMPLETED", "createdAt": "2026-01-01T02:00:00Z"},
        {"id": "run_c1", "status": "COMPLETED", "createdAt": "2026-01-01T00:00:00Z"},
    ]
    rows[0]["finishedAt"] = "2026-01-01T01:00:00Z"
    with pytest.warns(sl.DataWarning, match="2 of 2 runs name no known session"):
        frame = sl.runs_frame(rows, observed_at=AT.to_pydatetime())
    found = sl.validate(frame)
    assert list(found[["row", "column"]].itertuples(index=False, name=None)) == [
        (1, "run_id"),
        (0, "ended_at"),
        (0, "session_id"),
        (1, "session_id"),
    ]


def test_what_is_neither_sessions_nor_runs_is_refused():
    with pytest.raises(sl.DataError, match="neither run_id nor session_id is a column"):
        sl.validate(pd.DataFrame({"colour": []}))
    with pytest.raises(sl.DataError, match="dict is not a pandas DataFrame"):
        sl.validate({"session_id": ["session_c1"]})
