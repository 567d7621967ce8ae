"""The estimators against statsmodels and scipy, and against published figures."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import CensoredData, chi2, ecdf
from scipy.stats import logrank as scipy_logrank
from statsmodels.duration.hazard_regression import PHReg
from statsmodels.duration.survfunc import CumIncidenceRight, SurvfuncRight, survdiff
from statsmodels.stats.multitest import multipletests

from session_lab.analysis.lifetimes import aalen_johansen, kaplan_meier, logrank, nelson_aalen
from session_lab.analysis.survival.intervals import chi2_tail
from tests.oracles.survival_data import (
    AML,
    AML_CONTROL,
    FREIREICH,
    FREIREICH_CONTROL,
    KAPLAN_MEIER,
    RATS,
)

RNG = np.random.default_rng(20)
N = 300
DURATIONS = RNG.integers(1, 60, N)
TIE_FREE = RNG.permutation(N) + 0.5
CAUSE = RNG.integers(0, 4, N)
OBSERVED = CAUSE > 0
GROUP = RNG.integers(0, 4, N)
# Entry before half of the life, and half of the subjects there from the start; young subjects in
# number, so that the risk set does not run empty.
ENTRY = np.where(RNG.random(N) < 0.5, 0, DURATIONS // 3)

close = pytest.approx


def to_reference(values: np.ndarray) -> object:
    return pytest.approx(values, rel=0, abs=1e-12)


@pytest.mark.parametrize("durations", [DURATIONS, TIE_FREE], ids=["ties", "no ties"])
def test_survival_and_greenwood_agree_with_statsmodels(durations: np.ndarray):
    reference = SurvfuncRight(durations, OBSERVED)
    found = kaplan_meier(durations, OBSERVED)
    at = found.events > 0
    assert found.time[at].tolist() == reference.surv_times.tolist()
    assert found.at_risk[at].tolist() == reference.n_risk.tolist()
    assert found.events[at].tolist() == reference.n_events.tolist()
    assert found.survival[at] == to_reference(reference.surv_prob)
    alive = reference.surv_prob > 0
    assert np.sqrt(found.variance[at][alive]) == to_reference(reference.surv_prob_se[alive])


def test_late_entry_agrees_with_statsmodels():
    reference = SurvfuncRight(DURATIONS, OBSERVED, entry=ENTRY)
    found = kaplan_meier(DURATIONS, OBSERVED, entry=ENTRY)
    at = found.events > 0
    assert found.at_risk[at].tolist() == reference.n_risk.tolist()
    assert found.survival[at] == to_reference(reference.surv_prob)
    alive = reference.surv_prob > 0
    assert np.sqrt(found.variance[at][alive]) == to_reference(reference.surv_prob_se[alive])


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95, 0.99])
def test_the_log_log_interval_agrees_with_scipy(level: float):
    data = CensoredData.right_censored(DURATIONS, ~OBSERVED)
    reference = ecdf(data).sf.confidence_interval(confidence_level=level, method="log-log")
    found = kaplan_meier(DURATIONS, OBSERVED, level=level)
    inside = (found.time > 0) & (found.survival > 0) & (found.survival < 1)
    rows = np.searchsorted(reference.low.quantiles, found.time[inside])
    assert found.lower[inside] == to_reference(reference.low.probabilities[rows])
    assert found.upper[inside] == to_reference(reference.high.probabilities[rows])


def test_nelson_aalen_agrees_with_breslow_without_covariates_of_statsmodels():
    model = PHReg(DURATIONS, np.zeros((N, 1)), status=OBSERVED, ties="breslow")
    time, hazard, _ = model.baseline_cumulative_hazard(np.zeros(1))[0]
    found = nelson_aalen(DURATIONS, OBSERVED)
    # statsmodels tells the hazard just before a time: as it stood after the time before.
    rows = np.searchsorted(found.time, time)
    assert found.hazard[rows - 1] == to_reference(hazard)


def test_the_variance_of_nelson_aalen_agrees_with_tsiatis_of_statsmodels():
    reference = SurvfuncRight(DURATIONS, OBSERVED, freq_weights=np.ones(N))
    found = nelson_aalen(DURATIONS, OBSERVED)
    assert found.variance[found.events > 0] == to_reference(reference.surv_prob_se**2)


@pytest.mark.parametrize("durations", [DURATIONS, TIE_FREE], ids=["ties", "no ties"])
def test_incidence_and_its_variance_agree_with_statsmodels(durations: np.ndarray):
    # The last subject of all is censored: statsmodels has no variance once all have ended.
    durations, cause = np.append(durations, 1_000), np.append(CAUSE, 0)
    reference = CumIncidenceRight(durations, cause)
    found = aalen_johansen(durations, cause)
    rows = np.searchsorted(found.time, reference.times)
    for j in range(3):
        assert found.incidence[j][rows] == to_reference(reference.cinc[j])
        assert np.sqrt(found.variance[j][rows]) == to_reference(reference.cinc_se[j])


def test_log_rank_agrees_with_statsmodels():
    statistic, p_value = survdiff(DURATIONS, OBSERVED.astype(int), GROUP)
    found = logrank(DURATIONS, OBSERVED, GROUP)
    assert found.statistic == close(statistic, abs=1e-12)
    assert found.p_value == close(p_value, abs=1e-12)


def test_log_rank_with_late_entry_agrees_with_statsmodels():
    reference = survdiff(DURATIONS, OBSERVED.astype(int), GROUP, entry=ENTRY)
    found = logrank(DURATIONS, OBSERVED, GROUP, entry=ENTRY)
    assert (found.statistic, found.p_value) == close(reference, abs=1e-12)


def test_log_rank_of_two_agrees_with_scipy():
    two = GROUP < 2
    data = [
        CensoredData.right_censored(DURATIONS[members], ~OBSERVED[members])
        for members in (GROUP == 0, GROUP == 1)
    ]
    reference = scipy_logrank(*data)
    found = logrank(DURATIONS[two], OBSERVED[two], GROUP[two])
    assert found.statistic == close(reference.statistic**2, abs=1e-12)
    assert found.p_value == close(reference.pvalue, abs=1e-12)


def test_pairs_are_tested_on_themselves_and_corrected_as_statsmodels_does():
    pairs = logrank(DURATIONS, OBSERVED, GROUP).pairwise()
    for row in pairs.itertuples():
        both = (row.group == GROUP) | (row.other == GROUP)
        alone = logrank(DURATIONS[both], OBSERVED[both], GROUP[both])
        assert row.statistic == close(alone.statistic, abs=1e-12)
    corrected = multipletests(pairs["p_value"], method="holm")[1]
    assert pairs["p_holm"].to_numpy() == to_reference(corrected)


@pytest.mark.parametrize("df", [1, 2, 3, 4, 9, 30])
def test_the_tail_of_chi_square_agrees_with_scipy(df: int):
    for statistic in (0.0, 0.01, 1.0, 7.5, 60.0):
        assert chi2_tail(statistic, df) == close(chi2.sf(statistic, df), abs=1e-12)


def test_the_example_of_kaplan_and_meier():
    found = kaplan_meier(*KAPLAN_MEIER).at([0.8, 3.1, 5.4, 9.2])
    assert found["survival"].tolist() == close([7 / 8, 7 / 10, 21 / 40, 21 / 80])


def test_remission_under_6_mp_as_published():
    found = kaplan_meier(*FREIREICH)
    read = found.at([6, 7, 10, 13, 16, 22, 23])
    assert read["survival"].round(4).tolist() == [
        0.8571,
        0.8067,
        0.7529,
        0.6902,
        0.6275,
        0.5378,
        0.4482,
    ]
    rows = np.flatnonzero(found.events)
    assert np.sqrt(found.variance[rows]).round(4).tolist() == [
        0.0764,
        0.0869,
        0.0963,
        0.1068,
        0.1141,
        0.1282,
        0.1346,
    ]
    assert found.median.value == 23
    assert kaplan_meier(*FREIREICH_CONTROL).median.value == 8


def test_6_mp_against_placebo_as_published():
    found = logrank(
        FREIREICH.durations + FREIREICH_CONTROL.durations,
        FREIREICH.observed + FREIREICH_CONTROL.observed,
        ["6-MP"] * 21 + ["placebo"] * 21,
    )
    assert round(found.statistic, 2) == 16.79
    assert [round(value, 2) for value in found.expected] == [19.25, 10.75]


def test_remission_of_aml_as_the_r_package_survival_prints_it():
    kept, control = kaplan_meier(*AML), kaplan_meier(*AML_CONTROL)
    assert (kept.median.value, kept.median.lower, kept.median.upper) == (31, 13, None)
    assert control.median.value == 23
    for curve, mean, error in ((kept, 52.6, 19.83), (control, 22.7, 4.18)):
        found = curve.restricted_mean(161)
        assert round(found.value, 1) == mean
        if found.lower > 0:
            assert round((found.value - found.lower) / 1.959964, 2) == error
    both = AML.durations + AML_CONTROL.durations, AML.observed + AML_CONTROL.observed
    found = logrank(*both, [1] * 11 + [2] * 12)
    assert (round(found.statistic, 1), round(found.p_value, 4)) == (3.4, 0.0653)
    assert [round(value, 2) for value in found.expected] == [10.69, 7.31]


def test_the_rats_of_pike_as_kalbfleisch_and_prentice_print_them():
    (days, died), (others, other_died) = RATS
    found = logrank(days + others, died + other_died, [1] * 19 + [2] * 21)
    assert [round(value, 2) for value in found.expected] == [12.24, 23.76]
    assert found.observed == (17, 19)
    assert round(found.statistic, 2) == 3.12
