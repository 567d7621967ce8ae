"""Conflicts: told histories, and against counting by hand."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings

import session_lab as sl
from session_lab.analysis import conflicts
from session_lab.errors import DataError, DataWarning
from session_lab.frames import NAT, OPERATIONS, SESSIONS, build, empty
from tests.engine_frames import ENGINES
from tests.stories import close, message, play, start
from tests.strategies import ORIGIN, events_frame, histories

few = settings(max_examples=settings().max_examples // 5)


def operations(*rows: tuple[int, str, str | None, int, str | None, bool | None]) -> pd.DataFrame:
    """Make an operations frame of at, op, external id, status, error and is_cached."""
    columns = ("at", "op", "external_id", "status_code", "error", "is_cached")
    data: dict[str, Any] = dict(zip(columns, map(list, zip(*rows, strict=True)), strict=True))
    data["at"] = [ORIGIN + at for at in data["at"]]
    data["is_cached"] = [-1 if flag is None else flag for flag in data["is_cached"]]
    return build(OPERATIONS, data, n=len(rows))


def sessions(**columns: list[Any]) -> pd.DataFrame:
    n = len(columns["external_id"])
    data: dict[str, Any] = {"closed_at": [NAT] * n, "expires_at": [NAT] * n, **columns}
    return build(SESSIONS, data, n=n)


CLOSED = "Session is closed; use a different externalId to create a new session"
EXPIRED = "Session is expired; use a different externalId to create a new session"


def test_conflicts_are_told_by_cause_and_time_since_the_end():
    replay = play(
        start(0),
        start(0, expires_at=1_000, chat="b"),
        close(500),
        start(600),
        message(20_000),
        start(62_000, chat="b"),
        message(90_000_000, chat="b"),
    ).replay
    found = conflicts.summary(replay.operations, replay.sessions)
    assert list(found.to_frame().itertuples(index=False, name=None)) == [
        ("message", 400, "expired", ">= 1 d", 1),
        ("message", 409, "closed", "< 1 min", 1),
        ("start", 409, "closed", "< 1 s", 1),
        ("start", 409, "expired", "< 10 min", 1),
    ]
    assert found.conflicts == 3
    assert found.by_since().loc["< 1 min"].to_dict() == {"closed": 1, "expired": 0, "other": 0}
    assert found.by_cause()["share"].tolist() == [0.25] * 4


@pytest.mark.parametrize(
    ("since", "told"),
    [
        (0, "< 1 s"),
        (999, "< 1 s"),
        (1_000, "< 10 s"),
        (59_999, "< 1 min"),
        (60_000, "< 10 min"),
        (3_599_999, "< 1 h"),
        (86_399_999, "< 1 d"),
        (86_400_000, ">= 1 d"),
    ],
)
def test_each_class_begins_where_the_one_before_ends(since: int, told: str):
    found = conflicts.summary(
        operations((0, "close", "a", 200, None, None), (since, "start", "a", 409, CLOSED, None))
    )
    assert found.to_frame()["since"].tolist() == [told]


def test_the_first_accepted_close_counts():
    found = conflicts.summary(
        operations(
            (0, "close", "a", 404, "Session not found", None),
            (5_000, "close", "a", 200, None, None),
            (9_000, "close", "a", 200, None, None),
            (9_500, "start", "a", 409, CLOSED, None),
        )
    )
    assert found.to_frame()["since"].tolist() == ["< 10 s"]


def test_without_sessions_the_time_since_an_expiry_is_unknown():
    refused = operations((5, "start", "a", 409, EXPIRED, None))
    assert conflicts.summary(refused).to_frame()["since"].tolist() == ["unknown"]
    known = sessions(external_id=["a"], expires_at=[ORIGIN])
    assert conflicts.summary(refused, known).to_frame()["since"].tolist() == ["< 1 s"]


def test_a_refusal_before_the_end_is_warned_of():
    refused = operations((5, "start", "a", 409, EXPIRED, None))
    later = sessions(external_id=["a"], expires_at=[ORIGIN + 6])
    with pytest.warns(DataWarning, match="1 operations were refused before the end"):
        found = conflicts.summary(refused, later)
    assert found.to_frame()["since"].tolist() == ["unknown"]


def test_other_errors_are_no_conflicts_and_other_conflicts_have_no_cause():
    found = conflicts.summary(
        operations(
            (0, "start", "a", 400, "Invalid request body", None),
            (1, "start", "a", 409, "Something else", None),
            (2, "start", "a", 500, None, None),
        )
    )
    assert found.by_cause()[["cause", "n"]].to_numpy().tolist() == [["other", 1]]
    assert dict(found.starts) == {"created": 0, "cached": 0, "refused": 1, "failed": 2}
    assert found.cached_rate is None


def test_ids_used_most_come_first_with_their_outcomes():
    replay = play(
        start(0), start(5_000), start(9_000), start(0, chat="b"), start(7_000, chat="b"),
        start(0, chat="c"), close(10_000), start(20_000),
    ).replay  # fmt: skip
    found = conflicts.summary(replay.operations)
    assert found.reused.to_dict("list") == {
        "external_id": ["a", "b"],
        "starts": [4, 2],
        "created": [1, 1],
        "cached": [2, 1],
        "refused": [1, 0],
        "failed": [0, 0],
    }
    assert found.ids == 3
    assert found.cached_rate == 3 / 6


def test_starts_close_together_are_duplicates_in_flight():
    replay = play(start(0), start(1_000), start(2_001), start(2_001, chat="b")).replay
    assert conflicts.summary(replay.operations).duplicates["cached"] == 1
    assert conflicts.summary(replay.operations, in_flight="2s").duplicates["cached"] == 2
    assert "at most 2 s after" in repr(conflicts.summary(replay.operations, in_flight="2s"))


def test_starts_without_an_external_id_are_no_reuse():
    found = conflicts.summary(
        operations((0, "start", None, 201, None, False), (1, "start", None, 201, None, False))
    )
    assert (found.ids, len(found.reused), sum(found.duplicates.values())) == (0, 0, 0)
    assert found.starts["created"] == 2


@few
@given(histories())
def test_counts_are_those_of_counting_by_hand(history: list[dict[str, Any]]):
    replay = sl.replay(events_frame(history))
    found = conflicts.summary(replay.operations, replay.sessions)
    refused = [
        (row.op, row.status_code, "closed" if "closed" in row.error else "expired")
        for row in replay.operations.itertuples()
        if row.status_code in {400, 409}
    ]
    by_cause = found.by_cause()
    told = {(row.op, row.status_code, row.cause): row.n for row in by_cause.itertuples()}
    assert told == Counter(refused)
    assert found.by_since().to_numpy().sum() == len(refused)
    assert "unknown" not in found.to_frame()["since"].tolist()
    assert sum(found.starts.values()) == (replay.operations["op"] == "start").sum()


def test_the_journal_of_a_simulator_tells_the_same_as_its_operations():
    sim = sl.Simulator()
    client = sim.client(max_retries=0)
    new: dict[str, Any] = {
        "type": "chat",
        "task_identifier": "agent",
        "trigger_config": {"base_payload": {}},
    }
    session = client.sessions.start(external_id="a", **new)
    client.sessions.start(**new)
    client.sessions.append(session.id, "hello")
    client.sessions.append("a", "an answer", io="out")
    client.sessions.close(session.id)
    sim.clock.advance("30s")
    for refused in (
        lambda: client.sessions.start(external_id="a", **new),
        lambda: client.sessions.append(session.id, "hello?"),
    ):
        with pytest.raises(sl.SessionClosedError):
            refused()
    frame = conflicts.from_journal(sim.journal)
    assert frame["op"].tolist() == ["start", "start", "message", "close", "start", "message"]
    assert frame["external_id"].isna().tolist() == [False, True, False, False, False, False]
    found = conflicts.summary(sim.journal)
    assert found.to_frame()["since"].tolist() == ["< 1 min", "< 1 min"]
    pd.testing.assert_frame_equal(
        found.to_frame(), conflicts.summary(frame, sim.sessions_frame()).to_frame()
    )


def test_an_empty_frame_has_no_conflicts():
    found = conflicts.summary(empty(OPERATIONS), empty(SESSIONS))
    assert (len(found.to_frame()), found.conflicts, found.cached_rate) == (0, 0, None)
    assert found.by_since().to_numpy().sum() == 0
    assert found.summary()["operations"] == 0


def test_bad_input_is_refused():
    frame = empty(OPERATIONS)
    with pytest.raises(DataError, match="operations, error: the column is missing"):
        conflicts.summary(frame.drop(columns="error"))
    with pytest.raises(DataError, match=r"operations, at: .*times with a zone"):
        conflicts.summary(operations((0, "start", "a", 201, None, False)).assign(at=5))
    with pytest.raises(DataError, match="sessions, expires_at: the column is missing"):
        conflicts.summary(frame, empty(SESSIONS).drop(columns="expires_at"))
    with pytest.raises(DataError, match="stands in several rows"):
        conflicts.summary(frame, sessions(external_id=["a", "a"]))
    with pytest.raises(DataError, match="str is not an entry of a journal"):
        conflicts.summary(["start"])


@pytest.mark.parametrize("engine", [name for name in ENGINES if name != "pandas"])
def test_conflicts_take_frames_of_every_engine(engine: str):
    events = sl.traffic.read(sl.traffic.sample_path("chats.ndjson")).head(400)
    replay = sl.replay(events)
    expected = conflicts.summary(replay.operations)
    table = pa.Table.from_pandas(replay.operations, preserve_index=False)
    # Durations are no part of the question, and DuckDB knows none.
    found = conflicts.summary(ENGINES[engine](table.drop_columns(["waited"])))
    pd.testing.assert_series_equal(found.summary(), expected.summary())


@pytest.mark.parametrize("engine", ENGINES)
def test_operations_that_were_put_together_twice_are_said(engine: str):
    found = play(start(0, lasting=1), start(1), message(2), close(9), start(12)).replay.operations
    conflicts.summary(found)
    part = found[found["session_id"].notna() | (found["op"] == "message")]
    # DuckDB does not take missing durations from Arrow.
    doubled = pd.concat([found, part]).drop(columns="waited")
    table = pa.Table.from_pandas(doubled, preserve_index=False)
    with pytest.warns(DataWarning, match=r"1 rows tell of a start that another .*\(session_id\)"):
        conflicts.summary(ENGINES[engine](table))
    named = pd.concat([found, part]).drop(columns="session_id")
    with pytest.warns(DataWarning, match=r"1 rows tell of a start .*\(external_id\)"):
        conflicts.summary(named)


def test_flags_that_are_text_are_refused_by_name():
    found = play(start(0, lasting=1)).replay.operations.assign(is_cached="true")
    with pytest.raises(DataError, match=r"operations, is_cached: the column holds (str|object)"):
        conflicts.summary(found)
