"""What must hold of every sample, against the definitions worked out subject by subject."""

from __future__ import annotations

import math
import warnings
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_lab.analysis.lifetimes import aalen_johansen, kaplan_meier, logrank, nelson_aalen
from session_lab.analysis.survival.tables.event_counts import tally_by_counting, tally_by_sorting
from session_lab.errors import StatisticalWarning

pytestmark = pytest.mark.filterwarnings("ignore::session_lab.errors.StatisticalWarning")


class Subject(NamedTuple):
    duration: int
    cause: int
    entry: int


@st.composite
def subjects(draw: st.DrawFn) -> Subject:
    duration = draw(st.integers(0, 12))
    late = draw(st.booleans()) and duration > 0
    entry = draw(st.integers(0, duration - 1)) if late else 0
    return Subject(duration, draw(st.integers(0, 2)), entry)


samples = st.lists(subjects(), min_size=1, max_size=25)


def columns(sample: list[Subject]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    durations, cause, entry = (np.array(column) for column in zip(*sample, strict=True))
    return durations, cause, entry


def at_risk(sample: list[Subject], t: float) -> int:
    return sum(t <= one.duration and (one.entry < t or one.entry == 0) for one in sample)


def ended(sample: list[Subject], t: float, causes: tuple[int, ...] = (1, 2)) -> int:
    return sum(one.duration == t and one.cause in causes for one in sample)


def survival_by_definition(sample: list[Subject], t: float) -> float:
    """Multiply, over all times up to t, the share of those at risk who go on."""
    return math.prod(
        1 - ended(sample, u) / at_risk(sample, u) for u in range(int(t) + 1) if at_risk(sample, u)
    )


@given(samples)
def test_survival_is_the_product_of_its_definition(sample: list[Subject]):
    durations, cause, entry = columns(sample)
    found = kaplan_meier(durations, cause > 0, entry=entry)
    points = [0, 0.5, 1, 2.5, 3, 6, 7.5, 11, 12, 40]
    read = found.at(points)
    expected = [survival_by_definition(sample, t) for t in points]
    # Beyond the last time seen nothing is known, unless all had ended.
    known = [t <= durations.max() or found.survival[-1] == 0 for t in points]
    assert read["survival"].notna().tolist() == known
    values = [value for value, is_known in zip(expected, known, strict=True) if is_known]
    assert read["survival"].dropna().tolist() == pytest.approx(values, abs=1e-12)
    assert read["at_risk"].tolist() == [at_risk(sample, t) for t in points]


@given(samples)
def test_greenwood_is_the_sum_of_its_definition(sample: list[Subject]):
    durations, cause, entry = columns(sample)
    found = kaplan_meier(durations, cause > 0, entry=entry)
    for t, survival, variance in zip(found.time, found.survival, found.variance, strict=True):
        total = 0.0
        for u in range(int(t) + 1):
            n, d = at_risk(sample, u), ended(sample, u)
            total += d / (n * (n - d)) if n > d else 0
        assert variance == pytest.approx(survival**2 * total, abs=1e-12)


@given(samples)
def test_the_cumulative_hazard_is_the_sum_of_its_definition(sample: list[Subject]):
    durations, cause, entry = columns(sample)
    found = nelson_aalen(durations, cause > 0, entry=entry)
    for t, hazard, variance in zip(found.time, found.hazard, found.variance, strict=True):
        steps = [
            (ended(sample, u), at_risk(sample, u)) for u in range(int(t) + 1) if at_risk(sample, u)
        ]
        assert hazard == pytest.approx(sum(d / n for d, n in steps), abs=1e-12)
        assert variance == pytest.approx(sum(d / n**2 for d, n in steps), abs=1e-12)


@given(samples)
def test_incidence_and_variance_are_the_sums_of_their_definition(sample: list[Subject]):
    durations, cause, entry = columns(sample)
    found = aalen_johansen(durations, cause, entry=entry)
    times = [int(t) for t in found.time if at_risk(sample, t)]
    n = {t: at_risk(sample, t) for t in times}
    before = {t: survival_by_definition(sample, t - 1) if t else 1.0 for t in times}
    for j in found.causes:
        d = {t: ended(sample, t, (j,)) for t in times}
        f = np.cumsum([before[t] * d[t] / n[t] for t in times])
        for i, t in enumerate(times):
            row = int(np.searchsorted(found.time, t))
            variance = 0.0
            for k, u in enumerate(times[: i + 1]):
                rise, both = f[i] - f[k], ended(sample, u)
                variance += rise**2 * both / (n[u] * (n[u] - both)) if n[u] > both else 0
                variance += before[u] ** 2 * d[u] * (n[u] - d[u]) / n[u] ** 3
                variance -= 2 * rise * before[u] * d[u] / n[u] ** 2
            assert found.incidence[j - 1, row] == pytest.approx(f[i], abs=1e-11)
            assert found.variance[j - 1, row] == pytest.approx(variance, abs=1e-11)


@given(samples)
def test_what_has_not_ended_in_any_way_survives(sample: list[Subject]):
    durations, cause, entry = columns(sample)
    curve = kaplan_meier(durations, cause > 0, entry=entry)
    incidence = aalen_johansen(durations, cause, entry=entry)
    assert 1 - incidence.incidence.sum(axis=0) == pytest.approx(curve.survival, abs=1e-11)


@given(samples)
def test_one_cause_is_the_complement_of_survival_with_the_same_variance(sample: list[Subject]):
    durations, cause, entry = columns(sample)
    curve = kaplan_meier(durations, cause > 0, entry=entry)
    incidence = aalen_johansen(durations, cause > 0, entry=entry)
    assert incidence.variance[0] == pytest.approx(curve.variance, abs=1e-11)


@given(samples, st.sampled_from([0.5, 0.95, 0.999]))
def test_intervals_hold_their_estimate_within_bounds(sample: list[Subject], level: float):
    durations, cause, entry = columns(sample)
    curve = kaplan_meier(durations, cause > 0, entry=entry, level=level)
    hazard = nelson_aalen(durations, cause > 0, entry=entry, level=level)
    incidence = aalen_johansen(durations, cause, entry=entry, level=level)
    for result, estimate in (
        (curve, curve.survival),
        (incidence, incidence.incidence),
        (hazard, hazard.hazard),
    ):
        told = ~np.isnan(result.lower)
        assert (told == ~np.isnan(result.upper)).all()
        assert (result.lower[told] <= estimate[told] + 1e-12).all()
        assert (estimate[told] <= result.upper[told] + 1e-12).all()
        assert (result.lower[told] >= 0).all()
    assert not (curve.upper > 1).any()
    assert not (incidence.upper > 1).any()


@given(samples)
def test_an_interval_is_missing_exactly_where_the_curve_has_reached_0(sample: list[Subject]):
    durations, cause, entry = columns(sample)
    curve = kaplan_meier(durations, cause > 0, entry=entry)
    for bound in (curve.lower, curve.upper):
        assert (np.isnan(bound) == (curve.survival == 0)).all()
        assert (bound[curve.survival == 1] == 1).all()


@given(samples)
def test_events_and_censorings_are_all_subjects(sample: list[Subject]):
    durations, cause, entry = columns(sample)
    frame = kaplan_meier(durations, cause > 0, entry=entry).to_frame()
    assert frame["events"].sum() == (cause > 0).sum()
    assert frame["censored"].sum() == (cause == 0).sum()
    assert not frame.drop(columns=["lower", "upper"]).isna().any(axis=None)


@given(samples, st.floats(0.01, 0.99))
def test_a_quantile_is_the_first_time_at_or_below_its_height(sample: list[Subject], p: float):
    durations, cause, entry = columns(sample)
    curve = kaplan_meier(durations, cause > 0, entry=entry)
    found = curve.quantile(p)
    low = [t for t, s in zip(curve.time, curve.survival, strict=True) if s <= 1 - p + 1e-12]
    assert found.value == (min(low) if low else None)
    if found.value is not None:
        lower = 0 if found.lower is None else found.lower
        assert lower <= found.value <= (math.inf if found.upper is None else found.upper)


@given(samples, st.integers(0, 12))
def test_the_restricted_mean_is_the_area_millisecond_by_millisecond(
    sample: list[Subject], horizon: int
):
    durations, cause, entry = columns(sample)
    curve = kaplan_meier(durations, cause > 0, entry=entry)
    horizon = min(horizon, int(curve.time[-1]))
    area = sum(survival_by_definition(sample, t) for t in range(horizon))
    found = curve.restricted_mean(horizon)
    assert found.value == pytest.approx(area, abs=1e-12)
    variance = 0.0
    for u in range(horizon + 1):
        n, d = at_risk(sample, u), ended(sample, u)
        rest = sum(survival_by_definition(sample, t) for t in range(u, horizon))
        variance += rest**2 * d / (n * (n - d)) if n > d else 0
    upper = min(horizon, area + 1.959963984540054 * math.sqrt(variance))
    assert found.upper == pytest.approx(upper, abs=1e-11)


@given(samples)
def test_the_order_of_rows_changes_nothing(sample: list[Subject]):
    durations, cause, entry = columns(sample)
    there = kaplan_meier(durations, cause > 0, entry=entry).to_frame()
    back = kaplan_meier(durations[::-1], cause[::-1] > 0, entry=entry[::-1]).to_frame()
    assert there.equals(back)


@given(samples)
def test_counting_and_sorting_give_one_answer(sample: list[Subject]):
    durations, cause, _ = columns(sample)
    counted, ordered = (
        tally_by_counting(durations, cause, 3, 20),
        tally_by_sorting(durations, cause, 3),
    )
    assert counted.time.tolist() == ordered.time.tolist()
    assert counted.counts.tolist() == ordered.counts.tolist()


@pytest.mark.parametrize("n", [50_000, 2_200_000], ids=["table", "compiled table"])
def test_large_samples_give_the_same_answer_as_numbers_that_cannot_be_counted(n: int):
    rng = np.random.default_rng(3)
    durations, cause = rng.integers(0, 900, n), rng.integers(0, 3, n)
    counted, ordered = aalen_johansen(durations, cause), aalen_johansen(durations / 1.0, cause)
    assert counted.incidence.tolist() == ordered.incidence.tolist()
    assert counted.variance.tolist() == ordered.variance.tolist()


@given(samples, st.integers(2, 4))
def test_log_rank_is_the_sum_of_its_definition(sample: list[Subject], groups: int):
    everyone = [one._replace(entry=0) for one in sample]
    durations, cause, _ = columns(everyone)
    group = np.arange(len(sample)) % groups
    if not (cause > 0).any() or len(set(group.tolist())) < 2:
        return
    found = logrank(durations, cause > 0, group)
    expected = np.zeros(len(found.groups))
    for t in set(durations.tolist()):
        for g in found.groups:
            members = [one for one, place in zip(everyone, group, strict=True) if place == g]
            expected[g] += ended(everyone, t) * at_risk(members, t) / at_risk(everyone, t)
    assert found.expected == pytest.approx(expected, abs=1e-12)
    assert sum(found.expected) == pytest.approx(sum(found.observed))
    assert 0 <= found.p_value <= 1


@given(samples)
def test_the_smoothed_hazard_adds_up_to_the_cumulative_one(sample: list[Subject]):
    durations, cause, _ = columns(sample)
    if not (durations[cause > 0] > 0).any():
        return
    raw = nelson_aalen(durations, cause > 0)
    # A kernel wider than all the data weighs all times nearly alike.
    last = float(raw.time[raw.events > 0][-1])
    smoothed = raw.smoothed(1_000 * last, points=11)
    assert smoothed.hazard * last == pytest.approx(np.full(11, raw.hazard[-1]), rel=1e-5)


def test_a_constant_hazard_is_found_everywhere():
    rng = np.random.default_rng(5)
    durations, end = rng.exponential(4.0, 200_000), 6.0
    found = kaplan_meier(np.minimum(durations, end), durations < end).hazard(0.5)
    assert found.hazard == pytest.approx(np.full(101, 0.25), rel=0.08)


@given(samples)
def test_no_warning_of_numpy_reaches_the_user(sample: list[Subject]):
    durations, cause, entry = columns(sample)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", StatisticalWarning)
        kaplan_meier(durations, cause > 0, entry=entry).summary()
        aalen_johansen(durations, cause, entry=entry).summary()
        nelson_aalen(durations, cause > 0, entry=entry).summary()
