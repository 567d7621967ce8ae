"""Warnings name the line of the caller, however deep they are raised."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import session_lab as sl
from tests.stories import close, message, play, start

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

AT = pd.to_datetime(["2026-01-01T00:00Z", "2026-01-02T00:00Z"])
SESSIONS = pd.DataFrame({"session_id": ["a", "b"], "tags": [["x"], ["y"]], "created_at": AT})
UNDATED = play(start(0), close(90)).replay.sessions
UNDATED.attrs.clear()
REPLAY = play(start(0, lasting=5), message(3), close(90)).replay
EVENTS = pd.DataFrame(
    {
        "at": pd.to_datetime(["2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z"]),
        "op": ["start", "message"],
        "external_id": "a",
    }
)
IDS = pd.DataFrame({"tags": [[f"user:{n}"] for n in range(30)]})
CASES: dict[str, Callable[[], Any]] = {
    "test without events": lambda: sl.lifetimes.logrank([1, 2, 3], [1, 1, 0], ["a", "a", "b"]),
    "intervals without ends": lambda: sl.lifetimes.turnbull([0, 1], [None, None]),
    "ids as tags": lambda: sl.tags.namespaces(IDS),
    "ids as tags, counted": lambda: sl.tags.distribution(IDS),
    "few uses": lambda: sl.tags.drift(SESSIONS),
    "runs without times": lambda: sl.churn.cost(
        REPLAY.runs.assign(idle=pd.Timedelta("NaT")), {"micro": 1.0}
    ),
    "rows twice": lambda: sl.churn.reasons(pd.concat([REPLAY.runs, REPLAY.runs])),
    "runs of nobody": lambda: sl.churn.runs_per_session(REPLAY.runs, REPLAY.sessions.head(0)),
    "starts twice": lambda: sl.conflicts.summary(pd.concat([REPLAY.operations] * 2)),
    "rows of an unknown time": lambda: sl.sessions_frame(UNDATED),
    "chats that a window cuts": lambda: sl.traffic.window(
        EVENTS, "2026-01-01T00:00:30Z", "2026-01-02T00:00:00Z", whole="cut"
    ),
    "gaps that are shortened": lambda: sl.traffic.cap_gaps(EVENTS, "10s"),
    "a status that is not stored": lambda: forced("COMPLETED"),
    "one odd time": lambda: sl.churn.cohorts(
        pd.DataFrame({"external_id": "a", "at": [pd.Timestamp(0, tz="UTC"), AT[0]]})
    ),
}


def forced(status: str) -> None:
    sim = sl.Simulator()
    sim.client().sessions.start(
        type="chat.agent",
        task_identifier="chat",
        trigger_config={"base_payload": {}},
        external_id="a",
    )
    sim.set_run_status(sim.runs_frame()["run_id"][0], status)


@pytest.mark.parametrize("case", CASES)
def test_a_warning_names_the_line_of_the_caller(case: str):
    with pytest.warns(sl.SessionLabWarning) as said:
        CASES[case]()
    assert {warning.filename for warning in said} == {__file__}


@pytest.mark.parametrize("ending", ["parquet", "csv", "ndjson"])
def test_so_does_one_of_a_file(ending: str, tmp_path: Path):
    with pytest.warns(sl.DataWarning, match="the column own holds values") as said:
        sl.write_frame(SESSIONS.assign(own=[1, "a"]), tmp_path / f"a.{ending}")
    assert {warning.filename for warning in said} == {__file__}
