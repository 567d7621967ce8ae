"""Decisions: what is recommended, how sure that is, and what a page says of it."""

from __future__ import annotations

import importlib
import json
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from pathlib import Path
from statistics import NormalDist
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2
from scipy.stats import t as student

import session_lab as sl
from session_lab.replays import chats
from session_lab.replays.environment.deciding import outcomes
from session_lab.replays.environment.deciding.sampling import Cut, quantiles
from session_lab.replays.environment.deciding.settings import candidates
from session_lab.replays.environment.deciding.stand_ins import with_stand_ins
from session_lab.replays.environment.deciding.tables import shares_of
from session_lab.replays.environment.recording import Period

if TYPE_CHECKING:
    from collections.abc import Callable

# A function has the name of its module.
DECIDE = importlib.import_module("session_lab.replays.environment.deciding.decide")
GRID = {"idle_timeout": ["5s", "30s", "2m"], "turn_timeout": ["10m", "1h"]}
TODAY = sl.RunPolicy(idle_timeout="45s")
PLATFORM = sl.Platform(boot_time="3s", resume_time="700ms", crash_rate=0.002)


@pytest.fixture(scope="module")
def events() -> pd.DataFrame:
    workload = sl.ChatWorkload(duration="1d", chats_per_hour=8)
    return sl.traffic.generate(workload, seed=3)


@pytest.fixture(scope="module")
def recording(events: pd.DataFrame) -> sl.Recording:
    return sl.Recording.of_replay(sl.replay(events, TODAY, PLATFORM), events)


@dataclass
class Known:
    """A model that is known, and varies no more than it is told to."""

    policy: Any = TODAY
    platform: sl.Platform = PLATFORM

    def draws(self, n: int, _seed: int = 0) -> list[tuple[Any, sl.Platform]]:
        return [(self.policy, self.platform)] * n


def decided(recording: sl.Recording, grid: Any = GRID, **settings: Any) -> sl.Decision:
    wanted = {
        "draws": 2,
        "resamples": 100,
        "wait": "wait_mean",
        "fit": Known(),
        "calibrated": False,
    } | settings
    return sl.decide(recording, grid, **wanted)


@pytest.fixture(scope="module")
def decision(recording: sl.Recording) -> sl.Decision:
    return decided(recording, at_most="1s")


def test_policies_have_the_numbers_of_a_sweep(recording: sl.Recording, decision: sl.Decision):
    values = {"idle_timeout": ["5s", "30s", "45s", "2m"], "turn_timeout": ["10m", "1h"]}
    swept = sl.sweep(recording.events, values, policy=TODAY, platform=PLATFORM)
    names = ["idle_timeout", "turn_timeout", "wait_mean", "wait_p50", "wait_p95", "wait_p99"]
    pd.testing.assert_frame_equal(decision.policies[names], swept[names])
    for name in ("cold_starts", "resumed"):
        assert decision.policies[name].tolist() == pytest.approx(swept[name].tolist())
    months = decision.policies["runs"] / swept["runs"]
    assert months.tolist() == pytest.approx([months[0]] * len(months))
    assert months[0] == pytest.approx(365.25 / 12 / decision.recorded.days)
    seconds = swept["billed"].dt.total_seconds()
    assert decision.policies["billed"].dt.total_seconds().tolist() == pytest.approx(
        (seconds * months[0]).tolist(), abs=0.001
    )
    # What the simulated platform charges: small-1x, and each run.
    cost = (seconds * 0.0000338 + swept["runs"] * 0.000025) * months[0]
    assert decision.policies["cost"].tolist() == pytest.approx(cost.tolist(), rel=1e-6)


def test_it_is_the_choice_of_recommend(recording: sl.Recording, decision: sl.Decision):
    values = {"idle_timeout": ["5s", "30s", "45s", "2m"], "turn_timeout": ["10m", "1h"]}
    swept = sl.sweep(
        recording.events, values, policy=TODAY, platform=PLATFORM, prices={"small-1x": 0.0000338}
    )
    choice = sl.recommend(swept, wait="wait_mean", at_most="1s")
    assert decision.settings == choice.settings
    assert decision.is_met


