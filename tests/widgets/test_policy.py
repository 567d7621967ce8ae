"""The what-if explorer: the numbers of a replay, and messages in the place of tracebacks."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import session_lab as sl
from session_lab.analysis.display import cell_texts
from session_lab.frames import EVENTS as SCHEMA
from session_lab.frames import build, empty
from session_lab.widgets import PolicyExplorer, PolicyState, Selection
from session_lab.widgets.parts.view import View
from tests.widgets.looking import control, picture, text, tree
from tests.widgets.replays import EVENTS, RUNS, SESSIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

BASE, PLATFORM = sl.RunPolicy(max_duration="2h"), sl.Platform(resume_time="2s", crash_rate=0.2)
_FIRST = "a first answer from a few of the chats"
states = st.builds(
    PolicyState,
    selection=st.builds(
        Selection,
        type=st.sampled_from([(), ("batch",), ("chat.agent",)]),
        tags=st.sampled_from([(), ("vip",)]),
        created_from=st.none() | st.just("2026-01-01T05:00:00Z"),
    ),
    idle_timeout=st.sampled_from(["0s", "7s", "30s", "90s", "1h"]),
    turn_timeout=st.sampled_from(["1m", "1h", "1d"]),
    max_turns=st.integers(1, 6),
    expiry=st.none() | st.sampled_from(["30m", "1d"]),
    boot_time=st.sampled_from(["0s", "3s", "1m"]),
    resume_time=st.sampled_from(["0s", "2s", "10s"]),
    is_varied=st.booleans(),
    concurrency_limit=st.none() | st.none() | st.sampled_from([1, 3, 100]),
)


@pytest.fixture(scope="module", params=[None, SESSIONS], ids=["log alone", "with sessions"])
def explorer(request: pytest.FixtureRequest) -> Iterator[PolicyExplorer]:
    made = PolicyExplorer(EVENTS, request.param, policy=BASE, platform=PLATFORM)
    made.hide()
    yield made
    made.close()


@settings(max_examples=max(100, settings().max_examples))
@given(state=states)
def test_what_is_shown_is_what_the_code_makes(explorer: PolicyExplorer, state: PolicyState):
    explorer.state = state
    names = {"sl": sl, "events": EVENTS, "sessions": SESSIONS}
    try:
        found = explorer.data()
    except sl.DataError:  # No turn is served.
        with pytest.raises(sl.DataError, match="no policy served a turn"):
            eval(explorer.code(), names)  # noqa: S307
        return
    made = eval(explorer.code(), names)  # noqa: S307
    pd.testing.assert_frame_equal(found.policies, made.policies)
    assert (found.chosen, found.current, found.notes) == (made.chosen, made.current, made.notes)


@settings(max_examples=max(50, settings().max_examples // 4))
@given(state=states.filter(lambda state: state.expiry is None and state.concurrency_limit is None))
def test_the_policy_of_today_has_the_numbers_of_its_replay(
    explorer: PolicyExplorer, state: PolicyState
):
    explorer.state = state
    try:
        today = explorer.data().today
    except sl.DataError:
        return  # No turn is served.
    policy = replace(BASE, **state.settings)
    chosen = EVENTS
    if state.selection.criteria:
        sessions = sl.sessions_of_log(EVENTS) if "_log(" in explorer.code() else SESSIONS
        chosen = sl.of_sessions(EVENTS, sl.select(sessions, **state.selection.criteria))
    replay = sl.replay(chosen, policy, replace(PLATFORM, **state.times))
    summary = replay.summary().to_dict()
    assert today["turns"] == summary["totals"]["turns served"]
    assert today["billed"] == pd.Timedelta(milliseconds=summary["time_ms"]["billed"])
    for name in ("mean", "p50", "p95", "p99"):
        expected = pd.Timedelta(milliseconds=summary["waits_ms"].get(name, 0))
        assert today[f"wait_{name}"] == expected


def test_events_are_those_of_the_sessions_selected(explorer: PolicyExplorer):
    explorer.state = PolicyState(
        selection=Selection(tags="vip"), turn_timeout="1m", resume_time="2s"
    )
    vip = {f"chat-{number}" for number in range(0, 24, 4)}
    chosen = EVENTS[EVENTS["external_id"].isin(vip)]
    policy = replace(BASE, turn_timeout="1m")
    expected = sl.replay(chosen, policy, PLATFORM).summary()
    today = explorer.data().today
    assert today["turns"] == expected.totals["turns served"]
    assert today["billed"] == pd.Timedelta(milliseconds=expected.time["billed"])


def test_every_idle_timeout_is_one_that_a_replay_has():
    explorer = PolicyExplorer(EVENTS, policy=BASE, platform=PLATFORM)
    explorer.state = replace(explorer.state, idle_timeout="7s")
    frame = explorer.data().policies
    assert explorer.data().today["idle_timeout"] == pd.Timedelta("7s")
    assert frame["idle_timeout"].is_monotonic_increasing
    for row in frame.itertuples():
        policy = replace(BASE, idle_timeout=row.idle_timeout.to_pytimedelta())
        summary = sl.replay(EVENTS, policy, PLATFORM).summary()
        assert row.billed == pd.Timedelta(milliseconds=summary.time["billed"])
        assert row.wait_mean == pd.Timedelta(milliseconds=summary.waits["mean"])
        assert row.wait_p95 == pd.Timedelta(milliseconds=summary.waits["p95"])
        beaten = (frame["billed"] <= row.billed) & (frame["wait_mean"] <= row.wait_mean)
        beaten &= (frame["billed"] < row.billed) | (frame["wait_mean"] < row.wait_mean)
        assert row.front == (not beaten.any())
    explorer.close()


def test_a_slider_moves_the_point_and_the_code():
    explorer = PolicyExplorer(EVENTS, policy=BASE, platform=PLATFORM)
    before = picture(explorer)
    control(explorer, "Idle timeout").value = "5 min"
    assert "idle_timeout=&#x27;5 min&#x27;" in text(explorer)
    assert "Today: idle_timeout 5 min." in explorer.to_html()
    assert picture(explorer) != before
    explorer.close()


def test_a_slider_keeps_its_durations_in_order():
    explorer = PolicyExplorer(EVENTS, policy=BASE, platform=PLATFORM)
    explorer.state = replace(explorer.state, idle_timeout="45s", boot_time="90s")
    idle = [value for _, value in control(explorer, "Idle timeout").options]
    assert idle[idle.index("45 s") - 1 :][:3] == ["30 s", "45 s", "1 min"]
    assert [value for _, value in control(explorer, "Boot time").options][-1] == "1 min 30 s"
    explorer.close()


def test_what_else_the_policy_says_stays():
    explorer = PolicyExplorer(EVENTS, policy=replace(BASE, idle_timeout="45s"), platform=PLATFORM)
    assert explorer.state.idle_timeout == "45 s"
    assert control(explorer, "Idle timeout").value == "45 s"
    assert "resume_time='2 s'" in explorer.code()
    explorer.close()


@pytest.mark.parametrize("wrong", [{"idle_timeout": "30"}, {"max_turns": 0}, {"expiry": "soon"}])
def test_states_that_no_policy_can_have_are_refused(wrong: dict[str, Any]):
    with pytest.raises(sl.DataError):
        PolicyState(**wrong)


@pytest.mark.parametrize(
    ("events", "said"),
    [
        (empty(SCHEMA), "no turn is served"),
        (EVENTS[EVENTS["op"] == "retrieve"], "no turn is served"),
        (EVENTS.assign(turn_duration=pd.NaT)[EVENTS["op"] == "start"], "no turn is served"),
        (pd.DataFrame(), "the column is missing"),
        (build(SCHEMA, {}, n=2), "row 0, at: NaT is missing"),
    ],
    ids=["no events", "no starts", "no turns", "no columns", "all missing"],
)
def test_logs_without_turns_get_a_message(events: pd.DataFrame, said: str):
    explorer = PolicyExplorer(events)
    assert said in text(explorer)
    assert not picture(explorer)
    explorer.close()


def test_tabs_have_what_was_given():
    exploration = sl.explore(SESSIONS, RUNS, events=EVENTS, policy=BASE, platform=PLATFORM)
    assert "crash_rate=0.2" in exploration["What if"].code()
    assert list(exploration.explorers) == ["Tags", "Lifetimes", "Churn", "What if"]
    exploration.selection = Selection(tags="vip")
    for title in ("Churn", "What if"):
        assert "sl.select(sessions, tags=('vip',))" in exploration[title].code()
    assert exploration.to_html().count("<img alt=") == 4
    exploration.close()


def test_without_boot_and_resume_time_it_is_said_that_one_second_looks_free():
    explorer = PolicyExplorer(EVENTS)
    assert "no turn waits for its run and the shortest timeout looks free" in text(explorer)
    assert len(set(explorer.data().policies["wait_mean"])) == 1
    control(explorer, "Resume time").value = "2 s"
    assert "looks free" not in text(explorer)
    assert "resume_time='2 s'" in explorer.code()
    explorer.close()


def test_how_sure_a_recommendation_is_is_seen_under_other_times():
    explorer = PolicyExplorer(EVENTS, platform=sl.Platform(boot_time="3s"))
    assert explorer.data().sensitivity == {}
    control(explorer, "How sure?").value = True
    found = explorer.data()
    assert set(found.sensitivity) == {
        "boot_time 1.5 s", "boot_time 6 s", "resume_time 500 ms", "resume_time 5 s",
    }  # fmt: skip
    told = [note for note in found.notes if "under" in note]
    assert told
    assert told[0] in text(explorer)
    made = eval(explorer.code(), {"sl": sl, "events": EVENTS})  # noqa: S307
    assert (made.sensitivity, made.notes) == (found.sensitivity, found.notes)
    explorer.close()


def test_a_time_that_is_a_distribution_stays_one():
    platform = sl.Platform(boot_time=sl.Distribution({0: "1s", 1: "4s"}))
    explorer = PolicyExplorer(EVENTS, platform=platform)
    assert control(explorer, "Boot time").disabled
    made = eval(explorer.code(), {"sl": sl, "events": EVENTS})  # noqa: S307
    pd.testing.assert_frame_equal(explorer.data().policies, made.policies)
    explorer.close()


def test_a_limit_of_runs_at_once_is_what_the_sweep_plays():
    explorer = PolicyExplorer(EVENTS, platform=PLATFORM)
    control(explorer, "Runs at once").value = 2
    made = eval(explorer.code(), {"sl": sl, "events": EVENTS})  # noqa: S307
    pd.testing.assert_frame_equal(explorer.data().policies, made.policies)
    assert (made.policies["peak_executing"] <= 2).all()
    with pytest.raises(sl.DataError, match="0 is not a number of runs from 1"):
        replace(explorer.state, concurrency_limit=0)
    explorer.close()


def test_a_click_on_a_point_moves_the_idle_timeout():
    explorer = PolicyExplorer(EVENTS, platform=sl.Platform(boot_time="3s"))
    view = next(one for one in tree(explorer.widget) if isinstance(one, View))
    told = {place[0]: place[1] for place in view.scene["places"]}
    assert list(told)[:2] == ["1 s", "5 s"]
    policies = explorer.data().policies.set_index("idle_timeout")
    for key, words in told.items():
        waited = cell_texts(policies.loc[[key], "wait_mean"])[0]
        assert words.startswith(f"{key}: wait mean {waited}, billed ")
    view._on_message(None, {"pick": "5 min"}, [])  # noqa: SLF001  what the browser sends
    assert explorer.state.idle_timeout == "5 min"
    assert view.picked == ["5 min"]
    for mark in ("3 min", "", ("1 s", "5 s")):
        with pytest.raises(sl.DataError, match="is not an idle timeout of the picture"):
            explorer.pick(mark)
    assert explorer.state.idle_timeout == "5 min"
    explorer.close()


@pytest.fixture
def some_chats_answer_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take a log of few chats for one of many."""
    monkeypatch.setattr("session_lab.widgets.policy._MANY", 10)
    monkeypatch.setattr("session_lab.widgets.policy._NTH", 2)
    monkeypatch.setattr("session_lab.widgets.parts.resting._REST", 0.02)


