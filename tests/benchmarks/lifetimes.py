"""Survival curves and competing risks against lifelines, which runs in an environment of its own.

lifelines does not go with the pandas that session_lab is used with here, so it is told by the
variable LIFELINES_PYTHON where a Python is that has it. It times its own fits, so that what goes
between the processes is not counted. On both sides a run goes from arrays to a table with
intervals.
"""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from session_lab.analysis.lifetimes import aalen_johansen, kaplan_meier
from tests.benchmarks.harness import Benchmark, MissingProgramError, Side

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pandas as pd

__all__ = ["BENCHMARKS"]

VARIABLE = "LIFELINES_PYTHON"
HOUR = 3_600.0


class Close:
    """Numbers that equal others when they differ by no more than 1e-9."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, values: np.ndarray) -> None:
        self.values = np.asarray(values, dtype=np.float64)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Close)
            and len(self.values) == len(other.values)
            and bool(np.allclose(self.values, other.values, rtol=0, atol=1e-9))
        )

    def __repr__(self) -> str:
        return f"{len(self.values):,} numbers from {self.values[:3]} to {self.values[-3:]}"


@contextmanager
def survival(n: int, per_second: int) -> Iterator[tuple[Side, Side]]:
    """Exponential lifetimes of an hour on average, three in ten censored, on a whole grid."""
    rng = np.random.default_rng(7)
    durations = (rng.exponential(HOUR * per_second, n)).astype(np.int64)
    observed = rng.random(n) < 0.7
    with _lifelines("kaplan_meier", durations, observed) as peer:
        label = f"kaplan_meier(...).to_frame(), {n:,} rows, {durations.max():,} steps"
        run = partial(_survival_frame, durations, observed)
        yield Side(label, run, partial(_columns, ("survival", "lower", "upper"))), peer


@contextmanager
def competing_risks(n: int) -> Iterator[tuple[Side, Side]]:
    """Two causes and censoring, without ties, which lifelines would move apart at random."""
    rng = np.random.default_rng(7)
    durations = rng.permutation(np.arange(1.0, n + 1)) / 8
    cause = rng.integers(0, 3, n)
    cause[durations.argmax()] = 0  # lifelines has no variance once everyone has ended.
    with _lifelines("aalen_johansen", durations, cause) as peer:
        label = f"aalen_johansen(...), both causes with variance, {n:,} rows without ties"
        yield Side(label, partial(aalen_johansen, durations, cause), _first_cause), peer


BENCHMARKS = (
    Benchmark("survival-seconds-1e7", partial(survival, 10**7, 1), "B/A", 18),
    Benchmark("survival-milliseconds-1e6", partial(survival, 10**6, 1_000), "B/A", 6),
    Benchmark("survival-seconds-1e4", partial(survival, 10**4, 1), "B/A", 1),
    Benchmark("competing-risks-1e5", partial(competing_risks, 10**5), "B/A", 25),
)


def _survival_frame(durations: np.ndarray, observed: np.ndarray) -> pd.DataFrame:
    return kaplan_meier(durations, observed).to_frame()


def _first_cause(found: Any) -> dict[str, object]:
    return {"incidence": Close(found.incidence[0]), "variance": Close(found.variance[0])}


def _columns(names: tuple[str, ...], found: pd.DataFrame) -> dict[str, object]:
    return {name: Close(found[name].to_numpy()) for name in names}


@contextmanager
def _lifelines(estimator: str, durations: np.ndarray, outcome: np.ndarray) -> Iterator[Side]:
    python = os.environ.get(VARIABLE)
    if python is None:
        message = (
            "lifelines needs an environment of its own: python -m venv DIR, "
            f"DIR/bin/pip install lifelines, and set {VARIABLE}=DIR/bin/python"
        )
        raise MissingProgramError(message)
    script = Path(__file__).with_name("lifelines_peer.py")
    with TemporaryDirectory() as folder:
        np.savez(Path(folder) / "given.npz", durations=durations, outcome=outcome)
        command = [python, script, estimator, folder]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as peer:
            label = {
                "kaplan_meier": "lifelines KaplanMeierFitter.fit, with its interval",
                "aalen_johansen": "lifelines AalenJohansenFitter.fit, one cause with variance",
            }[estimator]
            run = partial(_fit, peer, Path(folder))
            yield Side(label, run, _found, seconds=lambda made: made[0])
            peer.communicate()


def _fit(peer: subprocess.Popen[str], folder: Path) -> tuple[float, Callable[[], Any]]:
    """Ask for a fit; return how long it took, and how to read what it found."""
    if peer.stdin is None or peer.stdout is None:
        raise RuntimeError("the peer was started without pipes")
    peer.stdin.write("fit\n")
    peer.stdin.flush()
    return float(peer.stdout.readline()), lambda: np.load(folder / "found.npz")


def _found(made: tuple[float, Callable[[], Any]]) -> dict[str, object]:
    with made[1]() as found:
        return {name: Close(found[name]) for name in found.files}