def test_today_is_one_of_the_policies(decision: sl.Decision):
    row = decision.policies.iloc[decision.today]
    assert row["idle_timeout"] == pd.Timedelta("45s")
    assert row["turn_timeout"] == pd.Timedelta("1h")
    assert "from 45 s to" in decision.headline or decision.headline.startswith("Keep")


def test_shares_of_samples_add_up(decision: sl.Decision):
    for name in ("wins", "wins_chats", "wins_parameters"):
        assert decision.policies[name].sum() == pytest.approx(1)
    assert decision.certainty <= decision.as_good <= 1
    # The platform does not vary here.
    assert decision.policies["wins_parameters"].iloc[decision.chosen] == 1


def test_it_is_the_same_every_time(recording: sl.Recording, decision: sl.Decision):
    again = decided(recording, at_most="1s")
    pd.testing.assert_frame_equal(again.policies, decision.policies)
    assert again.promise() == decision.promise()


def test_intervals_hold_the_expectation_and_differences_have_their_own(decision: sl.Decision):
    for row in decision.expected.to_dict("records"):
        for side in ("today", "proposed"):
            assert row[f"{side}_lower"] <= row[f"{side}_upper"]
        assert row["difference"] == pytest.approx(row["proposed"] - row["today"])
    cost = decision.expected.set_index("measure").loc["cost"]
    assert cost["today_lower"] < cost["today"] < cost["today_upper"]


def test_a_limit_that_nothing_meets_is_said(recording: sl.Recording):
    found = decided(recording, at_most="1ms")
    assert not found.is_met
    assert found.headline.startswith("No policy that was tried comes to wait_mean of at most 1 ms")
    assert found.policies["wait_mean"].iloc[found.chosen] == found.policies["wait_mean"].min()


def test_a_budget_takes_what_waits_least_within_it(recording: sl.Recording):
    costs = sorted(decided(recording).policies["cost"])
    budget = (costs[2] + costs[3]) / 2
    found = decided(recording, budget=budget)
    kept = found.policies[found.policies["cost"] <= budget]
    assert found.policies["wait_mean"].iloc[found.chosen] == kept["wait_mean"].min()
    assert found.is_met
    assert not decided(recording, budget=0).is_met


def test_a_price_of_a_waited_second_weighs_both(recording: sl.Recording):
    cheap, dear = (decided(recording, waited_second=price) for price in (0.0, 10.0))
    assert cheap.policies["cost"].iloc[cheap.chosen] == cheap.policies["cost"].min()
    assert dear.policies["wait_mean"].iloc[dear.chosen] == dear.policies["wait_mean"].min()


def test_a_choice_at_the_edge_of_the_grid_says_so(recording: sl.Recording):
    found = decided(recording, at_most="1h")
    assert found.edges["idle_timeout"] == "shortest"
    assert any("idle_timeout 5 s is the shortest that was tried" in each for each in found.remarks)


def test_waits_that_do_not_differ_are_remarked_upon(recording: sl.Recording):
    still = Known(platform=sl.Platform())
    found = decided(recording, {"idle_timeout": ["10m", "20m"]}, fit=still, wait="wait_p50")
    assert "wait_p50 is the same under every policy" in " ".join(found.remarks)
    near = decided(recording, wait="wait_p95")
    assert "wait_p95 is the same under every policy" in " ".join(near.remarks)


def test_other_assumptions_are_tried_one_at_a_time(decision: sl.Decision):
    assert decision.sensitivity["assumption"].tolist() == [
        "boots take half as long",
        "boots take twice as long",
        "resumes take half as long",
        "resumes take twice as long",
        "twice as many turns crash",
        "only the earlier half of the chats counts",
        "only the later half of the chats counts",
    ]


