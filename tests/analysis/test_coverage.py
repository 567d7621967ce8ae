"""How often 95 % intervals hold the truth, over 2,000 worlds whose hazards are known.

Run ``pytest --long -s tests/analysis/test_coverage.py`` to see the figures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from scipy.stats import binom

from session_lab.replays.truth import Constant, Fixed, KnownWorld, Mixture, Weibull, coverage

if TYPE_CHECKING:
    import pandas as pd

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
