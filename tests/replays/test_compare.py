"""Replays of the same traffic against each other, and against what was recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from hypothesis import given

import session_lab as sl
from session_lab.errors import StatisticalWarning
from tests.stories import close, message, play, start
from tests.strategies import events_frame, histories, policies, replays, settings_of

if TYPE_CHECKING:
    from tests.oracles.simpy_model import Policy

mpl.use("Agg")

EVENTS = [
    start(0, lasting=5),
    start(1, lasting=5, chat="b"),
    message(30),
    message(31, chat="b"),
    close(40),
    message(41),
]
MS = pd.Timedelta(1, unit="ms")


def pair() -> tuple[sl.Replay, sl.Replay]:
    """Play the same chats with a short and with a long idle time."""
    short, long = (play(*EVENTS, idle_timeout=idle, resume_time=4) for idle in (10, 50))
    return short.replay, long.replay


def test_events_are_paired_in_the_order_of_the_input():
    first, second = pair()
    events = first.compare(second).events
    assert events["start_kind_first"].tolist()[:4] == ["initial", "initial", "resumed", "resumed"]
    assert events["start_kind_second"].tolist()[:4] == ["initial", "initial", "warm", "warm"]
    differences = [None if pd.isna(span) else span / MS for span in events["waited_difference"]]
    assert differences == [0, 0, -4, -4, None, None]
    assert events["status_code_first"].tolist() == [201, 201, 200, 200, 200, 409]


def test_chats_are_paired_by_external_id():
    first, second = pair()
    chats = first.compare(second).chats.set_index("external_id")
    assert chats.index.tolist() == ["a", "b"]
    assert (chats["waited_difference"] / MS).tolist() == [-4, -4]
    billed = (first.runs["active"] + first.runs["idle"]).sum()
    assert chats["billed_first"].sum() == billed
    assert chats["runs_first"].tolist() == [1, 1]


def test_the_measures_are_those_of_the_frames():
    first, second = pair()
    table = first.compare(second).to_frame().set_index("metric")
    assert table.loc["wait per served turn", ["first", "second"]].tolist() == [0.002, 0.0]
    assert table.loc["cold starts per served turn", "first"] == 0.5
    assert table.loc["refusals per event", "first"] == pytest.approx(1 / 6)
    billed = [((side.runs["active"] + side.runs["idle"]).sum() / MS) / 2_000 for side in pair()]
    assert table.loc["billed time per chat", ["first", "second"]].tolist() == billed
    assert table["difference"].to_numpy() == pytest.approx(
        (table["second"] - table["first"]).to_numpy()
    )
    assert (table["lower"] <= table["difference"]).all()
    assert (table["difference"] <= table["upper"]).all()


def test_the_summary_counts_what_changed():
    first, second = pair()
    assert first.compare(second).summary() == {
        "events": 6,
        "status changed": 0,
        "start kind changed": 2,
        "waited less": 2,
        "waited more": 0,
        "chats": 2,
        "chats changed": 2,
    }
    changes = first.compare(second).start_kinds()
    assert changes.loc["resumed", "warm"] == 2
    assert changes.loc["initial", "initial"] == 2


def test_a_replay_against_itself_changes_nothing():
    first, _ = pair()
    same = first.compare(first)
    assert (same.to_frame()[["difference", "lower", "upper"]] == 0).all().all()
    assert same.summary()["chats changed"] == 0


@replays
@given(history=histories(), one=policies, two=policies)
def test_the_second_against_the_first_is_the_first_against_the_second_turned_round(
    history: list[dict[str, object]], one: Policy, two: Policy
):
    events = events_frame([*history, start(10_000, chat="x"), start(10_001, chat="y")])
    first, second = (sl.replay(events, **settings_of(policy)) for policy in (one, two))
    there, back = first.compare(second, n_resamples=100), second.compare(first, n_resamples=100)
    for ours, theirs in (("difference", "difference"), ("lower", "upper"), ("upper", "lower")):
        np.testing.assert_allclose(there.metrics[ours], -back.metrics[theirs], atol=1e-12)
    waits = [side.operations["waited"] for side in (first, second)]
    assert there.events["waited_difference"].equals(waits[1] - waits[0])
    totals = there.chats[["runs_first", "runs_second"]].sum().tolist()
    assert totals == [len(first.runs), len(second.runs)]


def test_replays_of_other_events_are_refused_with_the_row():
    first, _ = pair()
    other = play(*EVENTS[:-1], message(42)).replay
    with pytest.raises(sl.DataError, match="different events") as refusal:
        first.compare(other)
    assert (refusal.value.row, refusal.value.column) == (5, "at")
    with pytest.raises(sl.DataError, match="6 events and the other 5"):
        first.compare(play(*EVENTS[:-1]).replay)


def test_one_chat_gives_no_interval():
    alone = play(start(0), message(9)).replay
    with pytest.warns(StatisticalWarning, match="1 chats"):
        assert alone.compare(alone).to_frame()["lower"].isna().all()


def test_the_representation_names_the_formula_and_what_the_intervals_rest_on():
    first, second = pair()
    shown = first.compare(second, level=0.9, n_resamples=200)
    assert "bootstrap of whole chats" in repr(shown)
    assert "90% intervals, 200 resamples of 2 chats" in repr(shown)
    assert "90% intervals" in shown.to_html()


def test_the_picture_shows_changes_in_percent():
    first, second = pair()
    ax = first.compare(second).plot()
    assert "wait per served turn -100.0 % (-100.0 to -100.0)" in ax.get_label()
    assert [label.get_text() for label in ax.get_yticklabels()][-1] == "wait per served turn"


def test_fidelity_holds_the_replay_against_the_recording():
    events = events_frame(EVENTS)
    events["recorded_status"] = pd.array([201, 200, 200, None, 200, 400], dtype="Int64")
    found = sl.replay(events).fidelity()
    assert (found.compared, found.left_out, found.differing.tolist()) == (5, 1, [1, 5])
    assert found.to_frame()["agrees"].tolist()[:2] == [False, False]
    # The order of the input is kept whatever the order of time.
    assert sl.replay(events.iloc[::-1]).fidelity().differing.tolist() == [0, 4]


def test_a_recording_without_outcomes_has_no_fidelity():
    first, _ = pair()
    with pytest.raises(sl.DataError, match="no recorded outcomes"):
        first.fidelity()