def test_each_task_keeps_its_own_policy_beside_the_grid(events: pd.DataFrame, tmp_path: Path):
    start = events["op"] == "start"
    names = np.where(np.arange(len(events)) % 2, "a", "b")
    tasks = dict(zip(events["external_id"][start], names[start], strict=True))
    both = events.assign(task_identifier=events["external_id"].map(tasks).astype("category"))
    today = {"a": sl.RunPolicy(idle_timeout="10s"), "b": sl.RunPolicy(idle_timeout="90s")}
    recorded = sl.Recording.of_replay(sl.replay(both, today, PLATFORM), both)
    found = decided(recorded, fit=Known(policy=today), at_most="10s")
    row = found.policies.iloc[found.today]
    assert pd.isna(row["idle_timeout"])
    swept = sl.replay(both, today, PLATFORM).summary().waits["mean"]
    assert row["wait_mean"] // pd.Timedelta(milliseconds=1) == swept
    assert set(found.policy) == {"a", "b"}
    asked = {"fit": Known(policy=today), "at_most": "10s"}
    assert_same(
        of_shards(recorded, both, tmp_path, 3, **asked), decided(recorded, events=both, **asked)
    )


def test_the_default_grid_holds_what_holds_today():
    tried = candidates(None, TODAY)
    assert "45 s" in tried.choices["idle_timeout"]
    assert tried.settings[tried.today] == {"idle_timeout": "45 s", "turn_timeout": "1 h"}
    assert tried.choices["idle_timeout"] == sorted(
        tried.choices["idle_timeout"], key=lambda text: pd.Timedelta(text.replace("min", "m"))
    )


def test_a_recorded_time_that_began_long_before_anything_happened_is_said(
    recording: sl.Recording,
):
    begins = recording.sessions["created_at"].min()
    before = replace(recording, period=Period((begins - pd.Timedelta(days=6)).isoformat(), None))
    (told,) = [each for each in decided(before).remarks if "the first session came" in each]
    assert "came 6 d after the recorded time began" in told
    assert (
        f"{decided(recording).policies['runs'][0] / decided(before).policies['runs'][0]:.3g}"
        in told
    )
    assert not [each for each in decided(recording).remarks if "the first session came" in each]


def test_what_nothing_tells_leaves_it_unknown_how_sure_a_choice_is(
    events: pd.DataFrame, tmp_path: Path
):
    awake = sl.RunPolicy(idle_timeout="100d")
    recorded = sl.Recording.of_replay(sl.replay(events, awake, PLATFORM), events)
    fitted = sl.fit(recorded)
    assert "resume_time" not in fitted.samples
    found = decided(recorded, fit=fitted, at_most="1s", draws=10)
    # Not no time at all: half of a boot, and in samples from none to two of them.
    assert found.platform.resume_time == "1.5 s"
    assert any("resume_time is not identified" in each for each in found.remarks)
    careful = with_stand_ins(fitted)
    drawn = [platform.resume_time for _, platform in careful.draws(8, 0)]
    assert drawn == ["0 s", "1.5 s", "3 s", "6 s"] * 2
    assert with_stand_ins(Known()).platform == PLATFORM

    assert np.isnan(found.certainty)
    assert np.isnan(found.as_good)
    assert "best is idle_timeout" in found.unknown
    assert "if that takes no time; idle_timeout" in found.unknown
    assert f"not known: {found.unknown}" in found.sureness
    assert found.promise()["as_good"] is None
    for name in ("a.html", "a.md"):
        page = found.report(tmp_path / name).read_text(encoding="utf-8")
        assert "ow sure this is, is not known" in page
        assert "nan" not in page


def test_a_choice_that_holds_whatever_nothing_tells_has_its_least_certainty(events: pd.DataFrame):
    awake = sl.RunPolicy(idle_timeout="100d")
    recorded = sl.Recording.of_replay(sl.replay(events, awake, PLATFORM), events)
    found = decided(recorded, fit=sl.fit(recorded), at_most=0.3, wait="resumed", draws=8)
    # How many runs wake hardly changes with how long they take to.
    assert not found.unknown
    assert 0.5 <= found.as_good <= 1
    assert found.certainty <= found.as_good


def test_shares_of_samples_of_several_kinds_are_the_least():
    holds = np.array([[True, False], [True, True], [False, True], [True, True]])
    assert shares_of(holds).tolist() == [0.75, 0.75]
    assert shares_of(holds, 2).tolist() == [0.5, 0.5]


