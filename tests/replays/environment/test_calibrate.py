"""The replayed beside the recorded: what is off is said, and what agrees is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import session_lab as sl
from session_lab.frames import milliseconds
from session_lab.replays.environment.calibration.distances import distances

POLICY = sl.RunPolicy(idle_timeout="45s", turn_timeout="20m")
PLATFORM = sl.Platform(
    boot_time={0: "1s", 0.5: "2s", 1: "6s"},
    resume_time={0: "200ms", 0.5: "800ms", 1: "3s"},
    crash_rate=0.02,
)
UNTIL = "2026-01-03T00:00:00Z"


@pytest.fixture(scope="module")
def recording() -> sl.Recording:
    workload = sl.ChatWorkload(duration="2d", chats_per_hour=15, close_share=0.2)
    events = sl.traffic.generate(workload, seed=1)
    return sl.Recording.of_replay(sl.replay(events, POLICY, PLATFORM, until=UNTIL, seed=3), events)


def measure(calibration: sl.Calibration, name: str) -> pd.Series:
    return calibration.measures.set_index("measure").loc[name]


def test_the_truth_is_fit_for_decisions(recording: sl.Recording):
    found = sl.calibrate(recording, POLICY, PLATFORM, seed=9)
    assert found.is_fit
    assert found.sentence.startswith("fit for decisions")
    assert found.summary()["off"] == []
    assert found.distances["kolmogorov_smirnov"] < found.distances["by_chance"]


def test_what_is_fitted_is_fit_and_says_that_it_saw_the_same_data(recording: sl.Recording):
    found = sl.calibrate(recording)
    assert found.is_fit
    assert any("fitted to the same recording" in note for note in found.notes)


def test_days_that_were_held_out_are_told_by_the_days_before(recording: sl.Recording):
    before = recording.between("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z")
    after = recording.between("2026-01-02T00:00:00Z", UNTIL)
    fit = sl.fit(before)
    found = sl.calibrate(after, fit.policy, fit.platform)
    assert found.is_fit
    assert found.sessions == len(after.sessions)


def test_what_was_recorded_under_a_limit_is_reproduced_under_it_alone(recording: sl.Recording):
    events, slots = recording.events, 2
    under = sl.replay(events, POLICY, PLATFORM, limits=slots, until=UNTIL, seed=3)
    limited = sl.Recording.of_replay(under, events)
    same = sl.calibrate(limited, POLICY, PLATFORM, limits=slots, seed=9)
    assert same.is_fit
    assert any("wait in line too" in note for note in same.notes)
    without = sl.calibrate(limited, POLICY, PLATFORM, seed=9)
    assert without.is_fit is False
    assert "wait_mean" in without.summary()["off"]
    # What was fitted holds the line already.
    twice = sl.calibrate(limited, POLICY, limits=slots)
    assert any("wait once more" in note for note in twice.notes)
    assert measure(twice, "wait_mean")["replayed"] > measure(same, "wait_mean")["replayed"]


@pytest.mark.parametrize(
    ("policy", "platform", "off", "way"),
    [
        (replace(POLICY, idle_timeout="80s"), PLATFORM, "billed_per_session", 1),
        (replace(POLICY, idle_timeout="20s"), PLATFORM, "billed_per_session", -1),
        (replace(POLICY, turn_timeout="1m"), PLATFORM, "runs_per_session", 1),
        (POLICY, replace(PLATFORM, boot_time="9s"), "wait_mean", 1),
        (POLICY, replace(PLATFORM, resume_time="0s"), "wait_mean", -1),
        (POLICY, replace(PLATFORM, crash_rate=0.4), "end_crash", 1),
    ],
)
def test_what_is_off_is_named_with_its_direction(
    recording: sl.Recording, policy: sl.RunPolicy, platform: sl.Platform, off: str, way: int
):
    found = sl.calibrate(recording, policy, platform)
    assert found.is_fit is False
    assert off in found.summary()["off"]
    row = measure(found, off)
    assert np.sign([row["difference"], row["lower"], row["upper"]]).tolist() == [way] * 3
    assert found.sentence.startswith("not fit for decisions: ")


def test_a_model_that_is_a_quarter_off_in_billed_time_never_reads_as_agreement(
    recording: sl.Recording,
):
    policy = replace(POLICY, idle_timeout="65s")
    again = sl.replay(recording.events, policy, PLATFORM, until=UNTIL)
    found = again.fidelity(recording)
    row = measure(found, "billed_per_session")
    assert row["difference"] / row["recorded"] == pytest.approx(0.25, abs=0.05)
    assert found.is_fit is False
    assert "billed time is 2" in found.sentence
    # Every answer is as recorded all the same, and that this says little is said.
    events = recording.events.assign(recorded_status=again.operations["status_code"])
    answers = sl.replay(events, policy, PLATFORM, until=UNTIL).fidelity()
    assert answers.share == 1
    assert "of runs, waits and billed time this says nothing" in repr(answers)


def test_measures_are_those_of_the_frames(recording: sl.Recording):
    found = sl.calibrate(recording, POLICY, PLATFORM)
    runs, sessions = recording.runs, recording.sessions
    recorded = {
        "runs_per_session": len(runs) / len(sessions),
        "wait_mean": milliseconds(recording.turns["waited"]).mean() / 1000,
        "billed_per_session": runs["billed"].sum() / pd.Timedelta("1s") / len(sessions),
        "cost_per_session": (
            (runs["cost_in_cents"] + runs["base_cost_in_cents"]).sum() / 100 / len(sessions)
        ),
        "start_resumed": (recording.turns["start_kind"] == "resumed").mean(),
        "end_turn_timeout": (runs["end_cause"] == "turn_timeout").mean(),
        "wait_p95": np.quantile(
            milliseconds(recording.turns["waited"]), 0.95, method="inverted_cdf"
        )
        / 1000,
    }
    for name, value in recorded.items():
        assert measure(found, name)["recorded"] == pytest.approx(float(value), rel=1e-6)
    again = found.replay
    billed = (again.runs["active"] + again.runs["idle"]).sum() / pd.Timedelta("1s")
    assert measure(found, "billed_per_session")["replayed"] == pytest.approx(billed / len(sessions))
    peak = again.concurrency().peak_executing
    assert measure(found, "executing_peak")["replayed"] == peak
    executed = again.concurrency()
    spans = np.diff(np.append(executed.time, pd.Timestamp(UNTIL).value // 1_000_000))
    total = (executed.to_frame()["executing"].to_numpy() * spans).sum() / 1000
    assert measure(found, "executing_per_session")["replayed"] == pytest.approx(
        total / len(sessions), rel=1e-9
    )


def test_days_add_up_to_the_whole(recording: sl.Recording):
    found = sl.calibrate(recording, POLICY, PLATFORM)
    days = found.days[found.days["measure"] == "runs_per_session"]
    assert days["day"].dt.date.astype(str).tolist() == ["2026-01-01", "2026-01-02"]
    triggered = recording.runs["triggered_at"].dt.date.astype(str)
    cells = recording.turns["arrived_at"].dt.date.astype(str), triggered
    first = set(recording.turns["session_id"][cells[0] == "2026-01-01"])
    first |= set(recording.runs["session_id"][cells[1] == "2026-01-01"])
    expected = (triggered == "2026-01-01").sum() / len(first)
    # A replay may see a session on a day on which the recording does not.
    assert days["recorded"].iloc[0] == pytest.approx(expected, rel=0.02)


def test_the_interval_widens_where_little_was_recorded(recording: sl.Recording):
    few = recording.between("2026-01-01T00:00:00Z", "2026-01-01T00:20:00Z")
    found = sl.calibrate(few, POLICY, PLATFORM)
    assert found.is_fit is None
    assert found.sentence.startswith("too little was recorded to say")


def test_promises_are_held_against_what_was_recorded(recording: sl.Recording):
    wait = float(measure(sl.calibrate(recording, POLICY, PLATFORM), "wait_p95")["recorded"])
    kept = {"wait_p95": {"value": wait, "lower": wait - 0.5, "upper": wait + 0.5}}
    broken = {"billed_per_session": {"value": 1.0, "lower": 0.9, "upper": 1.1}}
    good = sl.calibrate(recording, POLICY, PLATFORM, promised=kept)
    assert good.is_kept
    assert any("what was promised happened" in note for note in good.notes)
    bad = sl.calibrate(recording, POLICY, PLATFORM, promised=kept | broken)
    assert bad.is_kept is False
    assert any("billed time was" in note for note in bad.notes)
    with pytest.raises(sl.DataError, match="is not a measure"):
        sl.calibrate(recording, POLICY, PLATFORM, promised={"luck": kept["wait_p95"]})
    with pytest.raises(sl.DataError, match="value, lower and upper"):
        sl.calibrate(recording, POLICY, PLATFORM, promised={"wait_p95": {"value": 1.0}})


def test_runs_of_unknown_billed_time_are_left_out_and_said(recording: sl.Recording):
    runs = recording.runs.copy()
    for name in ("billed", "active", "idle"):
        runs[name] = runs[name].mask(runs.index < 300)
    found = sl.calibrate(replace(recording, runs=runs), POLICY, PLATFORM)
    assert any("unknown billed time" in note for note in found.notes)
    assert measure(found, "billed_per_session")["verdict"] == "ok"


def test_a_calibration_is_read_plotted_and_kept(recording: sl.Recording, tmp_path):  # noqa: ANN001
    found = sl.calibrate(recording, POLICY, PLATFORM)
    found.to_frame().to_parquet(tmp_path / "measures.parquet")
    assert "fit for decisions" in repr(found)
    assert "<table" in found.to_html()
    assert "fit for decisions" in str(found.plot().get_label())


@pytest.mark.parametrize("name", ["sessions", "runs", "turns", "waits", "events"])
def test_a_column_that_is_missing_gives_a_sentence(recording: sl.Recording, name: str):
    few = recording.between("2026-01-01T00:00:00Z", "2026-01-01T00:30:00Z")
    frame = few.frames[name]
    needed = ["session_id", "external_id", "triggered_at", "ended_at", "billed", "at", "run_id"]
    for column in frame.columns.intersection(needed):
        broken = replace(few, **{name: frame.drop(columns=column)})
        try:
            found = sl.calibrate(broken, POLICY, PLATFORM)
        except sl.DataError as error:
            assert column in str(error)  # noqa: PT017 (either is right)
        else:
            assert found.sentence


@pytest.mark.parametrize("names", [("turns",), ("waits",), ("runs", "turns", "waits")])
def test_frames_without_rows_give_a_sentence(recording: sl.Recording, names: tuple[str, ...]):
    few = recording.between("2026-01-01T00:00:00Z", "2026-01-01T00:30:00Z")
    broken = replace(few, **{name: few.frames[name].iloc[:0] for name in names})
    found = sl.calibrate(broken, POLICY, PLATFORM)
    assert found.sentence
    assert found.plot()


def test_what_cannot_be_compared_is_refused(recording: sl.Recording):
    with pytest.raises(sl.DataError, match="is not a Recording"):
        sl.calibrate(recording.events)  # type: ignore[arg-type]
    with pytest.raises(sl.DataError, match="no events to replay"):
        sl.calibrate(replace(recording, events=recording.events.iloc[:0]), POLICY, PLATFORM)
    for wrong in (0, 1, -0.1, 95, "0.1", True, None, float("nan")):
        with pytest.raises(sl.DataError, match="not a tolerance between 0 and 1"):
            sl.calibrate(recording, POLICY, PLATFORM, tolerance=wrong)  # type: ignore[arg-type]
        with pytest.raises(sl.DataError, match="not a level between 0 and 1"):
            sl.calibrate(recording, POLICY, PLATFORM, level=wrong)  # type: ignore[arg-type]
    for wrong in (0.1, "wait_p95", ["wait_p95"]):
        with pytest.raises(sl.DataError, match="is not a mapping of measures"):
            sl.calibrate(recording, POLICY, PLATFORM, promised=wrong)  # type: ignore[arg-type]
    others = sl.traffic.generate(sl.ChatWorkload(), seed=5)
    with pytest.raises(sl.DataError, match="not the events that were replayed"):
        sl.replay(others, POLICY).fidelity(recording)


def test_distances_are_those_of_the_two_samples():
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(4)
    first, second = rng.integers(0, 3_000, 700), rng.integers(200, 3_500, 500)
    found = distances(
        (first, np.arange(700) % 50), (second, np.arange(500) % 50), n=50, seed=0, level=0.95
    )
    assert found is not None
    expected = stats.ks_2samp(first, second).statistic
    assert found.kolmogorov_smirnov == pytest.approx(expected)
    assert found.wasserstein == pytest.approx(stats.wasserstein_distance(first, second))
