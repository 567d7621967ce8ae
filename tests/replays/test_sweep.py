"""Sweeps say of every policy what a replay says, wherever they are played."""

from __future__ import annotations

import importlib
import itertools
import os
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import session_lab as sl
from session_lab.analysis.replays.recommend import pareto_front
from session_lab.errors import DataError
from session_lab.frames import NAT, milliseconds
from session_lab.replays.sweep import GroupedSweep
from tests.stories import close, message, start
from tests.strategies import events_frame, histories, policies, replays, settings_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HISTORY = (
    start(0, lasting=5_000),
    message(20_000, lasting=3_000),
    start(25_000, lasting=5_000, chat="b"),
    message(90_000),
    message(200_000, chat="b"),
    message(8_000_000),
    close(8_100_000),
    message(8_200_000),
)
PLATFORM = sl.Platform(boot_time="2s", resume_time="500ms", turn_duration="4s")
GRID = {"idle_timeout": ["5s", "1m"], "turn_timeout": ["1m", "1h", "5h"]}


def events() -> pd.DataFrame:
    return events_frame(list(HISTORY))


def expiring(frame: pd.DataFrame, after: str) -> pd.DataFrame:
    """Let every session expire so long after its first start."""
    starts = frame[frame["op"] == "start"].groupby("external_id")["at"].min()
    expires_at = frame["external_id"].map(starts) + pd.Timedelta(after)
    return frame.assign(expires_at=expires_at.where(frame["op"] == "start"))


def of_replay(replay: sl.Replay) -> dict[str, Any]:
    """What the row of a sweep should say."""
    told = replay.summary()
    turns = told.totals["turns served"]
    refused = (replay.operations["status_code"] >= 400).sum()
    kinds = told.start_kinds
    triggering = sum(kinds.get(kind, 0) for kind in ("initial", "continuation", "upgrade"))
    waits = {f"wait_{name}": told.waits.get(name) for name in ("p50", "p95", "p99")}
    return {
        "turns": turns,
        **waits,
        "cold_starts": triggering / turns if turns else None,
        "resumed": kinds.get("resumed", 0) / turns if turns else None,
        "runs": told.totals["runs"],
        "refused": refused,
        **{name: told.time[name] for name in ("billed", "idle", "suspended")},
    }


def of_sweep(frame: pd.DataFrame, row: int) -> dict[str, Any]:
    def plain(name: str) -> Any:
        if frame[name].dtype.kind == "m":
            number = milliseconds(frame[name])[row]
            return None if number == NAT else number
        return None if pd.isna(frame[name][row]) else frame[name][row]

    return {name: plain(name) for name in of_replay(sl.replay(events()))}


def test_each_row_says_what_a_replay_of_its_policy_says():
    frame = sl.sweep(events(), GRID, platform=PLATFORM)
    assert len(frame) == 6
    for row, (idle, turn) in enumerate((i, t) for i in ("5s", "1m") for t in ("1m", "1h", "5h")):
        policy = sl.RunPolicy(idle_timeout=idle, turn_timeout=turn)
        assert frame["idle_timeout"][row] == pd.Timedelta(idle)
        assert frame["turn_timeout"][row] == pd.Timedelta(turn)
        assert of_sweep(frame, row) == of_replay(sl.replay(events(), policy, PLATFORM))
        mean = sl.replay(events(), policy, PLATFORM).summary().waits["mean"]
        assert frame["wait_mean"][row] == pd.Timedelta(mean, unit="ms")


@replays
@given(histories(), st.lists(policies, min_size=1, max_size=3), st.none() | st.integers(0, 60))
def test_any_policy_in_a_sweep_is_as_in_a_replay(history: Any, tried: Any, until: int | None):
    frame = events_frame(history)
    horizon = None if until is None else frame["at"].min() + pd.Timedelta(until, unit="ms")
    for settings in map(settings_of, tried):
        policy = settings["policy"]
        grid = {
            "max_turns": [7, policy.max_turns],
            "on_deploy": ["stay", policy.on_deploy],
            "exit_after_preload_idle": [False, policy.exit_after_preload_idle],
        }
        swept = sl.sweep(frame, grid, **settings, seed=3, until=horizon)
        alone = of_replay(sl.replay(frame, **settings, seed=3, until=horizon))
        assert of_sweep(swept, 7) == alone