def test_the_few_sessions_that_tell_a_time_are_taken_with_how_few_they_are(events: pd.DataFrame):
    long = sl.RunPolicy(idle_timeout="8m")
    platform = sl.Platform(boot_time="3s", resume_time={0: "4s", 0.5: "6s", 1: "9s"})
    played = sl.replay(events, long, platform)
    woken = played.operations.query("start_kind == 'resumed'")["external_id"].unique()
    some = events[~events["external_id"].isin(woken[6:])].reset_index(drop=True)
    fitted = sl.fit(sl.Recording.of_replay(sl.replay(some, long, platform), some))
    assert "resume_time" not in fitted.samples
    n = fitted.few["resume_time"].sessions
    assert 3 < n < 12
    careful = with_stand_ins(fitted)
    assert any(f"what {n} sessions tell" in one.text for one in careful.caveats)  # type: ignore[attr-defined]
    # They take longer than a boot, as they were seen to.
    logs = np.log(fitted.few["resume_time"].times)
    drawn = [platform.resume_time for _, platform in careful.draws(1_000)]
    medians, tails = (
        np.log([one.quantile(p).total_seconds() * 1000 for one in drawn]) for p in (0.5, 0.975)
    )
    # Student's distribution, and a spread of which as few know little.
    assert np.median(medians) == pytest.approx(logs.mean(), abs=0.02)
    spread = logs.std(ddof=1)
    assert np.quantile(medians, [0.1, 0.9]) == pytest.approx(
        student.ppf([0.1, 0.9], n - 1) * spread / np.sqrt(n) + logs.mean(), abs=0.1 * spread
    )
    assert np.quantile(
        (tails - medians) / NormalDist().inv_cdf(0.975), [0.1, 0.9]
    ) == pytest.approx(spread * np.sqrt((n - 1) / chi2.ppf([0.9, 0.1], n - 1)), rel=0.1)


def test_resumes_that_always_took_as_long_are_taken_to(events: pd.DataFrame):
    long = sl.RunPolicy(idle_timeout="8m")
    played = sl.replay(events, long, PLATFORM)
    woken = played.operations.query("start_kind == 'resumed'")["external_id"].unique()
    some = events[~events["external_id"].isin(woken[5:])].reset_index(drop=True)
    fitted = sl.fit(sl.Recording.of_replay(sl.replay(some, long, PLATFORM), some))
    assert fitted.few["resume_time"].sessions == 5
    careful = with_stand_ins(fitted)
    told = {careful.platform.resume_time, *(one.resume_time for _, one in careful.draws(5))}
    assert told == {PLATFORM.resume_time}


def test_how_well_the_model_fits_is_said_in_a_sentence(recording: sl.Recording):
    found = decided(recording, at_most="1s", calibrated=True)
    assert "fit for decisions" in found.calibration
    assert found.calibration in repr(found)
    wrong = Known(platform=sl.Platform(boot_time="9s"))
    assert "not fit" in decided(recording, fit=wrong, calibrated=True).calibration


def test_prices_are_those_charged_or_given(recording: sl.Recording, decision: sl.Decision):
    assert "what the platform charged for these runs" in decision.caveats[0].text
    given = decided(recording, at_most="1s", prices={"small-1x": 0.0000676})
    ratio = given.policies["cost"] / decision.policies["cost"]
    assert 1.9 < ratio.min() <= ratio.max() < 2
    with pytest.raises(sl.DataError, match="no price for small-1x"):
        decided(recording, prices={"micro": 1.0})


