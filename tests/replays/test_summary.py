"""The page of numbers that a replay is summed up in."""

from __future__ import annotations

import html
import json
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from tests.stories import close, message, play, retrieve, start

if TYPE_CHECKING:
    from session_lab.replays import ReplaySummary


@pytest.fixture
def summary() -> ReplaySummary:
    """Sum up a story of two chats whose numbers are worked out by hand."""
    return play(
        start(0, lasting=5),
        message(2),
        message(30),
        start(40, lasting=5, chat="b"),
        close(60, chat="b"),
        start(61, chat="b"),
        message(62, chat="c"),
        retrieve(63),
        message(900),
        resume_time=2,
        until=500,
    ).replay.summary()


def test_totals_count_events_sessions_runs_and_turns(summary: ReplaySummary):
    assert summary.totals == {
        "events": 8,
        "left out": 1,
        "sessions": 2,
        "runs": 2,
        "turns served": 4,
    }


def test_outcomes_are_told_by_operation_answer_and_reason(summary: ReplaySummary):
    assert summary.outcomes == {
        "start 201": 2,
        "start 409 Session is closed; use a different externalId to create a new session": 1,
        "message 200": 2,
        "message 404 Resource not found": 1,
        "close 200": 1,
        "retrieve 200": 1,
    }


def test_start_kinds_reasons_and_causes_are_counted(summary: ReplaySummary):
    assert summary.start_kinds == {"initial": 2, "queued": 1, "resumed": 1}
    assert summary.reasons == {"initial": 2}
    assert summary.end_causes == {"turn_timeout": 1, "session_closed": 1}


def test_waits_are_waits_that_occurred(summary: ReplaySummary):
    # The four waits are 0, 0, 2 (resumed) and 3 (queued).
    assert summary.waits == {"mean": 1, "p50": 0, "p90": 3, "p95": 3, "p99": 3, "max": 3}


def test_billed_time_is_active_and_idle_time(summary: ReplaySummary):
    # Chat a: 5 + 5 + 5 active, 10 + 10 idle, 10 + 100 suspended; chat b: 5, 10 and 5.
    assert summary.time == {"active": 20, "idle": 30, "billed": 50, "suspended": 115}


def test_concurrency_tells_the_peak_its_instant_and_the_mean(summary: ReplaySummary):
    # Chat a lives from 0 to 147, chat b from 40 to 60; the horizon lies at 500.
    # Chat a holds a slot until 20 and, woken at 30, until 47; chat b until 55.
    assert summary.concurrency == {
        "peak alive": 2,
        "peak alive at": "2026-01-01T00:00:00.040Z",
        "mean alive": round((147 + 20) / 500, 3),
        "peak executing": 2,
        "peak executing at": "2026-01-01T00:00:00.040Z",
        "mean executing": round((20 + 17 + 15) / 500, 3),
    }


def test_the_summary_as_a_dictionary_is_plain_json(summary: ReplaySummary):
    told = summary.to_dict()
    assert json.loads(json.dumps(told)) == told
    assert list(told) == [
        "totals",
        "outcomes",
        "start_kinds",
        "waits_ms",
        "reasons",
        "end_causes",
        "time_ms",
        "cost_dollars",
        "concurrency",
        "prices",
        "notes",
    ]


def test_the_summary_as_a_frame_is_to_be_read(summary: ReplaySummary):
    frame = summary.to_frame()
    assert list(frame.columns) == ["section", "name", "value"]
    shown = frame.set_index(["section", "name"])["value"]
    assert shown["time", "suspended"] == "115 ms"
    assert shown["totals", "turns served"] == "4"
    sections = [part for part in summary.to_dict().values() if isinstance(part, dict)]
    assert len(frame) == sum(map(len, sections))


def test_the_summary_shows_itself_with_its_formula(summary: ReplaySummary):
    for shown in (repr(summary), summary._repr_html_()):
        assert "billed = active + idle" in shown
        assert "start kinds" in shown


def test_what_is_zero_only_by_assumption_is_said_wherever_the_summary_is_shown():
    summary = play(start(0), message(2), message(9, lasting=3), turn_duration=0).replay.summary()
    zeros, silent = summary.notes
    assert zeros.startswith("zero by assumption: boot time, resume time, crash rate, deploys")
    assert silent == "1 of 2 messages do not say how long their turn lasts: 0 s here"
    for note in summary.notes:
        assert note in repr(summary)
        assert note in summary.to_text()
        assert note in html.unescape(summary._repr_html_())
        assert note in summary.to_dict()["notes"]


def test_what_was_said_is_no_assumption():
    settings = {"boot_time": 1, "resume_time": 1, "turn_duration": 1, "crash_rate": 0.1}
    assert play(start(0), message(2), deploys=[9], **settings).replay.summary().notes == ()
    (note,) = play(start(0), message(2), **settings).replay.summary().notes
    assert note.startswith("zero by assumption: deploys;")


def test_more_than_a_fifth_of_404s_is_said():
    answered = [start(0), *[message(1)] * 7]
    silent, said = (
        play(*answered, *[message(2, chat="x")] * n).replay.summary().notes for n in (2, 3)
    )
    assert [note for note in said if note not in silent] == [
        "3 of 11 events (27%) are answered 404: the log holds no start of their chats"
    ]


def test_large_numbers_are_shown_with_separators():
    summary = play(*[start(0, chat=f"chat-{n}") for n in range(1_200)]).replay.summary()
    frame = summary.to_frame()
    assert frame.loc[frame["name"] == "events", "value"].tolist() == ["1,200"]


def test_a_summary_is_frozen(summary: ReplaySummary):
    with pytest.raises(AttributeError):
        summary.totals = {}  # type: ignore[misc]
    assert isinstance(summary.to_frame(), pd.DataFrame)
