"""What is fitted to a recording, held against the world that it was recorded in."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

import session_lab as sl
from session_lab.frames import NAT, milliseconds
from session_lab.replays.environment.fitting.constants import Bounds, constants
from session_lab.replays.environment.fitting.evidence import Evidence
from session_lab.replays.environment.fitting.samples import Sample, _student, share_of
from session_lab.simulator.model.run_rules import FOR_EVER
from tests.environments import World, joined, play, renamed

if TYPE_CHECKING:
    from pathlib import Path

UNTIL = "2026-01-01T08:00:00Z"
POLICY = sl.RunPolicy(
    idle_timeout="45s",
    turn_timeout="20m",
    max_turns=6,
    preload_idle_timeout="20s",
    preload_timeout="5m",
)
PLATFORM = sl.Platform(
    boot_time={0: "1s", 0.5: "2s", 1: "6s"},
    resume_time={0: "200ms", 0.5: "800ms", 1: "3s"},
    crash_rate=0.03,
    deploys=["2026-01-01T04:00:00Z"],
)


def traffic(seed: int = 1, *, preloads: float = 0.3, **workload: object) -> pd.DataFrame:
    settings = {"duration": "8h", "chats_per_hour": 40, "close_share": 0.2} | workload
    events = sl.traffic.generate(sl.ChatWorkload(**settings), seed=seed)
    chosen = np.random.default_rng(seed).random(len(events)) < preloads
    starts = (events["op"] == "start").to_numpy()
    events.loc[starts & chosen, "turn_duration"] = pd.NaT
    return events


def recorded(
    policy: sl.RunPolicy = POLICY,
    platform: sl.Platform = PLATFORM,
    *,
    until: str | None = UNTIL,
    seed: int = 1,
    **workload: object,
) -> sl.Recording:
    events = traffic(seed, **workload)
    return sl.Recording.of_replay(sl.replay(events, policy, platform, until=until, seed=3), events)


@pytest.fixture(scope="module")
def recording() -> sl.Recording:
    return recorded()


@pytest.fixture(scope="module")
def found(recording: sl.Recording) -> sl.Fit:
    return sl.fit(recording)


def row(fit: sl.Fit, name: str, statistic: str | None = None, task: str | None = None):
    rows = [
        one
        for one in fit.rows
        if (one.parameter, one.statistic, one.task) == (name, statistic, task)
    ]
    assert len(rows) == 1
    return rows[0]


def test_what_a_team_has_set_is_found_exactly(found: sl.Fit):
    assert found.policy == POLICY
    assert [one.since for one in found.periods] == [None]


def test_the_interval_of_a_constant_is_what_the_observations_allow(found: sl.Fit):
    for name, truth in [("idle_timeout", 45_000), ("turn_timeout", 1_200_000), ("max_turns", 6)]:
        one = row(found, name)
        assert (one.lower, one.value, one.upper) == (truth, truth, truth)
        assert one.observations
        assert one.at_least


def test_times_and_rates_lie_in_their_intervals(found: sl.Fit):
    for name in ("boot_time", "resume_time"):
        truth = getattr(PLATFORM, name)
        mean, median = row(found, name, "mean"), row(found, name, "p50")
        assert mean.lower <= truth.mean / pd.Timedelta("1ms") <= mean.upper
        assert median.lower <= truth.quantile(0.5) / pd.Timedelta("1ms") <= median.upper
    rate = row(found, "crash_rate")
    assert rate.lower <= PLATFORM.crash_rate <= rate.upper
    assert found.platform.crash_rate == rate.value


def test_a_deploy_lies_between_the_last_run_before_and_the_first_after(found: sl.Fit):
    deploy = next(one for one in found.rows if one.parameter == "deploys")
    at = pd.Timestamp("2026-01-01T04:00:00Z").value // 1_000_000
    assert deploy.lower < at <= deploy.upper == deploy.value
    assert len(found.platform.deploys) == 1


@pytest.mark.parametrize("choice", ["stay", "hand_over"])
def test_what_runs_do_on_a_deploy_is_found(choice: str):
    policy = replace(POLICY, on_deploy=choice)
    assert sl.fit(recorded(policy, chats_per_hour=150)).policy.on_deploy == choice


def test_runs_that_leave_after_a_preload_are_found():
    policy = replace(POLICY, exit_after_preload_idle=True)
    fit = sl.fit(recorded(policy))
    assert fit.policy.exit_after_preload_idle
    assert fit.policy.preload_idle_timeout == "20 s"
    assert row(fit, "preload_timeout").value is None


def test_prices_are_those_that_the_platform_charged(found: sl.Fit):
    assert found.prices == pytest.approx({"small-1x": 0.00338 / 100})
    assert found.per_run == pytest.approx(0.0025 / 100)


def test_what_the_data_do_not_identify_has_no_number():
    policy = sl.RunPolicy(idle_timeout="3h", turn_timeout="3h", on_deploy="hand_over")
    events = traffic(preloads=0, close_share=1.0, return_share=0)
    replay = sl.replay(events, policy, until=UNTIL)
    fit = sl.fit(sl.Recording.of_replay(replay, events))
    for name in ("idle_timeout", "turn_timeout", "max_turns", "max_duration", "on_deploy"):
        one = row(fit, name)
        assert one.value is None
        assert one.note.startswith("not identified: ")
    for name in ("resume_time", "preload_timeout", "exit_after_preload_idle", "deploys"):
        assert row(fit, name).value is None
    # What stayed warm says at least something.
    assert 0 < row(fit, "idle_timeout").lower <= 3 * 3_600_000
    assert any("idle_timeout is not identified" in note for note in fit.notes)
    assert fit.parameters["value"].isna().sum() == sum(one.value is None for one in fit.rows)


def test_a_default_that_the_data_rule_out_does_not_stand_in():
    policy = sl.RunPolicy(idle_timeout="3h", turn_timeout="3h")
    fit = sl.fit(recorded(policy, close_share=1.0))
    least = row(fit, "idle_timeout").lower
    assert fit.policy.idle_timeout == sl.RunPolicy(idle_timeout=f"{int(least)}ms").idle_timeout


def test_a_policy_that_was_changed_is_fitted_before_and_after():
    first = recorded(POLICY, until="2026-01-01T12:00:00Z")
    after = replace(POLICY, idle_timeout="2m", max_turns=9)
    second = recorded(after, until="2026-01-02T12:00:00Z", start="2026-01-02T00:00:00Z")
    fit = sl.fit(joined(first, renamed(second, "-2")))
    assert [one.policy for one in fit.periods] == [POLICY, after]
    changed = pd.Timestamp(fit.periods[1].since)
    assert pd.Timestamp("2026-01-01T23:00Z") < changed < pd.Timestamp("2026-01-02T00:30Z")
    assert fit.policy == after
    assert any("the policy was changed meanwhile" in note for note in fit.notes)


def test_sessions_from_before_a_change_do_not_hide_it():
    # Those that began before keep their policy, and trigger runs after the change, too.
    first = recorded(POLICY, until="2026-01-01T12:00:00Z", close_share=0.0)
    after = replace(POLICY, idle_timeout="2m")
    second = recorded(
        after, until="2026-01-01T15:00:00Z", start="2026-01-01T07:00:00Z", close_share=0.0
    )
    fit = sl.fit(joined(first, renamed(second, "-2")))
    assert [one.policy.idle_timeout for one in fit.periods] == ["45 s", "2 min"]
    changed = pd.Timestamp(fit.periods[1].since)
    assert pd.Timestamp("2026-01-01T07:00Z") <= changed <= pd.Timestamp("2026-01-01T08:30Z")
    assert any(one.note.endswith("do not allow this value") for one in fit.rows)


def test_sessions_with_an_idle_timeout_of_their_own_are_said(recording: sl.Recording):
    own = recorded(replace(POLICY, idle_timeout="2m"), seed=2, chats_per_hour=10)
    both = joined(recording, renamed(own, "-own"))
    fit = sl.fit(both)
    assert fit.policy.idle_timeout == "45 s"
    assert "triggerConfig.idleTimeoutInSeconds" in row(fit, "idle_timeout").note
    assert any("all sessions are replayed alike" in note for note in fit.notes)
    assert not any("triggerConfig" in note for note in sl.fit(recording).notes)


def test_a_cap_that_runs_tell_is_known_before_one_has_ended_by_it(recording: sl.Recording):
    capped = pd.Series(pd.Timedelta("1h"), recording.runs.index, dtype="timedelta64[ms]")
    fit = sl.fit(replace(recording, runs=recording.runs.assign(max_duration=capped)))
    assert fit.policy.max_duration == "1 h"
    assert row(fit, "max_duration").source == "runs.max_duration"
    # A session may have its own, or be the only one that has one.
    some = capped.copy()
    some[::10] = pd.NaT
    told = row(
        sl.fit(replace(recording, runs=recording.runs.assign(max_duration=some))), "max_duration"
    )
    assert told.value == 3_600_000
    assert "triggerConfig.maxDuration" in told.note
    fit = sl.fit(replace(recording, runs=recording.runs.assign(max_duration=capped[::10])))
    assert row(fit, "max_duration").value is None
    assert fit.policy.max_duration is None


def test_clocks_that_differ_by_seconds_are_said(recording: sl.Recording):
    behind = pd.Timedelta("3s")
    turns = recording.turns.assign(started_at=recording.turns["started_at"] - behind)
    waits = recording.waits.assign(started_at=recording.waits["started_at"] - behind)
    fit = sl.fit(replace(recording, turns=turns, waits=waits))
    for name in ("boot_time", "resume_time"):
        assert any(f"of {name} end before they begin" in note for note in fit.notes)
    assert not any("before they begin" in note for note in sl.fit(recording).notes)


def test_clocks_that_differ_by_some_milliseconds_change_nothing(recording: sl.Recording):
    rng = np.random.default_rng(1)

    def late(column: pd.Series, scale: float) -> pd.Series:
        return column + pd.to_timedelta(rng.exponential(scale, len(column)).round(), unit="ms")

    waits = recording.waits.assign(
        suspended_at=late(recording.waits["suspended_at"], 8),
        ended_at=late(recording.waits["ended_at"], 5),
    )
    turns = recording.turns.assign(arrived_at=late(recording.turns["arrived_at"], 5))
    fit = sl.fit(replace(recording, waits=waits, turns=turns))
    assert fit.policy.idle_timeout == "45 s"
    assert len(fit.periods) == 1
    one = row(fit, "idle_timeout")
    assert one.lower <= 45_000 <= one.upper < 45_200


def test_what_was_pulled_over_http_is_fitted_as_the_world_was():
    world = World(3, chats_per_hour=12)
    sim = world.simulator()
    with sim.client() as client:
        play(world.events, client, sim.clock.now, sim.clock.advance)
        sim.clock.advance("2h")
        fit = sl.fit(sl.record(client, rate=None))
    truth = sl.fit(sl.Recording.of_replay(world.replay(until=fit_until(sim)), world.events))
    assert fit.policy == truth.policy
    assert fit.policy.idle_timeout == world.policy.idle_timeout
    assert fit.platform.boot_time == truth.platform.boot_time
    assert fit.prices == pytest.approx(truth.prices)


def fit_until(sim: sl.Simulator) -> str:
    return sim.clock.now.isoformat()


def test_agents_are_told_apart():
    one = recorded(POLICY, task_identifier="support")
    other_policy = sl.RunPolicy(idle_timeout="5s", turn_timeout="2m")
    other = renamed(recorded(other_policy, task_identifier="sales"), "-2")
    fit = sl.fit(joined(one, other))
    assert fit.policy == {"sales": other_policy, "support": POLICY}
    assert row(fit, "turn_duration", "mean", "sales").observations
    assert set(fit.summary()["task"]) == {"", "sales", "support"}


def test_turns_that_are_not_over_are_censored():
    events = traffic(turn_duration="20m", turn_spread=0.1)
    replay = sl.replay(events, until="2026-01-01T01:00:00Z")
    fit = sl.fit(sl.Recording.of_replay(replay, events))
    median = row(fit, "turn_duration", "p50")
    assert median.at_least > median.observations / 4
    # Of those that were over by then the median is shorter.
    over = fit.samples["turn_duration"]
    assert np.median(over.times[over.is_over]) < median.value
    assert median.lower <= 20 * 60_000
    assert median.upper is None or median.upper >= 20 * 60_000


def test_turns_cut_off_by_a_cap_have_lasted_at_least_so_long():
    policy = sl.RunPolicy(max_duration="10s")
    events = traffic(turn_duration="8s")
    fit = sl.fit(sl.Recording.of_replay(sl.replay(events, policy), events))
    assert fit.policy.max_duration == "10 s"
    sample = fit.samples["turn_duration"]
    truth = milliseconds(events["turn_duration"])
    truth = truth[truth != NAT]
    assert sample.censored
    assert np.median(truth) == pytest.approx(row(fit, "turn_duration", "p50").value, rel=0.15)


def test_ends_that_are_estimates_are_left_out(recording: sl.Recording):
    turns = recording.turns.copy()
    rules = turns["ended_at_rule"].astype("string")
    rules.iloc[: len(rules) // 2] = "billed time"
    fit = sl.fit(replace(recording, turns=turns.assign(ended_at_rule=rules)))
    assert fit.samples["turn_duration"].observations <= len(turns) - len(rules) // 2
    assert any("are estimates" in note for note in fit.notes)


def test_time_in_the_queue_is_said_to_be_in_the_boot_time(recording: sl.Recording):
    for waited, is_said in (("5ms", False), ("4s", True)):
        runs = recording.runs.assign(queued=pd.Timedelta(waited))
        notes = " ".join(sl.fit(replace(recording, runs=runs)).notes)
        assert ("one run in twenty waited 4 s or more in the queue" in notes) is is_said


def test_draws_are_what_the_data_would_bear(found: sl.Fit):
    drawn = found.draws(40, seed=5)
    assert len(drawn) == 40
    assert {policy for policy, _ in drawn} == {found.policy}
    means = [platform.boot_time.mean / pd.Timedelta("1ms") for _, platform in drawn]
    one = row(found, "boot_time", "mean")
    assert one.lower - 100 < min(means) < one.value < max(means) < one.upper + 100
    assert np.std(means) == pytest.approx((one.upper - one.lower) / 4, rel=0.5)
    rates = [platform.crash_rate for _, platform in drawn]
    assert len(set(rates)) == 40
    assert [repr(each) for each in drawn] == [repr(each) for each in found.draws(40, seed=5)]


def test_the_replay_of_a_fit_costs_what_was_recorded(recording: sl.Recording, found: sl.Fit):
    again = sl.replay(recording.events, found.policy, found.platform, until=recording.observed_at)
    billed = [frame["active"].sum() + frame["idle"].sum() for frame in (recording.runs, again.runs)]
    assert billed[1] / billed[0] == pytest.approx(1, abs=0.02)


def test_a_fit_is_read_plotted_and_kept(found: sl.Fit, tmp_path: Path):
    frame = found.to_frame()
    frame.to_parquet(tmp_path / "parameters.parquet")
    read = pd.read_parquet(tmp_path / "parameters.parquet")
    # Old versions of pandas read text of Arrow as text of Python.
    pd.testing.assert_frame_equal(read.astype(frame.dtypes), frame)
    assert "45 s" in repr(found)
    assert "<table" in found.to_html()
    axes = found.plot()
    assert "idle timeout 45 s" in str(axes.get_label())


def empty_of(recording: sl.Recording, *names: str) -> sl.Recording:
    return replace(recording, **{name: recording.frames[name].iloc[:0] for name in names})


@pytest.mark.parametrize(
    "names", [("turns",), ("waits",), ("turns", "waits"), ("turns", "waits", "runs", "events")]
)
def test_frames_without_rows_identify_nothing_and_break_nothing(
    recording: sl.Recording, names: tuple[str, ...]
):
    fit = sl.fit(empty_of(recording, *names))
    assert row(fit, "resume_time" if "turns" in names else "turn_timeout").value is None
    assert fit.plot()
    assert repr(fit)
    assert len(fit.draws(3)) == 3


def test_without_waits_the_pauses_between_turns_bound_the_idle_timeout(recording: sl.Recording):
    one = row(sl.fit(empty_of(recording, "waits")), "idle_timeout")
    assert one.lower <= 45_000 <= one.upper


@pytest.mark.parametrize("name", ["sessions", "runs", "turns", "waits", "events"])
def test_a_column_that_is_missing_is_no_foreign_error(recording: sl.Recording, name: str):
    few = recording.between("2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z")
    frame = few.frames[name]
    for column in frame:
        fit = sl.fit(replace(few, **{name: frame.drop(columns=column)}))
        assert isinstance(fit, sl.Fit)


def test_one_session_tells_what_was_set_but_no_distribution(recording: sl.Recording):
    busiest = recording.turns["session_id"].value_counts().index[0]
    alone = {
        name: frame[frame["session_id"] == busiest]
        for name, frame in recording.frames.items()
        if "session_id" in frame
    }
    fit = sl.fit(replace(recording, **alone))
    assert row(fit, "boot_time").value is None
    assert "it takes 12 sessions" in row(fit, "boot_time").note


def test_what_is_not_a_recording_is_refused(recording: sl.Recording):
    with pytest.raises(sl.DataError, match="DataFrame is not a Recording"):
        sl.fit(recording.runs)  # type: ignore[arg-type]
    with pytest.raises(sl.DataError, match="not a level"):
        sl.fit(recording, level=1.0)
    broken = recording.runs.assign(triggered_at="yesterday")
    with pytest.raises(sl.DataError, match="triggered_at"):
        sl.fit(replace(recording, runs=broken))


def test_all_runs_open_identify_nothing_that_needs_an_end():
    events = traffic()
    replay = sl.replay(events, POLICY, PLATFORM, until="2026-01-01T00:02:00Z")
    fit = sl.fit(sl.Recording.of_replay(replay, events))
    assert row(fit, "turn_timeout").value is None
    assert row(fit, "max_turns").value is None


def test_measurements_that_differ_a_little_are_one_constant():
    rng = np.random.default_rng(0)
    measured = 30_000 + rng.exponential(8, 200).astype(np.int64)
    found = constants(Bounds(np.arange(200), measured, measured))
    assert [(one.value, one.contradicting) for one in found] == [(30_000.0, found[0].contradicting)]
    assert found[0].lower <= 30_000 <= found[0].upper < 30_100


def test_bounds_alone_identify_a_constant_only_where_they_are_close():
    at = np.arange(4)
    close = Bounds(
        at, np.array([29_500, 0, 20_000, 0]), np.array([FOR_EVER, 30_400, FOR_EVER, 90_000])
    )
    assert [(one.value, one.lower, one.upper) for one in constants(close)] == [
        (30_000.0, 29_500, 30_400)
    ]
    far = close._replace(lower=np.array([9_500, 0, 2_000, 0]))
    assert [(one.value, one.lower, one.upper) for one in constants(far)] == [(None, 9_500, 30_400)]


def test_distributions_without_censoring_are_those_of_the_sample():
    values = np.random.default_rng(1).integers(100, 5_000, 50)
    sample = Sample.of(values, np.ones(50, dtype=bool), np.arange(50))
    expected = sl.Distribution.of(values.astype("timedelta64[ms]"))
    found = sample.distribution()
    assert isinstance(found, sl.Distribution)
    assert np.abs(np.subtract(found.table, expected.table)).max() <= 1
    assert sample.quantile(0.5, level=0.95).value == pytest.approx(np.median(values))
    assert sample.mean(seed=0, level=0.95).value == pytest.approx(values.mean())


def test_bounds_of_quantiles_lie_at_exact_ranks():
    stats = pytest.importorskip("scipy.stats")
    times = np.arange(1, 101) * 1_000
    sample = Sample.of(times, np.ones(100, dtype=bool), np.arange(100))
    for p in (0.1, 0.5, 0.9):
        found = sample.quantile(p, level=0.95)
        # The whole ranks around them hold the quantile more and less often than asked for.
        outer = np.floor(found.lower / 1_000), np.ceil(found.upper / 1_000)
        inner = np.ceil(found.lower / 1_000), np.floor(found.upper / 1_000)
        below = stats.binom(100, p).cdf
        assert below(outer[1] - 1) - below(outer[0] - 1) >= 0.95
        assert below(inner[1] - 1) - below(inner[0] - 1) <= 0.95
    # Of few the largest does not bound a high quantile; then all of the error is below.
    few = Sample.of(times[:30], np.ones(30, dtype=bool), np.arange(30)).quantile(0.95, level=0.95)
    assert few.upper is None
    rank = int(few.lower // 1_000)
    assert stats.binom(30, 0.95).cdf(rank - 1) <= 0.05 < stats.binom(30, 0.95).cdf(rank)


def test_the_quantile_of_student_is_near_enough():
    stats = pytest.importorskip("scipy.stats")
    for df in (11, 30, 500):
        assert _student(0.95, df) == pytest.approx(stats.t.ppf(0.975, df), rel=1e-3)


def test_what_was_not_seen_to_its_end_bounds_from_below_only():
    times = np.arange(1, 101) * 100
    sample = Sample.of(np.minimum(times, 8_000), times <= 8_000, np.arange(100))
    assert sample.unseen == pytest.approx(0.2)
    mean, high = sample.mean(seed=0, level=0.95), sample.quantile(0.95, level=0.95)
    assert (mean.value, mean.upper) == (None, None)
    assert (high.value, high.lower, high.upper) == (None, 8_000, None)
    assert sample.quantile(0.5, level=0.95).value == pytest.approx(5_050)


def test_the_error_of_a_censored_sample_is_that_of_greenwood():
    rng = np.random.default_rng(5)
    times, ends = rng.exponential(1_000, 400).astype(int), rng.exponential(1_500, 400).astype(int)
    sample = Sample.of(np.minimum(times, ends), times <= ends, np.arange(400))
    curve = sl.lifetimes.kaplan_meier(sample.times, sample.is_over, interval="plain")
    place = np.searchsorted(curve.time, 700, side="right") - 1
    height = 1 - np.cumsum(sample.weights)[np.searchsorted(sample.times, 700, "right") - 1]
    assert height == pytest.approx(curve.survival[place])
    gain = np.where(sample.times <= 700, height, 0.0)
    moved = sample._influence(gain) / 400  # noqa: SLF001 (what every interval rests on)
    assert np.sqrt((moved**2).sum()) == pytest.approx(np.sqrt(curve.variance[place]), rel=0.01)
    # Without censoring it is the difference from the mean.
    whole = Sample.of(times, np.ones(400, dtype=bool), np.arange(400))
    curve = np.concatenate([[1.0], 1 - np.cumsum(whole.weights)[:-1]])
    steps = np.diff(whole.times, prepend=0) * curve
    after = np.cumsum(steps[::-1])[::-1] - steps
    assert whole._influence(after) == pytest.approx(whole.times - times.mean(), abs=1e-6)  # noqa: SLF001


def test_sessions_whose_times_are_alike_count_once():
    # Each session has one time, ten times over: that is one observation each.
    rng = np.random.default_rng(2)
    each = rng.integers(100, 5_000, 60)
    once = Sample.of(each, np.ones(60, dtype=bool), np.arange(60))
    often = Sample.of(np.repeat(each, 10), np.ones(600, dtype=bool), np.repeat(np.arange(60), 10))
    for p in (0.5, 0.9):
        one, many = once.quantile(p, level=0.95), often.quantile(p, level=0.95)
        assert tuple(many) == pytest.approx(tuple(one))
    means = (sample.mean(seed=0, level=0.95) for sample in (often, once))
    assert tuple(next(means)) == pytest.approx(tuple(next(means)))


def test_the_interval_of_a_share_is_that_of_exact_mid_p_tails():
    stats = pytest.importorskip("scipy.stats")
    for events, trials in [(0, 30), (1, 50), (3, 17), (20, 400), (16, 17), (17, 17)]:
        found = share_of(events, trials, 0.95)
        for bound, tail in ((found.lower, 0.975), (found.upper, 0.025)):
            if 0 < bound < 1:
                below = stats.binom.cdf(events, trials, bound)
                mid = below - stats.binom.pmf(events, trials, bound) / 2
                assert mid == pytest.approx(tail, abs=1e-9)


def test_evidence_reads_codes_and_times(recording: sl.Recording):
    evidence = Evidence.of(recording)
    assert evidence.lost_turns == 0
    assert len(evidence.turns.run) == len(recording.turns)
    first = evidence.of_turn(np.array([0, 0]), np.array([1, 99]))
    assert first.tolist() == [0, -1]
    served = recording.runs["turns"].to_numpy()
    assert (np.bincount(evidence.turns.run, minlength=len(served)) == served).all()
