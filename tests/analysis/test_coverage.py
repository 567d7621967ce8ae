"""How often 95 % intervals hold the truth, over 2,000 worlds whose hazards are known.

Each world is a sessions frame: sessions are created evenly over a window that ends with the
observation, so that what is still open is censored at an even age; each draws the age of its close
and, from a law of its own, of its expiry. Run with ``pytest --long -s`` to see the figures.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from math import exp, log

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from session_lab.analysis import lifetimes
from session_lab.errors import SessionLabWarning
from session_lab.frames import SESSIONS, build, derive_lifetimes
from tests.strategies import ORIGIN

pytestmark = pytest.mark.long

HOUR = 3_600_000
WORLDS = 2_000
SEED = 95
LOW, HIGH = (binom.ppf(q, WORLDS, 0.95) / WORLDS for q in (0.005, 0.995))


@dataclass(frozen=True)
class Case:
    """One kind of world: hazards per hour, sessions, and hours from the first to the observation.

    The close has the cumulative hazard ``(closing * t) ** shape``; expiry's hazard is constant.
    Points are the hours at which survival and incidence are asked for.
    """

    n: int = 400
    closing: float = 0.5
    expiring: float = 0.25
    shape: float = 1.0
    window: float = 12.0
    open_at: float | None = None
    points: tuple[float, ...] = (0.5, 1.0, 3.0)

    def frame(self, rng: np.random.Generator) -> pd.DataFrame:
        """Make one world; with ``open_at`` only sessions that were still open at that hour."""
        n, observed_at = self.n, ORIGIN + round(self.window * HOUR)
        created = ORIGIN + rng.integers(0, round(self.window * HOUR), n)
        closes = rng.exponential(size=n) ** (1 / self.shape) / self.closing
        expires = rng.exponential(1 / self.expiring, n)
        closed_at, expires_at = (
            created + np.ceil(hours * HOUR).astype(np.int64) for hours in (closes, expires)
        )
        # What has not happened when the frame is observed is not in it; expiry is known ahead.
        closed_at[closed_at > observed_at] = np.iinfo(np.int64).min
        columns = derive_lifetimes(created, closed_at, expires_at, observed_at)
        data = {"created_at": created, "closed_at": closed_at, "expires_at": expires_at, **columns}
        frame = build(SESSIONS, data, n=n)
        if self.open_at is None:
            return frame
        since = pd.Timestamp(ORIGIN + round(self.open_at * HOUR), unit="ms", tz="UTC")
        return frame[frame["ended_at"].isna() | (frame["ended_at"] > since)]

    @property
    def since(self) -> str | None:
        if self.open_at is None:
            return None
        return pd.Timestamp(ORIGIN + round(self.open_at * HOUR), unit="ms", tz="UTC").isoformat()

    def survival(self, hours: float) -> float:
        return exp(-((self.closing * hours) ** self.shape) - self.expiring * hours)

    def median(self) -> float:
        low, high = 0.0, 1_000.0
        for _ in range(100):
            middle = (low + high) / 2
            low, high = (middle, high) if self.survival(middle) > 0.5 else (low, middle)
        return low

    def incidence(self, hours: float) -> float:
        """Integrate the hazard of a close over the sessions still open, by Simpson's rule."""
        t = np.linspace(0, hours, 2_001)[1:-1]
        rate = self.shape * self.closing * (self.closing * t) ** (self.shape - 1)
        alive = np.exp(-((self.closing * t) ** self.shape) - self.expiring * t)
        ends = [self.closing if self.shape == 1 else 0.0, self.survival(hours)]
        ends[1] *= self.shape * self.closing * (self.closing * hours) ** (self.shape - 1)
        weights = np.where(np.arange(len(t)) % 2 == 0, 4, 2)
        return float((ends[0] + ends[1] + (weights * rate * alive).sum()) * hours / 2_000 / 3)


PLAIN = Case()
HARDER = {
    "a rising hazard (Weibull, shape 2)": Case(shape=2.0),
    "late entry: only what was open after 6 of 12 hours": Case(open_at=6.0),
    "few at risk: 20 sessions": Case(n=20),
    "heavy censoring: a window of 1 hour": Case(window=1.0, points=(0.25, 0.5, 0.9)),
}


def covered(case: Case, worlds: int = WORLDS) -> pd.Series:
    """Return the share of worlds whose interval holds the truth, for each quantity."""
    rng = np.random.default_rng(SEED)
    points = [f"{round(hours * HOUR)}ms" for hours in case.points]
    survival = np.array([case.survival(hours) for hours in case.points])
    incidence = np.array([case.incidence(hours) for hours in case.points])
    median = pd.Timedelta(case.median(), unit="h")
    hits = []
    for _ in range(worlds):
        frame = case.frame(rng)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SessionLabWarning)
            curve = lifetimes.survival(frame, entry=case.since)
            ends = lifetimes.incidence(frame, entry=case.since)
        s, f, m = curve.at(points), ends.at(points, "closed"), curve.median
        reached = m.lower is not None and m.lower <= median
        hits.append(
            [
                *((s["lower"] <= survival) & (survival <= s["upper"])),
                *((f["lower"] <= incidence) & (incidence <= f["upper"])),
                reached and (m.upper is None or median <= m.upper),
            ]
        )
    names = [f"{what} at {at:g} h" for what in ("survival", "incidence") for at in case.points]
    return pd.Series(np.mean(hits, axis=0), index=[*names, "median"])


def test_the_truth_of_a_case_is_that_of_its_formula():
    assert PLAIN.median() == pytest.approx(log(2) / 0.75)
    assert PLAIN.incidence(2.0) == pytest.approx(2 / 3 * (1 - exp(-1.5)), abs=1e-9)


def test_intervals_cover_in_the_plain_case(capsys: pytest.CaptureFixture[str]):
    found = covered(PLAIN)
    with capsys.disabled():
        print(f"\nplain, band {LOW:.4f} to {HIGH:.4f}\n{found.to_string()}")  # noqa: T201
    assert found[(found < LOW) | (found > HIGH)].empty


@pytest.mark.parametrize("name", HARDER)
def test_intervals_cover_roughly_in_harder_cases(name: str, capsys: pytest.CaptureFixture[str]):
    found = covered(HARDER[name])
    with capsys.disabled():
        print(f"\n{name}\n{found.to_string()}")  # noqa: T201
    # With few at risk the curve is often 0 late, where by convention its interval has no width.
    assert (found > 0.75).all()