def test_without_a_price_costs_are_billed_hours(recording: sl.Recording):
    bare = recording.runs.drop(columns=["machine"])
    unpriced = sl.Recording(
        recording.sessions,
        bare,
        recording.turns,
        recording.waits,
        recording.events,
        recording.observed_at,
        recording.period,
    )
    found = decided(unpriced, at_most="1s")
    assert found.cost_unit == "billed hours"
    hours = found.policies["billed"].dt.total_seconds() / 3600
    assert found.policies["cost"].tolist() == pytest.approx(hours.tolist(), rel=1e-6)
    assert "cost_per_session" not in found.promise()["promised"]
    assert "no price is known" in repr(found)
    with pytest.raises(sl.DataError, match="no price is known"):
        decided(unpriced, budget=5.0)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"at_most": "1s", "budget": 5.0}, "at_most and budget are two questions"),
        ({"wait": "wait_p42"}, "'wait_p42' is not a measure of waiting"),
        ({"budget": -1.0}, "-1.0 is not a number of dollars"),
        ({"at_most": "2s", "wait": "resumed"}, "'2s' is not a share"),
        ({"at_most": 3, "wait": "wait_p95"}, "3 is not a duration with a unit"),
        ({"grid": {"boot_time": ["1s"]}}, "is an assumption"),
        ({"resamples": 10}, "10 resamples are too few"),
        ({"draws": 0}, "0 draws are not between 1 and"),
        ({"fit": "a fit"}, "str is not a Fit"),
    ],
)
def test_questions_that_cannot_be_answered_are_refused(
    recording: sl.Recording, settings: dict[str, Any], said: str
):
    with pytest.raises(sl.DataError, match=said):
        decided(recording, **settings)


@pytest.mark.parametrize("chats", [2, 3, 5])
def test_a_handful_of_chats_gives_numbers(events: pd.DataFrame, chats: int):
    names = events["external_id"].unique()[:chats]
    some = events[events["external_id"].isin(names)].reset_index(drop=True)
    found = decided(sl.Recording.of_replay(sl.replay(some, TODAY, PLATFORM), some), at_most="1s")
    assert found.recorded.sessions == chats
    of_session = found.expected[found.expected["measure"].str.endswith("per_session")]
    assert len(of_session) == 3
    # A session comes to something, however few come in a month.
    assert (of_session["proposed_lower"] > 0).all()
    assert found.policies["wins"].sum() == pytest.approx(1)


def test_only_recordings_are_decided_on(recording: sl.Recording):
    with pytest.raises(sl.DataError, match="DataFrame is not a Recording"):
        sl.decide(recording.events)  # type: ignore[arg-type]
    for shards in ("s3://bucket/shards", Path("shards")):
        with pytest.raises(sl.DataError, match=r"is not a Recording; .* shard by shard"):
            sl.decide(shards)  # type: ignore[arg-type]
    with pytest.raises(sl.DataError, match="0 chats are too few"):
        decided(recording.between("2020-01-01T00:00:00Z", "2020-01-02T00:00:00Z"))


def test_what_was_promised_is_kept_as_plain_json(decision: sl.Decision, tmp_path: Path):
    document = json.loads(decision.save(tmp_path / "decision.json").read_text(encoding="utf-8"))
    assert document == decision.promise()
    assert sl.RunPolicy(**document["policy"]) == decision.policy
    assert sl.Platform(**document["platform"]) == PLATFORM
    expected = decision.expected.set_index("measure")
    for name, promised in document["promised"].items():
        assert promised["lower"] <= promised["value"] <= promised["upper"]
        row = expected.loc[name]
        assert promised["upper"] - promised["value"] == pytest.approx(
            2**0.5 * (row["proposed_upper"] - row["proposed"]), abs=1e-9
        )
    assert {"wait_mean", "runs_per_session", "cost_per_session"} <= set(document["promised"])