def test_a_log_grouped_once_may_be_swept_often():
    grouped = GroupedSweep(events())
    for platform in (PLATFORM, sl.Platform(boot_time={0: "1s", 1: "9s"})):
        options = {
            "policy": sl.RunPolicy(max_turns=2),
            "platform": platform,
            "prices": {"small-1x": 1.0},
        }
        pd.testing.assert_frame_equal(
            grouped.sweep(GRID, **options, sensitivity={"boot_time": ["2s"]}),
            sl.sweep(events(), GRID, **options, sensitivity={"boot_time": ["2s"]}),
        )


def test_an_expiry_replaces_every_recorded_one():
    frame = events_frame([start(0, lasting=5, expires_at=10), message(20), message(90_000)])
    swept = sl.sweep(frame, {"expiry": ["15ms", "1m", None]}, platform=PLATFORM)
    assert swept["refused"].tolist() == [2, 1, 0]
    for row, after in enumerate(["15ms", "1m"]):
        assert of_sweep(swept, row) == of_replay(sl.replay(expiring(frame, after), None, PLATFORM))
    never = frame.drop(columns="expires_at")
    assert of_sweep(swept, 2) == of_replay(sl.replay(never, None, PLATFORM))
    assert swept["expiry"].isna().tolist() == [False, False, True]


def test_without_an_expiry_in_the_grid_the_recorded_one_holds():
    frame = events_frame([start(0, lasting=5, expires_at=10), message(20)])
    assert sl.sweep(frame, {"max_turns": [1]})["refused"].tolist() == [1]


def test_events_may_come_in_any_order_and_are_left_alone():
    given = events().iloc[::-1]
    before = given.copy(deep=True)
    # Nothing happens at the same instant here, so the order of rows says nothing.
    pd.testing.assert_frame_equal(sl.sweep(given, GRID), sl.sweep(events(), GRID))
    pd.testing.assert_frame_equal(given, before)


def test_a_policy_of_each_task_is_changed_in_the_fields_of_the_grid():
    frame = events().assign(task_identifier=["x", "x", "y", "x", "y", "x", "x", "x"])
    tasks = {"x": sl.RunPolicy(), "y": sl.RunPolicy(max_turns=2)}
    swept = sl.sweep(frame, {"idle_timeout": ["7s"]}, policy=tasks, platform=PLATFORM)
    changed = {
        "x": sl.RunPolicy(idle_timeout="7s"),
        "y": sl.RunPolicy(idle_timeout="7s", max_turns=2),
    }
    assert of_sweep(swept, 0) == of_replay(sl.replay(frame, changed, PLATFORM))


def test_every_choice_can_be_tried():
    grid = {
        "max_duration": [None, "4s"],
        "preload_idle_timeout": [None, "1s"],
        "preload_timeout": [None, "1s"],
        "exit_after_preload_idle": [False, True],
        "on_deploy": ["stay", "hand_over"],
    }
    frame = events_frame([start(0), message(9_000, lasting=5_000), message(99_000)])
    platform = sl.Platform(deploys=[frame["at"][2]])
    swept = sl.sweep(frame, grid, platform=platform)
    for row, choices in enumerate(itertools.product(*grid.values())):
        policy = sl.RunPolicy(**dict(zip(grid, choices, strict=True)))
        assert of_sweep(swept, row) == of_replay(sl.replay(frame, policy, platform))
    assert swept["on_deploy"].tolist()[:2] == ["stay", "hand_over"]
    assert swept["exit_after_preload_idle"].dtype == bool
    assert swept["max_duration"].isna().sum() == 16


SENSITIVITY = {"boot_time": ["9s", {0: "1s", 1: "9s"}], "crash_rate": [0.5]}


