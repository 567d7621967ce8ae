"""Variates against scipy, and against their moments.

A mean is held to five standard errors of its expectation, which by the central limit theorem one
sample in two million exceeds; a distribution to a Kolmogorov-Smirnov distance of 2.5 / sqrt(n),
which one in a hundred thousand exceeds. The seeds are fixed, so each test passes always or never.
"""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import stats

from session_lab.simulator import RandomStream
from session_lab.timing import LONGEST_DURATION
from session_lab.traffic.workload.distributions import (
    geometric,
    inverse_normal,
    log_normal,
    picks,
    poisson_arrivals,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

N = 100_000


def stream(name: str = "test") -> RandomStream:
    return RandomStream(11, name)


def assert_mean(values: NDArray[np.float64], mean: float, deviation: float):
    assert abs(values.mean() - mean) < 5 * deviation / math.sqrt(len(values))


def assert_distribution(values: NDArray[np.float64], expected: stats.rv_continuous):
    assert stats.kstest(values, expected.cdf).statistic < 2.5 / math.sqrt(len(values))


def test_normal_quantiles_equal_those_of_scipy():
    powers = 2.0 ** -np.arange(1, 1022)
    edges = 0.5 + np.array([-0.425, 0.425])
    edges = np.concatenate([edges, np.nextafter(edges, 0), np.nextafter(edges, 1), [math.exp(-25)]])
    uniforms = np.maximum(stream().uniforms(N), 2.0**-54)
    probabilities = np.concatenate([powers, 1 - powers[:53], edges, uniforms])
    quantiles = inverse_normal(probabilities)
    np.testing.assert_allclose(quantiles, stats.norm.ppf(probabilities), rtol=4e-15, atol=1e-300)


def test_normal_quantiles_are_antisymmetric_to_the_last_bit():
    below = np.arange(1, 2**12) / 2**13
    assert (inverse_normal(1 - below) == -inverse_normal(below)).all()


def test_normal_variates_have_the_same_bits_everywhere():
    quantiles = inverse_normal(stream().uniforms(1000))
    assert (
        hashlib.sha256(quantiles.astype("<f8").tobytes()).hexdigest()
        == "685aa94cb4d67fdd855154bc220910aaae5ad1e48807f53f36082a586f255a59"
    )


def test_normal_variates_have_mean_zero_variance_one_and_no_skew():
    normal = inverse_normal(stream().uniforms(N))
    assert_mean(normal, 0, 1)
    assert_mean(normal**2, 1, math.sqrt(2))
    assert_mean(normal**3, 0, math.sqrt(15))
    assert_distribution(normal, stats.norm())


def test_durations_are_log_normal():
    durations = log_normal(stream(), N, 1_000_000, 0.7)
    assert_mean(np.log(durations / 1_000_000), 0, 0.7)
    assert_mean(
        durations, stats.lognorm(0.7, scale=1e6).mean(), stats.lognorm(0.7, scale=1e6).std()
    )
    assert_distribution(durations, stats.lognorm(0.7, scale=1e6))


def test_durations_may_have_a_median_and_spread_each():
    durations = log_normal(stream(), 3, np.array([10, 2000, 0]), np.array([0.0, 0.0, 3.0]))
    assert durations.tolist() == [10, 2000, 0]


def test_durations_are_cut_to_a_century():
    durations = log_normal(stream(), 1000, LONGEST_DURATION, 5)
    assert durations.max() == LONGEST_DURATION
    assert durations.min() < LONGEST_DURATION / 1000


@pytest.mark.parametrize("mean", [1.25, 4, 1000])
def test_counts_are_geometric(mean: float):
    counts = geometric(stream(), N, mean)
    expected = stats.geom(1 / mean)
    assert counts.min() >= 1
    assert_mean(counts, expected.mean(), expected.std())
    for least in (1, 2, math.ceil(mean)):
        share = expected.cdf(least)
        assert_mean(counts <= least, share, math.sqrt(share * (1 - share)))


def test_a_mean_count_of_one_is_always_one():
    assert set(geometric(stream(), 1000, 1)) == {1}


def test_arrivals_are_a_poisson_process():
    gap, span = 1000.0, 100_000_000
    arrivals = poisson_arrivals(stream(), gap, span)
    expected = span / gap
    assert abs(len(arrivals) - expected) < 5 * math.sqrt(expected)
    assert (np.diff(arrivals) >= 0).all()
    assert arrivals[0] >= 0
    assert arrivals[-1] < span
    assert_distribution(np.diff(arrivals), stats.expon(scale=gap))
    # Given their number, the arrivals are uniform on the span.
    assert_distribution(arrivals, stats.uniform(0, span))


def test_a_longer_span_begins_with_the_arrivals_of_a_shorter_one():
    short, long = (poisson_arrivals(stream(), 10, span) for span in (100_000, 300_000))
    assert long[: len(short)].tolist() == short.tolist()


def test_no_span_has_no_arrivals():
    assert poisson_arrivals(stream(), 10, 0).tolist() == []


def test_picks_follow_their_percentages():
    places = picks(stream(), N, (82, 15, 3))
    for place, percentage in enumerate((82, 15, 3)):
        share = percentage / 100
        assert_mean(places == place, share, math.sqrt(share * (1 - share)))