class Page(HTMLParser):
    """Collects what a page points to, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.alt, self.text = "", ""
        self.feed(html)

    def handle_starttag(self, _tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.targets += [str(values[name]) for name in ("src", "href") if name in values]
        self.alt += str(values.get("alt", ""))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_page_needs_nothing_else_and_says_what_to_do(decision: sl.Decision, tmp_path: Path):
    path = decision.report(tmp_path / "page.html", title="Chats & <b>agents</b>")
    html = path.read_text(encoding="utf-8")
    page = Page(html)
    assert all(target.startswith("data:image/png") for target in page.targets)
    assert decision.headline in page.text
    assert "Chats & <b>agents</b>" in page.text
    assert decision.headline in page.alt
    for said in (*decision.remarks, *decision.assumptions, *decision.rest, decision.slots[1:]):
        assert said in page.text
    if decision.is_change:
        assert "idleTimeoutInSeconds:" in page.text
    again = decision.report(tmp_path / "again.html", title="Chats & <b>agents</b>")
    assert again.read_text(encoding="utf-8") == html


def test_a_page_in_markdown_keeps_text_as_text(decision: sl.Decision, tmp_path: Path):
    text = decision.report(tmp_path / "page.md", title="a*b").read_text(encoding="utf-8")
    assert text.startswith("# a\\*b\n")
    assert "## How sure this is" in text
    assert "idle\\_timeout" in text
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert tables
    assert all(line.endswith("|") for line in tables)


def test_a_page_of_another_kind_is_refused(decision: sl.Decision, tmp_path: Path):
    with pytest.raises(sl.DataError, match=r"does not end in \.html or \.md"):
        decision.report(tmp_path / "page.pdf")


def test_the_picture_says_what_was_decided(decision: sl.Decision):
    axes = decision.plot()
    assert decision.headline in str(axes.get_label())
    names = axes.get_legend_handles_labels()[1]
    assert {"policies", "front", "limit", "proposed"} <= set(names)


@given(
    values=st.lists(st.integers(0, 5), min_size=1, max_size=30),
    weights=st.lists(st.integers(0, 3), min_size=3, max_size=3),
    q=st.sampled_from([0.5, 0.9, 0.95, 0.99]),
    window=st.tuples(st.integers(0, 5), st.integers(0, 5)).map(sorted),
)
def test_quantiles_of_samples_are_those_of_their_values(
    values: list[int], weights: list[int], q: float, window: list[int]
):
    block = np.arange(len(values), dtype=np.int32) % 3
    times = np.array(weights)[block]
    low, high = window
    cut = Cut.of((low, high), np.array(values), block, 3)
    number = np.array([float(times.sum())])
    found = quantiles(cut, np.array([weights], dtype=float), number, q)
    whole = np.sort(np.repeat(values, times))
    if not len(whole):
        assert found is not None
        assert np.isnan(found[0])
        return
    expected = whole[int(np.ceil(q * len(whole))) - 1]
    if low <= expected <= high:
        assert found is not None
        assert found[0] == expected
    else:
        assert found is None


def test_a_sample_far_from_the_whole_is_looked_for_farther_away(
    recording: sl.Recording, monkeypatch: pytest.MonkeyPatch
):
    whole = decided(recording, wait="wait_p95")
    monkeypatch.setattr(outcomes, "_REACH", 0.2)
    monkeypatch.setattr(outcomes, "_WIDER", 1.5)
    near = decided(recording, wait="wait_p95")
    assert near.promise() == whole.promise()
    pd.testing.assert_frame_equal(near.policies, whole.policies)


def of_shards(
    recording: sl.Recording, events: pd.DataFrame, folder: Path, shards: int, **settings: Any
) -> sl.Decision:
    sl.traffic.write_shards(events, folder, shards=shards)
    return decided(recording, events=folder, **settings)


def assert_same(one: sl.Decision, other: sl.Decision) -> None:
    assert one.promise() == other.promise()
    pd.testing.assert_frame_equal(one.policies, other.policies, check_exact=True)
    pd.testing.assert_frame_equal(one.sensitivity, other.sensitivity, check_exact=True)
    assert one.recorded == other.recorded
    assert repr(one) == repr(other)


@pytest.mark.parametrize("question", [{}, {"at_most": "2s"}, {"wait": "wait_p95", "at_most": "3s"}])
def test_shards_are_decided_on_as_their_events_in_memory(
    recording: sl.Recording, tmp_path: Path, question: dict[str, Any]
):
    boots = sl.Distribution({0: "1s", 0.5: "2s", 1: "3m"})
    settings = {
        "fit": Known(platform=sl.Platform(boot_time=boots, resume_time="1s", crash_rate=0.02)),
        "grid": {"idle_timeout": ["5s", "2m"], "expiry": ["1h", None]},
        **question,
    }
    other = sl.traffic.generate(sl.ChatWorkload(duration="6h", chats_per_hour=50), seed=8)
    whole = decided(recording, events=other, **settings)
    assert_same(of_shards(recording, other, tmp_path, 5, **settings), whole)
    assert whole.recorded.sessions == other["external_id"].nunique()


@settings(max_examples=6, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    shards=st.integers(1, 6),
    wait=st.sampled_from(["wait_mean", "wait_p50", "wait_p95", "wait_p99", "resumed"]),
    n=st.integers(2, 40),
)
def test_a_decision_does_not_depend_on_how_events_are_dealt_out(
    recording: sl.Recording, seed: int, shards: int, wait: str, n: int
):
    workload = sl.ChatWorkload(duration="2h", chats_per_hour=n, close_share=0.2)
    events = sl.traffic.generate(workload, seed=seed)
    if events["external_id"].nunique() < 2:
        return
    asked = {"grid": {"idle_timeout": ["5s", "2m"]}, "wait": wait, "seed": seed}
    with TemporaryDirectory() as folder:
        parts = of_shards(recording, events, Path(folder), shards, **asked)
    assert_same(parts, decided(recording, events=events, **asked))


def test_events_that_were_recorded_are_decided_on_as_the_recording(
    recording: sl.Recording, decision: sl.Decision
):
    given_again = decided(recording, events=recording.events, at_most="1s")
    pd.testing.assert_frame_equal(given_again.policies, decision.policies)


def test_many_chats_are_drawn_in_blocks_and_some_tell_of_platforms(
    recording: sl.Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(chats, "_BLOCKS", 20)
    monkeypatch.setattr(DECIDE, "_MANY_CHATS", 60)
    found = decided(recording, events=recording.events, wait="wait_p99")
    assert_same(of_shards(recording, recording.events, tmp_path, 3, wait="wait_p99"), found)


def test_peaks_are_those_of_the_replay(recording: sl.Recording, decision: sl.Decision):
    for name, policy in (("today", decision.policy_today), ("proposed", decision.policy)):
        peak = sl.replay(recording.events, policy, PLATFORM).concurrency().peak_executing
        assert decision.peaks[name] == peak


def test_a_dask_cluster_decides_the_same(recording: sl.Recording, tmp_path: Path):
    distributed = pytest.importorskip("distributed")
    grid = {"idle_timeout": ["5s", "2m"]}
    with distributed.Client(
        processes=False, dashboard_address="127.0.0.1:0", n_workers=2
    ) as client:
        found = of_shards(recording, recording.events, tmp_path, 3, grid=grid, scheduler=client)
    assert_same(found, decided(recording, events=recording.events, grid=grid))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda one, other: one.write_bytes(other.read_bytes()), "was changed while it was read"),
        (lambda one, _: one.unlink(), "No such file"),
        (lambda one, _: one.write_bytes(one.read_bytes()[:900]), "cannot be read"),
    ],
)
def test_a_shard_that_changes_between_two_reads_is_named(
    recording: sl.Recording,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[Path, Path], object],
    said: str,
):
    one, other = sl.traffic.write_shards(recording.events, tmp_path, shards=2)

    def looked_through(*given: Any, **settings: Any) -> chats.Chats:
        found = chats.Chats.of(*given, **settings)
        change(one, other)
        return found

    monkeypatch.setattr(DECIDE, "Chats", SimpleNamespace(of=looked_through))
    with pytest.raises(sl.DataError, match=rf"{one.name}.*{said}"):
        decided(recording, events=tmp_path)


def test_shards_that_cannot_be_decided_on_are_refused(recording: sl.Recording, tmp_path: Path):
    with pytest.raises(sl.DataError, match=r"no \.parquet file"):
        decided(recording, events=tmp_path)
    one, other = sl.traffic.write_shards(recording.events, tmp_path, shards=2)
    other.write_bytes(one.read_bytes())
    with pytest.raises(sl.DataError, match="events in several files"):
        decided(recording, events=tmp_path)
    other.unlink()
    recording.events.head(1).to_parquet(one)
    with pytest.raises(sl.DataError, match="1 chats are too few"):
        decided(recording, events=tmp_path)
