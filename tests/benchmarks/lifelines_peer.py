"""Fit lifelines to arrays on disk, each time a line comes in, and say how long the fit took.

Runs under an interpreter of its own, because lifelines and session_lab ask for different versions
of pandas; so nothing of session_lab may be imported here.
"""

from __future__ import annotations

import sys
import time
import warnings
from pathlib import Path

import numpy as np
from lifelines import AalenJohansenFitter, KaplanMeierFitter

__all__: list[str] = []


def kaplan_meier(durations: np.ndarray, outcome: np.ndarray) -> dict[str, np.ndarray]:
    fitter = KaplanMeierFitter().fit(durations, outcome)
    lower, upper = fitter.confidence_interval_.to_numpy().T
    return {
        "survival": fitter.survival_function_.to_numpy().ravel(),
        "lower": lower,
        "upper": upper,
    }


def aalen_johansen(durations: np.ndarray, outcome: np.ndarray) -> dict[str, np.ndarray]:
    fitter = AalenJohansenFitter(calculate_variance=True)
    fitter.fit(durations, outcome, event_of_interest=1)
    return {
        "incidence": fitter.cumulative_density_.to_numpy().ravel(),
        "variance": fitter.variance_.to_numpy(),
    }


def main(estimator: str, folder: str) -> None:
    estimate = {"kaplan_meier": kaplan_meier, "aalen_johansen": aalen_johansen}[estimator]
    given = np.load(Path(folder) / "given.npz")
    durations, outcome = given["durations"], given["outcome"]
    for _ in sys.stdin:
        start = time.perf_counter()
        found = estimate(durations, outcome)
        seconds = time.perf_counter() - start
        np.savez(Path(folder) / "found.npz", **found)
        sys.stdout.write(f"{seconds}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(*sys.argv[1:])