def test_an_assumption_is_varied_by_itself_and_never_recommended():
    swept = sl.sweep(events(), GRID, platform=PLATFORM, sensitivity=SENSITIVITY)
    boots = sl.Distribution({0: "1s", 1: "9s"})
    platforms = {
        "": PLATFORM,
        "boot_time 9 s": replace(PLATFORM, boot_time="9s"),
        f"boot_time {boots!r}": replace(PLATFORM, boot_time=boots),
        "crash_rate 0.5": replace(PLATFORM, crash_rate=0.5),
    }
    assert swept["assumption"].unique().tolist() == list(platforms)
    choice = sl.recommend(swept, at_most="1s")
    for name, platform in platforms.items():
        alone = sl.sweep(events(), GRID, platform=platform)
        part = swept[swept["assumption"] == name].drop(columns="assumption")
        pd.testing.assert_frame_equal(part.reset_index(drop=True), alone)
        settings = sl.recommend(alone, at_most="1s").settings
        assert (choice.settings if name == "" else choice.sensitivity[name]) == settings


def test_a_choice_that_depends_on_no_assumption_says_so():
    swept = table(**POLICIES, assumption=["", "", "", "boot_time 9 s", "boot_time 9 s"])
    assert "under boot_time 9 s it would be idle_timeout 4 s" in sl.recommend(swept).notes
    same = pd.concat([table(**POLICIES, assumption=name) for name in ("", "boot_time 9 s")])
    assert "the same is recommended under boot_time 9 s" in sl.recommend(same).notes


def test_prices_are_those_of_the_replays_cost():
    prices = {"small-1x": 0.5, "micro": 0.1}
    swept = sl.sweep(events(), {"idle_timeout": ["30s"]}, prices=prices, per_run=2.0)
    cost = sl.replay(events()).cost(prices, per_run=2.0)
    for machine in prices:
        assert swept[f"price_{machine}"].tolist() == [cost.total(machine)]


def test_a_log_without_events_has_no_waits_and_no_front():
    swept = sl.sweep(events().head(0), GRID)
    assert swept["turns"].tolist() == [0] * 6
    assert swept["wait_p95"].isna().all()
    assert not swept["front"].any()
    with pytest.raises(DataError, match="no policy served a turn"):
        sl.recommend(swept)


@pytest.mark.parametrize(
    ("grid", "place", "said"),
    [
        ({}, "grid", "not a mapping"),
        ({"idle": ["5s"]}, "grid, idle", "idle_timeout, turn_timeout"),
        ({"idle_timeout": "5s"}, "grid, idle_timeout", "'5s' is not a list"),
        ({"idle_timeout": []}, "grid, idle_timeout", "no value"),
        ({"max_turns": b"5"}, "grid, max_turns", "b'5' is not a list"),
        ({"max_turns": np.array(5)}, "grid, max_turns", "array\\(5\\) is not a list"),
        ({"idle_timeout": {"5s"}}, "grid, idle_timeout", "since a set has no order"),
        ({"idle_timeout": ["5s", 30]}, "grid, idle_timeout", "30 is not a duration with a unit"),
        ({"turn_timeout": ["200000d"]}, "grid, turn_timeout", "longer than a century"),
        ({"max_turns": [0]}, "grid, max_turns", "0 is not a whole number of 1 or more"),
        ({"boot_time": ["1s"]}, "grid, boot_time", "give it in platform="),
        ({"on_deploy": ["leave"]}, "grid, on_deploy", "'leave' is not one of stay"),
        ({"expiry": [timedelta(-1)]}, "grid, expiry", "negative"),
    ],
)
def test_a_grid_that_cannot_be_played_is_refused_with_field_and_value(
    grid: Any, place: str, said: str
):
    with pytest.raises(DataError, match=said) as caught:
        sl.sweep(events(), grid)
    assert str(caught.value).startswith(f"{place}: ")


@pytest.mark.parametrize(
    ("sensitivity", "place", "said"),
    [
        ({}, "sensitivity", "not a mapping"),
        ({"idle_timeout": ["5s"]}, "sensitivity, idle_timeout", "try it in the grid"),
        ({"crash_rate": [1.5]}, "sensitivity, crash_rate", "1.5 is not a probability"),
        ({"deploys": ["2026-01-01T00:00:00Z"]}, "sensitivity, deploys", "not a list of instants"),
    ],
)
def test_assumptions_that_cannot_be_varied_are_refused_with_field_and_value(
    sensitivity: Any, place: str, said: str
):
    with pytest.raises(DataError, match=said) as caught:
        sl.sweep(events(), GRID, sensitivity=sensitivity)
    assert str(caught.value).startswith(f"{place}: ")


