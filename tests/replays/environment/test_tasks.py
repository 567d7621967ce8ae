"""Several agents in one environment: what is one's own, and what a fit has of all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import session_lab as sl
from session_lab.analysis.display import read_duration
from tests.environments import joined, renamed

if TYPE_CHECKING:
    from session_lab.replays.environment.fitting.parameters import Parameter

QUICK = sl.Platform(
    boot_time={0: "900ms", 0.5: "1s", 1: "1500ms"}, resume_time={0: "200ms", 1: "400ms"}
)
SLOW = sl.Platform(
    boot_time={0: "6s", 0.5: "8s", 1: "12s"}, resume_time={0: "2s", 1: "4s"}, crash_rate=0.2
)
BOTH = ("support", "research")
FEW = {"resamples": 100, "draws": 2, "calibrated": False}


def recorded(task: str, platform: sl.Platform, seed: int, hours: int = 8) -> sl.Recording:
    workload = sl.ChatWorkload(duration=f"{hours}h", chats_per_hour=12, task_identifier=task)
    events = sl.traffic.generate(workload, seed=seed)
    replay = sl.replay(events, sl.RunPolicy(idle_timeout="20s"), platform, seed=seed)
    return renamed(sl.Recording.of_replay(replay, events), f"-{task}")


@pytest.fixture(scope="module")
def apart() -> dict[str, sl.Recording]:
    return {"support": recorded("support", QUICK, 1), "research": recorded("research", SLOW, 2)}


@pytest.fixture(scope="module")
def both(apart: dict[str, sl.Recording]) -> sl.Recording:
    return joined(*apart.values())


def mean_of(fit: sl.Fit, name: str, task: str) -> Parameter:
    wanted = name, task, None if name == "crash_rate" else "mean"
    return next(one for one in fit.rows if (one.parameter, one.task, one.statistic) == wanted)


def test_times_and_crashes_of_each_agent_are_told(
    both: sl.Recording, apart: dict[str, sl.Recording]
):
    fit = sl.fit(both)
    for task, recording in apart.items():
        alone = sl.fit(recording)
        for name in ("boot_time", "resume_time"):
            value = mean_of(fit, name, task).value
            assert value == pytest.approx(
                next(r.value for r in alone.rows if (r.parameter, r.statistic) == (name, "mean"))
            )
        assert mean_of(fit, "crash_rate", task).value == alone.platform.crash_rate


def test_that_a_platform_is_of_agents_that_differ_is_said_and_by_how_much(both: sl.Recording):
    fit = sl.fit(both)
    (told,) = (one.text for one in fit.caveats if one.about == "tasks")
    for name, words in (("boot_time", "a boot"), ("resume_time", "a resume")):
        quick, slow = (read_duration(round(mean_of(fit, name, task).value or 0)) for task in BOTH)
        assert f"{words} {quick} (support) to {slow} (research)" in told
    assert "crashes 0.00% (support) to" in told
    decision = sl.decide(both, {"idle_timeout": ["5s", "1m"]}, fit, **FEW)
    assert decision.remarks[0] == told
    assert told not in decision.rest
    # Also where the model was given, and not fitted.
    assert told in sl.calibrate(both, fit.policy, fit.platform).notes
    assert sl.calibrate(both).notes.count(told) == 1


def test_agents_of_which_no_difference_is_sure_are_no_remark():
    both = joined(recorded("support", QUICK, 3), recorded("sales", QUICK, 4))
    fit = sl.fit(both)
    assert not [one for one in fit.caveats if one.about == "tasks"]
    assert any("those of all tasks together; choices are by task" in note for note in fit.notes)
    one = sl.fit(both.of_task("sales"))
    assert not any("all tasks" in note for note in one.notes)


def test_one_agent_is_taken_by_itself(both: sl.Recording, apart: dict[str, sl.Recording]):
    for task, alone in apart.items():
        one = both.of_task(task)
        assert (one.period, one.observed_at) == (both.period, both.observed_at)
        assert {name: len(frame) for name, frame in one.frames.items()} == {
            name: len(frame) for name, frame in alone.frames.items()
        }
        assert one.digest() == alone.digest()
        assert sl.fit(one).platform == sl.fit(alone).platform


def test_an_agent_that_is_not_there_is_refused_by_name(both: sl.Recording):
    with pytest.raises(sl.DataError, match="no session is of task 'suport'; there are 'research'"):
        both.of_task("suport")
