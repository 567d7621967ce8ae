"""Every estimator against the R package survival."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from statsmodels.duration.survfunc import survdiff

import session_lab as sl
from session_lab.analysis import lifetimes
from tests.oracles.r_survival import ask

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.needs_r

RNG = np.random.default_rng(12)
N = 240
DATA = pd.DataFrame(
    {
        "time": RNG.integers(1, 50, N),
        "cause": RNG.choice(3, N, p=[0.4, 0.35, 0.25]),
        "group": RNG.choice(list("abc"), N),
        "layer": RNG.choice(list("xy"), N),
        "x": RNG.normal(size=N).round(3),
        "weight": RNG.integers(0, 4, N),
    }
)
DATA["fraction"] = RNG.exponential(1.0, N).round(4) * (RNG.random(N) > 0.1)
DATA["event"] = (DATA["cause"] > 0).astype(int)
DATA["entry"] = np.where(RNG.random(N) < 0.4, 0, DATA["time"] // 3)
DATA["near"] = DATA["time"] * 0.1
DATA.loc[::2, "near"] = [sum([0.1] * time) for time in DATA.loc[::2, "time"]]
ENDED = DATA.assign(event=1)
TYPES = ["log-log", "log", "plain"]


def equal(found: Any, expected: Any, tolerance: float = 1e-9) -> None:
    np.testing.assert_allclose(
        np.asarray(found, float), np.asarray(expected, float), rtol=tolerance, atol=tolerance
    )


def curve_of(kind: str) -> lifetimes.Survival:
    data = ENDED if kind == "uncensored" else DATA
    options: dict[str, Any] = {}
    if kind == "late":
        options["entry"] = data["entry"]
    if kind == "weighted":
        options["weights"] = data["weight"]
    times = data["near"] if kind == "near ties" else data["time"]
    return lifetimes.kaplan_meier(times, data["event"], **options)


SURV = {
    "plain": "Surv(time, event) ~ 1, d",
    "uncensored": "Surv(time, event) ~ 1, d",
    "late": "Surv(entry, time, event) ~ 1, d",
    "weighted": "Surv(time, event) ~ 1, d, weights = weight, robust = FALSE",
    "near ties": "Surv(near, event) ~ 1, d",
}


@pytest.mark.parametrize("kind", SURV)
def test_curves_and_their_variance(kind: str, tmp_path: Path):
    data = ENDED if kind == "uncensored" else DATA
    # R keeps rows of weight 0 as times; ours have nobody at them.
    data = data[data["weight"] > 0] if kind == "weighted" else data
    code = f"f <- survfit({SURV[kind]}); out <- summary(f)[c('time','n.risk','n.event','surv','std.err')]"
    expected = ask(tmp_path, code, d=data)
    found = curve_of(kind)
    at = found.events > 0
    equal(found.time[at], expected["time"])
    equal(found.at_risk[at], expected["n.risk"])
    equal(found.events[at], expected["n.event"])
    equal(found.survival[at], expected["surv"])
    alive = expected["surv"] > 0
    equal(np.sqrt(found.variance[at])[alive], expected["std.err"][alive])


@pytest.mark.parametrize("interval", TYPES)
@pytest.mark.parametrize("data", [DATA, ENDED], ids=["censored", "uncensored"])
def test_intervals_are_missing_where_r_has_none(data: pd.DataFrame, interval: Any, tmp_path: Path):
    code = f"""f <- survfit(Surv(time, event) ~ 1, d, conf.type = '{interval}', conf.int = 0.9)
    out <- data.frame(time = f$time, lower = f$lower, upper = f$upper)"""
    expected = ask(tmp_path, code, d=data)
    found = lifetimes.kaplan_meier(data["time"], data["event"], level=0.9, interval=interval)
    equal(found.time[1:], expected["time"])
    equal(found.lower[1:], expected["lower"])
    equal(found.upper[1:], expected["upper"])


@pytest.mark.parametrize("interval", TYPES)
@pytest.mark.parametrize("data", [DATA, ENDED], ids=["censored", "uncensored"])
def test_quantiles_and_their_bounds(data: pd.DataFrame, interval: Any, tmp_path: Path):
    shares = [0.101, 0.249, 0.501, 0.751, 0.899, 0.951, 0.991, 0.999]
    code = f"""f <- survfit(Surv(time, event) ~ 1, d, conf.type = '{interval}')
    q <- quantile(f, c({", ".join(map(str, shares))}))
    out <- data.frame(value = q$quantile, lower = q$lower, upper = q$upper)"""
    expected = ask(tmp_path, code, d=data).to_numpy()
    found = lifetimes.kaplan_meier(data["time"], data["event"], interval=interval)
    ours = [found.quantile(p)[:3] for p in shares]
    equal([[np.nan if end is None else end for end in row] for row in ours], expected)


def test_the_bounds_of_four_that_all_ended():
    curve = lifetimes.kaplan_meier([1, 2, 3, 4], [1, 1, 1, 1])
    assert (curve.median.value, curve.median.lower, curve.median.upper) == (2, 1, None)


def test_cumulative_hazards(tmp_path: Path):
    for entry, surv in ((None, "Surv(time, event)"), (DATA["entry"], "Surv(entry, time, event)")):
        code = f"""f <- summary(survfit({surv} ~ 1, d), times = sort(unique(d$time)))
        out <- data.frame(time = f$time, hazard = f$cumhaz, error = f$std.chaz)"""
        expected = ask(tmp_path, code, d=DATA)
        found = lifetimes.nelson_aalen(DATA["time"], DATA["event"], entry=entry)
        rows = np.searchsorted(found.time, expected["time"])
        equal(found.hazard[rows], expected["hazard"])
        equal(np.sqrt(found.variance[rows]), expected["error"])


def test_incidence(tmp_path: Path):
    code = """f <- survfit(Surv(time, factor(cause, 0:2)) ~ 1, d)
    out <- data.frame(time = f$time, one = f$pstate[, 2], two = f$pstate[, 3])"""
    expected = ask(tmp_path, code, d=DATA)
    found = lifetimes.aalen_johansen(DATA["time"], DATA["cause"])
    equal(found.time[1:], expected["time"])
    equal(found.incidence[:, 1:].T, expected[["one", "two"]])


@pytest.mark.parametrize("entry", ["", "entry, "])
@pytest.mark.parametrize("scale", [1.0, 0.01])
def test_fractional_weights_and_their_robust_variance(entry: str, scale: float, tmp_path: Path):
    data = DATA.assign(fraction=DATA["fraction"] * scale)
    data = data.loc[data["fraction"] > 0].assign(id=range(int((data["fraction"] > 0).sum())))
    code = f"""f <- survfit(Surv({entry}time, event) ~ 1, d, weights = fraction, id = id, robust = TRUE,
      conf.type = 'log-log')
    m <- survfit(Surv({entry}time, factor(cause, 0:2)) ~ 1, d, weights = fraction, id = id)
    at <- data.frame(time = sort(unique(d$time)))
    s <- summary(f, times = at$time); i <- summary(m, times = at$time)
    s$std.err[s$surv < 1e-9] <- 0
    out <- data.frame(at, risk = s$n.risk, surv = s$surv, error = s$std.err, lower = s$lower,
      upper = s$upper, hazard = s$cumhaz, of_hazard = s$std.chaz, one = i$pstate[, 2],
      two = i$pstate[, 3], of_one = i$std.err[, 2], of_two = i$std.err[, 3])"""
    expected = ask(tmp_path, code, d=data)
    given: dict[str, Any] = {
        "entry": data["entry"] if entry else None,
        "weights": data["fraction"],
    }
    curve = lifetimes.kaplan_meier(data["time"], data["event"], **given)
    hazard = lifetimes.nelson_aalen(data["time"], data["event"], **given)
    ends = lifetimes.aalen_johansen(data["time"], data["cause"], **given)
    rows = np.searchsorted(curve.time, expected["time"])
    equal(curve.at_risk[rows], expected["risk"])
    equal(curve.survival[rows], expected["surv"])
    equal(np.sqrt(curve.variance[rows]), expected["error"])
    inside = (expected["surv"] < 1) & (expected["surv"] > 1e-9)
    equal(curve.lower[rows][inside], expected["lower"][inside])
    equal(curve.upper[rows][inside], expected["upper"][inside])
    equal(hazard.hazard[rows], expected["hazard"])
    equal(np.sqrt(hazard.variance[rows]), expected["of_hazard"])
    equal(ends.incidence[:, rows].T, expected[["one", "two"]])
    equal(np.sqrt(ends.variance[:, rows]).T, expected[["of_one", "of_two"]])


def test_incidence_has_the_variance_of_r(tmp_path: Path):
    # With late entry R's is the robust variance, which is another.
    code = """f <- summary(survfit(Surv(time, factor(cause, 0:2)) ~ 1, d))
    out <- data.frame(time = f$time, one = f$std.err[, 2], two = f$std.err[, 3])"""
    expected = ask(tmp_path, code, d=DATA)
    found = lifetimes.aalen_johansen(DATA["time"], DATA["cause"])
    rows = np.searchsorted(found.time, expected["time"])
    equal(np.sqrt(found.variance[:, rows]).T, expected[["one", "two"]])


def test_a_restricted_mean_of_fractional_weights(tmp_path: Path):
    data = DATA[DATA["fraction"] > 0]
    code = """f <- survfit(Surv(time, event) ~ 1, d, weights = fraction)
    out <- t(summary(f, rmean = 30)$table[c('rmean', 'se(rmean)')])"""
    mean, error = ask(tmp_path, code, d=data).to_numpy()[0]
    found = lifetimes.kaplan_meier(data["time"], data["event"], weights=data["fraction"])
    z = 1.959963984540054
    equal(found.restricted_mean(30)[:3], [mean, mean - z * error, mean + z * error])


def test_weights_are_so_many_rows():
    rows = DATA.loc[DATA.index.repeat(DATA["weight"])]
    for estimate, outcome in (
        (lifetimes.kaplan_meier, "event"),
        (lifetimes.nelson_aalen, "event"),
        (lifetimes.aalen_johansen, "cause"),
    ):
        weighted = estimate(
            DATA["time"], DATA[outcome], entry=DATA["entry"], weights=DATA["weight"]
        )
        repeated = estimate(rows["time"], rows[outcome], entry=rows["entry"])
        pd.testing.assert_frame_equal(weighted.to_frame(), repeated.to_frame())


@pytest.mark.parametrize("strata", [None, "layer"])
@pytest.mark.parametrize(("weighting", "rho"), [("logrank", 0), ("peto", 1)])
def test_log_rank_weighted_and_stratified(
    weighting: Any, rho: int, strata: str | None, tmp_path: Path
):
    layers = "" if strata is None else " + strata(layer)"
    code = f"""f <- survdiff(Surv(time, event) ~ group{layers}, d, rho = {rho})
    out <- data.frame(statistic = f$chisq, df = length(f$n) - 1)"""
    expected = ask(tmp_path, code, d=DATA).iloc[0]
    found = lifetimes.logrank(
        DATA["time"],
        DATA["event"],
        DATA["group"],
        strata=None if strata is None else DATA[strata],
        weighting=weighting,
    )
    equal(found.statistic, expected["statistic"])
    assert found.df == expected["df"]
    for one, other in itertools.combinations("abc", 2):
        part = DATA[DATA["group"].isin([one, other])]
        equal(found.pairs[one, other].statistic, ask(tmp_path, code, d=part)["statistic"][0])


@pytest.mark.parametrize("weighting", ["logrank", "gehan", "tarone-ware", "peto"])
def test_a_stratum_without_events_adds_nothing(weighting: Any):
    quiet = DATA[DATA["layer"] == "x"].assign(event=0)
    busy = DATA[DATA["layer"] == "y"]
    both = pd.concat([quiet, busy])
    found = lifetimes.logrank(
        both["time"], both["event"], both["group"], strata=both["layer"], weighting=weighting
    )
    alone = lifetimes.logrank(busy["time"], busy["event"], busy["group"], weighting=weighting)
    equal(found.statistic, alone.statistic)


@pytest.mark.parametrize(("strata", "late"), [(None, None), ("layer", None), (None, "entry")])
@pytest.mark.parametrize(("weighting", "kind"), [("gehan", "gb"), ("tarone-ware", "tw")])
def test_log_rank_weighted_by_those_at_risk(
    weighting: Any, kind: str, strata: str | None, late: str | None
):
    # R has neither; statsmodels has both, and is held against R by the log-rank test itself.
    layer, entry = (None if name is None else DATA[name] for name in (strata, late))
    found = lifetimes.logrank(
        *(DATA[name] for name in ("time", "event", "group")),
        strata=layer, entry=entry, weighting=weighting,
    )  # fmt: skip
    for chosen, test in (("abc", found.test), *found.pairs.items()):
        rows = DATA["group"].isin(list(chosen))
        columns = [DATA.loc[rows, name] for name in ("time", "event", "group")]
        options = {
            name: None if column is None else column[rows]
            for name, column in (("strata", layer), ("entry", entry))
        }
        statistic, p_value = survdiff(*columns, weight_type=kind, **options)
        equal([test.statistic, test.p_value], [statistic, p_value])


def test_restricted_means_and_their_difference(tmp_path: Path):
    code = """f <- survfit(Surv(time, event) ~ layer, d)
    out <- summary(f, rmean = 30)$table[, c('rmean', 'se(rmean)')]"""
    expected = ask(tmp_path, code, d=DATA).to_numpy()
    x, y = (
        lifetimes.kaplan_meier(part["time"], part["event"]) for _, part in DATA.groupby("layer")
    )
    z = 1.959963984540054
    for curve, (mean, error) in zip((x, y), expected, strict=True):
        equal(curve.restricted_mean(30)[:3], [mean, mean - z * error, mean + z * error])
    gain, error = expected[1, 0] - expected[0, 0], np.hypot(*expected[:, 1])
    equal(x.restricted_mean_difference(y, 30)[:3], [gain, gain - z * error, gain + z * error])


def test_turnbull(tmp_path: Path):
    rng = np.random.default_rng(5)
    truth = rng.weibull(1.4, 150) * 10
    after = np.floor(truth / 2) * 2 - rng.integers(0, 2, 150) * 2
    after = np.maximum(after, 0)
    by = np.floor(truth / 2) * 2 + 2
    by[truth > 14] = np.inf
    data = pd.DataFrame({"after": after, "by": np.where(np.isinf(by), np.nan, by)})
    code = """f <- survfit(Surv(after, by, type = 'interval2') ~ 1, d)
    out <- data.frame(time = f$time, surv = f$surv)"""
    expected = ask(tmp_path, code, d=data)
    found = lifetimes.turnbull(after, by)
    # R takes ends for closed on both sides and its steps stop early; past each look they agree.
    ours = found.at((expected["time"] + 1e-9).tolist())
    assert (ours["least"] - 0.02 <= expected["surv"]).all()
    assert (expected["surv"] <= ours["most"] + 0.02).all()


def cox_frame(data: pd.DataFrame) -> pd.DataFrame:
    hours = pd.to_timedelta(data["time"].to_numpy(), unit="h").as_unit("ms")
    late = pd.to_timedelta(data["entry"].to_numpy(), unit="h").as_unit("ms")
    start = pd.Timestamp("2026-01-01", tz="UTC").as_unit("ms")
    ends = np.where(data["event"] == 1, "closed", "open")
    frame = data[["x", "group", "layer"]].assign(lifetime=hours, end_cause=ends)
    return frame.assign(created_at=start - late)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("strata", [None, "layer"])
@pytest.mark.parametrize("entry", [None, "2026-01-01T00:00:00Z"])
@pytest.mark.parametrize("scale", [1, 1e-7, 1e8])
def test_cox(ties: Any, strata: str | None, entry: str | None, scale: float, tmp_path: Path):
    layers = "" if strata is None else " + strata(layer)"
    surv = "Surv(time, event)" if entry is None else "Surv(entry, time, event)"
    code = f"""f <- coxph({surv} ~ x + group{layers}, d, ties = '{ties}')
    out <- data.frame(b = coef(f), se = sqrt(diag(vcov(f))))"""
    expected = ask(tmp_path, code, d=DATA)
    data = DATA.assign(x=(DATA["x"] + 100) * scale)
    found = sl.lifetimes.cox(cox_frame(data), ["x", "group"], ties=ties, strata=strata, entry=entry)
    assert found.terms == ("x", "group=b", "group=c")
    units = [scale, 1, 1]
    equal(found.coefficients * units, expected["b"], 1e-6)
    equal(found.errors * units, expected["se"], 1e-6)


def test_cox_says_what_the_data_do_not_tell():
    frame = cox_frame(DATA)
    with pytest.warns(sl.errors.StatisticalWarning, match="hazard ratio of group=c runs to"):
        sl.lifetimes.cox(
            frame.assign(end_cause=frame["end_cause"].where(frame["group"] != "c", "open")),
            ["x", "group"],
        )
    alone = frame.assign(row=[f"row {i}" for i in range(len(frame))])
    with pytest.raises(sl.errors.DataError, match="nothing tells what x do"):
        sl.lifetimes.cox(alone, ["x"], strata="row")