def test_what_is_no_dask_client_is_refused():
    with pytest.raises(DataError, match="not a blocking client"):
        sl.sweep(events(), GRID, scheduler="threads")


def test_progress_goes_to_standard_error(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    module = importlib.import_module("session_lab.replays.sweep")
    at_once = module.tqdm
    monkeypatch.setattr(module, "tqdm", lambda **options: at_once(**options | {"delay": 0}))
    sl.sweep(events(), GRID, progress=True)
    said = capsys.readouterr()
    assert said.out == ""
    assert "6/6" in said.err


def table(**columns: list[Any]) -> pd.DataFrame:
    frame = pd.DataFrame({"refused": 0, "runs": 1, **columns})
    for name in ("idle_timeout", "wait_p95", "billed"):
        if name in frame:
            frame[name] = pd.to_timedelta(frame[name], unit="s").astype("timedelta64[ms]")
    return frame


POLICIES = {
    "idle_timeout": [1, 2, 3, 4, 5],
    "wait_p95": [10, 3, 4, 2, 2],
    "billed": [10, 12, 15, 30, 30],
}


def test_the_front_holds_what_nothing_beats():
    assert pareto_front(table(**POLICIES), "wait_p95", "billed").tolist() == [
        True,
        True,
        False,
        True,
        True,
    ]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=12))
def test_every_policy_is_on_the_front_or_beaten_by_one_that_is(pairs: list[tuple[int, int]]):
    frame = pd.DataFrame(pairs, columns=["wait", "cost"])
    front = pareto_front(frame, "wait", "cost").tolist()
    best = [pair for pair, is_best in zip(pairs, front, strict=True) if is_best]
    for (wait, cost), is_best in zip(pairs, front, strict=True):
        beaten = any(w <= wait and c <= cost and (w, c) != (wait, cost) for w, c in best)
        assert beaten is not is_best


def test_the_cheapest_that_waits_no_longer_is_recommended():
    choice = sl.recommend(table(**POLICIES), at_most="5s")
    assert (choice.chosen, choice.settings) == (1, {"idle_timeout": "2 s"})
    assert "at most 5 s" in choice.rule
    assert sl.recommend(table(**POLICIES), at_most="1m").chosen == 0


def test_the_one_that_waits_least_is_named_where_none_is_quick_enough():
    choice = sl.recommend(table(**POLICIES), at_most="1s")
    assert choice.chosen == 3
    assert choice.rule.startswith("no policy has wait_p95 of at most 1 s")


def test_the_knee_is_recommended_without_a_limit_and_says_what_it_assumes():
    choice = sl.recommend(table(**POLICIES))
    assert choice.chosen == 1
    assert "assumes" in choice.rule
    assert choice.to_frame()["chosen"].tolist() == [False, True, False, False]


def test_of_a_long_front_the_recommended_policy_and_its_neighbours_are_shown():
    n = range(1, 41)
    frame = table(idle_timeout=list(n), wait_p95=list(reversed(n)), billed=list(n))
    shown = {
        limit: sl.recommend(frame, at_most=limit).overview()["idle_timeout"].dt.total_seconds()
        for limit in ("40s", "20s", "1s")
    }
    assert [(each.min(), each.max(), len(each)) for each in shown.values()] == [
        (1, 11, 11),
        (16, 26, 11),
        (35, 40, 6),
    ]
    assert "shown: 11 of the 40 policies on the front" in repr(sl.recommend(frame, at_most="20s"))
    assert "shown:" not in repr(sl.recommend(table(**POLICIES)))


def test_policies_that_refuse_people_are_left_out_unless_asked_for():
    frame = table(**POLICIES, refused=[0, 9, 0, 0, 0])
    choice = sl.recommend(frame, at_most="5s")
    assert choice.chosen == 2
    assert "left out for more than 0 refusals: 1" in choice.notes
    assert sl.recommend(frame, at_most="5s", most_refused=9).chosen == 1


