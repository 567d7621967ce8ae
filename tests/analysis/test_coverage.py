"""How often 95 % intervals hold the truth, over 2,000 worlds whose hazards are known.

Run ``pytest --long -s tests/analysis/test_coverage.py`` to see the figures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from session_lab.analysis.lifetimes import kaplan_meier
from session_lab.replays.truth import Constant, Fixed, KnownWorld, Mixture, Weibull, coverage

if TYPE_CHECKING:
    from pathlib import Path
from tests.oracles.r_survival import ask

pytestmark = pytest.mark.long

WORLDS = 2_000
SEED = 95
LEVEL = 0.95
LOW, HIGH = (binom.ppf(q, WORLDS, LEVEL) / WORLDS for q in (0.005, 0.995))
"""The middle 99 % of the shares that intervals of exactly this level would show."""

CLOSES, EXPIRES = Constant("2h"), Constant("4h")
AGES = ["30m", "1h", "3h"]
PLAIN = KnownWorld(closes=CLOSES, expires=EXPIRES, n=400, window="12h")
HARDER = {
    "a rising hazard (Weibull, shape 2)": KnownWorld(closes=Weibull("2h", 2.0), expires=EXPIRES),
    "a mixture of short and long, and an expiry set at the start": KnownWorld(
        closes=Mixture([(0.4, Constant("20m")), (0.6, Weibull("4h", 1.5))]), expires=Fixed("6h")
    ),
    "late entry: only what was open after 6 of 12 hours": KnownWorld(
        closes=CLOSES, expires=EXPIRES, open_from="6h"
    ),
    "few at risk: 20 sessions": KnownWorld(closes=CLOSES, expires=EXPIRES, n=20),
}
CENSORED = KnownWorld(closes=CLOSES, expires=EXPIRES, window="1h")


def report(name: str, found: pd.DataFrame, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\n{name}\n{found.to_string(index=False, float_format='{:.4f}'.format)}")  # noqa: T201


def informative(found: pd.DataFrame) -> pd.DataFrame:
    """Leave out what cannot happen yet, whose interval holds the truth, 0, in every world."""
    return found[(found["truth"] > 0) & (found["truth"] < 1) | (found["quantity"] == "median")]


def test_intervals_cover_in_the_plain_case(capsys: pytest.CaptureFixture[str]):
    found = coverage(PLAIN, ages=AGES, worlds=WORLDS, seed=SEED, level=LEVEL)
    report(f"plain, 99 % band {LOW:.4f} to {HIGH:.4f}", found, capsys)
    assert found["coverage"].between(LOW, HIGH).all()


@pytest.mark.parametrize("name", HARDER)
def test_intervals_cover_roughly_in_harder_cases(name: str, capsys: pytest.CaptureFixture[str]):
    found = coverage(HARDER[name], ages=AGES, worlds=WORLDS, seed=SEED, level=LEVEL)
    report(name, found, capsys)
    # With few at risk the curve is often 0 late, where by convention its interval has no width.
    assert (informative(found)["coverage"] > 0.75).all()


def test_intervals_cover_roughly_where_most_is_censored(capsys: pytest.CaptureFixture[str]):
    found = coverage(CENSORED, ages=["15m", "30m", "54m"], worlds=WORLDS, seed=SEED, level=LEVEL)
    report("heavy censoring: a window of 1 hour", found, capsys)
    assert (informative(found)["coverage"] > 0.75).all()


SHARES = [0.5, 0.9, 0.99]


@pytest.mark.needs_r
@pytest.mark.filterwarnings("ignore::session_lab.errors.StatisticalWarning")
@pytest.mark.parametrize("n", [20, 100, 1_000])
@pytest.mark.parametrize("censored_from", [None, 3.0])
def test_quantiles_cover_as_they_do_in_r(
    n: int, censored_from: float | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    rng = np.random.default_rng(SEED)
    lived = rng.exponential(size=(WORLDS, n))
    until = np.inf if censored_from is None else rng.uniform(0, censored_from, (WORLDS, n))
    times, seen = np.minimum(lived, until), (lived <= until).astype(int)
    data = pd.DataFrame({"world": np.repeat(np.arange(WORLDS), n), "time": times.ravel()})
    code = f"""bounds <- sapply(split(d, d$world), function(one) {{
      f <- survfit(Surv(time, event) ~ 1, one, conf.type = "log-log")
      q <- quantile(f, c({", ".join(map(str, SHARES))}))
      c(q$lower, q$upper) }})
    out <- t(bounds)"""
    expected = ask(tmp_path, code, d=data.assign(event=seen.ravel())).to_numpy(float)
    curves = [kaplan_meier(*world) for world in zip(times, seen, strict=True)]
    found = np.array(
        [
            [np.nan if end is None else end for side in (1, 2) for end in _ends(curve, side)]
            for curve in curves
        ]
    )
    truth = -np.log1p(-np.array(SHARES))
    ours, theirs = (_coverage(bounds, truth) for bounds in (found, expected))
    table = pd.DataFrame({"share": SHARES, "truth": truth, "coverage": ours, "in R": theirs})
    table["in the band"] = (table["coverage"] >= LOW) & (table["coverage"] <= HIGH)
    seen_share = f"{seen.mean():.3f} of ends seen"
    report(f"quantiles, n = {n}, {seen_share}, band {LOW:.4f} to {HIGH:.4f}", table, capsys)
    # Where censoring makes a band rise again, R interpolates; ours is the first time at the height.
    is_same = np.isclose(found, expected, rtol=1e-9, equal_nan=True)
    assert is_same.mean() > 0.999
    assert np.abs(ours - theirs).max() <= 0.005


def _ends(curve: Any, side: int) -> list[Any]:
    return [curve.quantile(share)[side] for share in SHARES]


def _coverage(bounds: Any, truth: Any) -> Any:
    """Return how often bounds hold the truth; one that is missing excludes nothing."""
    lower, upper = np.split(bounds, 2, axis=1)
    return (~(lower > truth) & ~(upper < truth)).mean(axis=0)
