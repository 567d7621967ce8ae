"""The cluster bootstrap of paired ratios."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from scipy import stats

import session_lab as sl
from session_lab.analysis.replays.bootstrap import paired_ratio_differences
from session_lab.errors import StatisticalWarning


def sums_of(*measures: Any) -> Any:
    """Arrange ``(a1, b1, a2, b2)`` of each measure by cluster."""
    return np.array(measures, dtype=np.int64).transpose(2, 0, 1)


def sample(n: int, rng: np.random.Generator) -> Any:
    """Draw clusters of 1 to 6 turns; the second wait is half the first, more or less."""
    turns = rng.integers(1, 7, n)
    level = rng.exponential(1_000, n)
    first = (level * turns + rng.exponential(200, n)).astype(np.int64)
    second = (level * turns / 2 + rng.exponential(200, n)).astype(np.int64)
    return sums_of((first, turns, second, turns))


def ratio_difference(first: Any, turns: Any, second: Any, axis: int = -1) -> Any:
    return second.sum(axis) / turns.sum(axis) - first.sum(axis) / turns.sum(axis)


def test_the_estimate_is_the_difference_of_the_ratios():
    found = paired_ratio_differences(sums_of(([2, 4], [1, 2], [9, 3], [3, 1])), seed=0)
    assert (found.first[0], found.second[0], found.difference[0]) == (2.0, 3.0, 1.0)


def test_the_interval_is_that_of_all_resamples_of_three_clusters():
    values = np.array([[10, 1, 40, 1], [20, 2, 30, 2], [90, 3, 60, 3]])
    every = []
    for drawn in product(range(3), repeat=3):
        a1, b1, a2, b2 = values[list(drawn)].sum(axis=0)
        every.append(a2 / b2 - a1 / b1)
    found = paired_ratio_differences(values[:, None, :], seed=1, level=0.6, n_resamples=20_000)
    expected = np.quantile(every, [0.2, 0.8], method="inverted_cdf")
    assert [found.lower[0], found.upper[0]] == pytest.approx(expected.tolist())


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_the_interval_agrees_with_that_of_scipy(level: float):
    sums = sample(60, np.random.default_rng(5))
    found = paired_ratio_differences(sums, seed=2, level=level, n_resamples=20_000)
    first, turns, second, _ = sums[:, 0].T
    theirs = stats.bootstrap(
        (first, turns, second),
        ratio_difference,
        paired=True,
        vectorized=True,
        confidence_level=level,
        n_resamples=20_000,
        method="percentile",
        rng=np.random.default_rng(3),
    )
    interval = theirs.confidence_interval
    allowed = 0.1 * theirs.standard_error
    assert found.lower[0] == pytest.approx(interval.low, abs=allowed)
    assert found.upper[0] == pytest.approx(interval.high, abs=allowed)


def test_what_is_drawn_depends_on_the_seed_alone():
    sums = sample(40, np.random.default_rng(1))
    one, two, other = (paired_ratio_differences(sums, seed=seed) for seed in (4, 4, 5))
    assert one.lower.tolist() == two.lower.tolist()
    assert one.lower.tolist() != other.lower.tolist()


def test_more_measures_do_not_change_the_draw(monkeypatch: pytest.MonkeyPatch):
    sums = sample(40, np.random.default_rng(1))
    alone = paired_ratio_differences(sums, seed=4)
    both = paired_ratio_differences(np.concatenate([sums, sums[:, :, ::-1]], axis=1), seed=4)
    assert both.upper[0] == alone.upper[0]
    # Neither does how many draws are held at a time.
    monkeypatch.setattr("session_lab.analysis.replays.bootstrap._CELLS", 333)
    assert paired_ratio_differences(sums, seed=4).upper.tolist() == alone.upper.tolist()


def test_a_ratio_over_nothing_is_missing():
    found = paired_ratio_differences(sums_of(([0, 0], [0, 0], [5, 6], [1, 1])), seed=0)
    assert np.isnan([found.first[0], found.difference[0], found.lower[0], found.upper[0]]).all()
    assert found.second[0] == 5.5


@pytest.mark.parametrize("n", [0, 1])
def test_fewer_than_two_clusters_give_no_interval_and_say_so(n: int):
    sums = sample(n, np.random.default_rng(0))
    with pytest.warns(StatisticalWarning, match=f"{n} chats give no interval"):
        found = paired_ratio_differences(sums, seed=0)
    assert np.isnan([found.lower[0], found.upper[0]]).all()


@pytest.mark.parametrize(
    "settings", [{"level": 0.0}, {"level": 1.0}, {"level": 95}, {"n_resamples": 99}]
)
def test_settings_out_of_range_are_refused(settings: Any):
    with pytest.raises(sl.DataError) as refusal:
        paired_ratio_differences(sample(5, np.random.default_rng(0)), seed=0, **settings)
    assert refusal.value.column in settings


@pytest.mark.long
def test_the_interval_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(11)
    # In the population turns and waits are independent of the cluster's size, so the ratio of
    # expectations is known: (E[level] * E[turns] * 0.5 - E[level] * E[turns]) / E[turns], and the
    # noise cancels. Truncation to whole milliseconds is the same on both sides within 0.2.
    truth, covered, times = -500.0, 0, 1_000
    for seed in range(times):
        found = paired_ratio_differences(sample(80, rng), seed=seed, n_resamples=400)
        covered += bool(found.lower[0] <= truth <= found.upper[0])
    # Binomial noise of 1,000 trials is 0.7 points; a percentile interval of 80 skewed clusters
    # covers a little less than it says.
    assert 0.915 <= covered / times <= 0.97