def test_a_wait_that_tells_no_policies_apart_is_remarked_upon():
    alike = table(idle_timeout=[1, 2, 3], wait_p95=[3, 3, 3], billed=[1, 2, 3])
    remark = "wait_p95 is the same under every policy here, so only billed was weighed"
    assert remark in sl.recommend(alike).notes
    assert remark not in sl.recommend(table(**POLICIES)).notes


def test_shares_are_limited_by_numbers():
    frame = table(**POLICIES, cold_starts=[0.5, 0.3, 0.2, 0.1, 0.1])
    assert sl.recommend(frame, wait="cold_starts", at_most=0.25).chosen == 2
    with pytest.raises(DataError, match="not a share"):
        sl.recommend(frame, wait="cold_starts", at_most="5s")
    with pytest.raises(DataError, match="wait_p98"):
        sl.recommend(frame, wait="wait_p98")


class _DiesOnce:
    """A worker's plugin: the process is gone when its first policy begins, once for each mark."""

    def __init__(self, folder: Path, deaths: int) -> None:
        self.folder, self.deaths = folder, deaths

    def transition(self, key: Any, _start: str, finish: str, **_: Any) -> None:
        if finish != "executing" or not str(key).startswith("measure"):
            return
        for number in range(self.deaths):
            try:
                (self.folder / str(number)).touch(exist_ok=False)
            except FileExistsError:
                continue
            os._exit(1)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0"
        ) as local,
        distributed.Client(local) as client,
    ):
        yield client


@pytest.mark.long
@pytest.mark.filterwarnings("default")
def test_dask_gives_the_same_to_the_bit(cluster: Any):
    grid = {**GRID, "on_deploy": ["stay", "hand_over"], "expiry": [None, "1h"]}
    pd.testing.assert_frame_equal(
        sl.sweep(events(), grid, platform=PLATFORM, scheduler=cluster, progress=True),
        sl.sweep(events(), grid, platform=PLATFORM),
        check_exact=True,
    )


@pytest.mark.long
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("deaths", [1, 2])
def test_nothing_is_lost_or_doubled_when_workers_die(cluster: Any, tmp_path: Path, deaths: int):
    from distributed import WorkerPlugin  # noqa: PLC0415 (only where dask is installed)

    plugin = type("DiesOnce", (_DiesOnce, WorkerPlugin), {})(tmp_path, deaths)
    cluster.register_plugin(plugin, name="dies once")
    try:
        swept = sl.sweep(events(), GRID, platform=PLATFORM, scheduler=cluster)
    finally:
        cluster.unregister_worker_plugin("dies once")
    assert len(list(tmp_path.iterdir())) == deaths
    pd.testing.assert_frame_equal(
        swept, sl.sweep(events(), GRID, platform=PLATFORM), check_exact=True
    )


def test_the_policy_of_today_stands_beside_the_recommended_one():
    found = sl.recommend(table(**POLICIES), current={"idle_timeout": "4s"})
    assert found.current == 3
    assert found.today is not None
    assert found.today["billed"] == pd.Timedelta("30s")
    assert "today: idle_timeout 4 s (wait_p95 2 s, billed 30 s)" in found.notes
    labels = [text.get_text() for text in found.plot().get_legend().get_texts()]
    assert labels == ["policies", "front", "recommended", "today"]
    assert sl.recommend(table(**POLICIES)).today is None


@pytest.mark.parametrize(
    ("current", "reason"),
    [
        ({"idle_timeout": "9s"}, "is not among the policies of the sweep"),
        ({"max_turns": 3}, "is not a field of the grid"),
        ({"billed": "10s"}, "is not a field of the grid"),
        ({"idle_timeout": "4"}, "idle_timeout"),
    ],
    ids=["not tried", "not in the grid", "no field", "no unit"],
)
def test_a_policy_of_today_that_was_not_swept_is_refused(current: dict[str, Any], reason: str):
    with pytest.raises(DataError, match=reason):
        sl.recommend(table(**POLICIES), current=current)