@pytest.mark.usefixtures("some_chats_answer_first")
def test_some_of_many_chats_answer_first_and_all_of_them_at_rest():
    explorer = PolicyExplorer(EVENTS, platform=PLATFORM)
    opened = text(explorer)

    async def drag() -> tuple[str, str]:
        for timeout in ("5 min", "30 min"):
            control(explorer, "Turn timeout").value = timeout
        dragged = text(explorer), picture(explorer)
        made = eval(explorer.code(), {"sl": sl, "events": EVENTS})  # noqa: S307
        pd.testing.assert_frame_equal(explorer.data().policies, made.policies)
        while _FIRST in text(explorer):  # noqa: ASYNC110  what is shown is what is waited for
            await asyncio.sleep(0.01)
        return dragged

    words, drawn = asyncio.run(asyncio.wait_for(drag(), 60))
    whole = PolicyExplorer(EVENTS, platform=PLATFORM)
    whole.state = explorer.state
    assert [_FIRST in one for one in (opened, words, text(whole))] == [False, True, False]
    assert drawn != picture(explorer) == picture(whole)
    assert words.split(" sessions")[0] == text(whole).split(" sessions")[0]
    for one in (explorer, whole):
        one.close()


@pytest.mark.usefixtures("some_chats_answer_first")
def test_a_page_and_a_limit_are_of_all_chats():
    explorer = PolicyExplorer(EVENTS, platform=PLATFORM)

    async def drag() -> list[str]:
        control(explorer, "Turn timeout").value = "5 min"
        dragged = [text(explorer), explorer.to_html()]
        control(explorer, "Runs at once").value = 2
        return [*dragged, text(explorer)]

    assert [_FIRST in one for one in asyncio.run(drag())] == [True, False, False]
    explorer.close()
