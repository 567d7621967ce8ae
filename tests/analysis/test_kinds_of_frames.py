"""A frame of another kind is refused by name, by every analysis; what is no frame as well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import session_lab as sl

if TYPE_CHECKING:
    from pathlib import Path

EVENTS = sl.traffic.read(sl.traffic.sample_path("chats.ndjson"))
REPLAY = sl.replay(EVENTS, sl.RunPolicy(), sl.Platform(boot_time="3s"))
FRAMES = {
    "sessions": REPLAY.sessions,
    "runs": REPLAY.runs,
    "operations": REPLAY.operations,
    "events": EVENTS,
    "policies": sl.sweep(EVENTS, {"idle_timeout": ["10s", "60s"]}),
}
OF: dict[str, list[Any]] = {
    "sessions": [
        sl.lifetimes.survival,
        sl.lifetimes.incidence,
        sl.tags.distribution,
        sl.tags.cooccurrence,
        sl.tags.namespaces,
        sl.tags.by_status,
        sl.explore,
        sl.widgets.TagExplorer,
        sl.widgets.LifetimeExplorer,
    ],
    "runs": [
        sl.churn.runs_per_session,
        sl.churn.gaps,
        sl.churn.reasons,
        sl.churn.transitions,
        sl.churn.cost,
        sl.widgets.ChurnExplorer,
    ],
    "operations": [sl.conflicts.summary, sl.churn.start_kinds],
    "policies": [sl.recommend],
}
CASES = [(kind, analyse) for kind, many in OF.items() for analyse in many]


@pytest.mark.parametrize(("kind", "analyse"), CASES, ids=lambda one: getattr(one, "__name__", one))
def test_a_frame_of_another_kind_is_refused(kind: str, analyse: Any):
    others = [frame for name, frame in FRAMES.items() if name != kind]
    for other in [*others, None, [1, 2], "sessions.parquet", {"a": 1}, np.arange(3)]:
        with pytest.raises(sl.DataError):
            analyse(other)


def test_the_error_says_what_it_is_and_what_is_wanted():
    with pytest.raises(sl.DataError, match=r"a frame of sessions .* and runs here"):
        sl.churn.runs_per_session(REPLAY.sessions)
    with pytest.raises(sl.DataError, match=r"a frame of policies .* and sessions here"):
        sl.lifetimes.survival(FRAMES["policies"])
    table = pa.Table.from_pandas(REPLAY.sessions[["session_id", "created_at"]])
    with pytest.raises(sl.DataError, match=r"a frame of sessions .* and runs here"):
        sl.churn.gaps(table)


def test_a_frame_that_is_joined_of_two_is_of_either_kind():
    joined = REPLAY.runs.merge(
        REPLAY.sessions[["session_id", "created_at", "lifetime"]], on="session_id"
    ).rename(columns={"end_cause": "ended_by"})
    runs = sl.churn.runs_per_session(joined)
    assert runs.to_frame().equals(sl.churn.runs_per_session(REPLAY.runs).to_frame())
    first = joined.drop_duplicates("session_id").assign(end_cause="closed")
    assert sl.lifetimes.survival(first).to_frame()["at_risk"].max() == len(first)


@pytest.mark.parametrize("given", [REPLAY.sessions, pd.DataFrame(), None, [1], "log.csv"])
def test_what_is_not_a_log_has_no_sessions(given: Any):
    with pytest.raises(sl.DataError):
        sl.sessions_of_log(given)


def test_a_report_is_of_sessions(tmp_path: Path):
    for given in (None, [1], REPLAY.runs, FRAMES["policies"]):
        with pytest.raises(sl.DataError):
            sl.report(tmp_path / "report.html", given)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("given", [REPLAY.sessions, None, "abc", {"a": 1}, [[1], [2]]])
def test_counts_are_a_row_of_numbers(given: Any):
    with pytest.raises(sl.DataError):
        sl.tags.concentration(given)
    with pytest.raises(sl.DataError):
        sl.tags.jensen_shannon(given, [1, 2])
    with pytest.raises(sl.DataError, match="equally many, not 2 and 3"):
        sl.tags.jensen_shannon([1, 2], [1, 2, 3])


def test_what_is_neither_tag_nor_journal_is_refused():
    for given in (None, 5, ["a:b"]):
        with pytest.raises(sl.DataError, match="is not a tag"):
            sl.tags.split(given)
    with pytest.raises(sl.DataError, match="is not the journal of a simulator"):
        sl.conflicts.from_journal(None)
