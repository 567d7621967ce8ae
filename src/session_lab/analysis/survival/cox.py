"""Cox's proportional hazards: what each covariate does to the rate of ending."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import pandas as pd

from session_lab.analysis.survival.groups import holds_lists
from session_lab.analysis.survival.intervals import z_value
from session_lab.analysis.survival.results import AssumingResult
from session_lab.errors import DataError, StatisticalWarning
from session_lab.extras import require
from session_lab.frames import column_of
from session_lab.mistyped import level_of_caller

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from session_lab.analysis.survival.tables.sample import Sample

__all__ = ["CoxModel", "Ties", "design_matrix", "fit_cox"]

Ties = Literal["efron", "breslow"]
"""How ends at one time are taken: Efron's approximation is close, Breslow's simple."""

_UNKNOWN = 100.0
"""A standard error of covariates that reach to 1: the likelihood is flat, its maximum far away."""


@dataclass(frozen=True, repr=False, eq=False)
class CoxModel(AssumingResult):
    """Hazard ratios of covariates.

    Attributes
    ----------
    terms : tuple of str
        The covariates; of text and categories each value but the first, which is the reference.
    coefficients, errors : ndarray of float, shape (terms,)
        Logarithms of the hazard ratios, and their standard errors.
    log_likelihood : float
        The partial log-likelihood.
    n, events : int
        Subjects, and ends seen.
    level : float
        Of the intervals.
    assumptions : tuple of str
        What was assumed.
    """

    terms: tuple[str, ...]
    coefficients: NDArray[np.float64]
    errors: NDArray[np.float64]
    log_likelihood: float
    n: int
    events: int
    level: float
    assumptions: tuple[str, ...] = ()

    title: ClassVar[str] = "Cox proportional hazards"
    formula: ClassVar[str] = (
        "h(t | x) = h0(t) exp(x' b), b by partial likelihood (statsmodels PHReg); hazard ratio "
        "exp(b), interval exp(b -+ z se)"
    )

    def to_frame(self) -> pd.DataFrame:
        """Return ``term, coefficient, hazard_ratio, lower, upper, z, p_value``."""
        reach = z_value(self.level) * self.errors
        z = self.coefficients / self.errors
        return pd.DataFrame(
            {
                "term": list(self.terms),
                "coefficient": self.coefficients,
                "hazard_ratio": np.exp(self.coefficients),
                "lower": np.exp(self.coefficients - reach),
                "upper": np.exp(self.coefficients + reach),
                "z": z,
                "p_value": [2 * NormalDist().cdf(-abs(value)) for value in z],
            }
        )

    def summary(self) -> pd.DataFrame:
        """Return one row: ``n, events, terms, log_likelihood``."""
        row = {"n": self.n, "events": self.events, "terms": len(self.terms)}
        return pd.DataFrame([{**row, "log_likelihood": self.log_likelihood}])


def design_matrix(
    frame: pd.DataFrame, covariates: Sequence[str], *, source: str
) -> tuple[tuple[str, ...], NDArray[np.float64], tuple[str, ...]]:
    """Write covariates as numbers; return the terms, the matrix, and notes on references.

    Numbers and flags stay; text and categories become a flag for each value but the first.

    Raises
    ------
    DataError
        A column is missing, has a missing value, one value only, or is neither of these kinds.
    """
    if isinstance(covariates, str) or not isinstance(covariates, Sequence) or not covariates:
        message = f"{covariates!r} is not a list of columns; name them as in ['type']"
        raise DataError(message, source=source, column="covariates")
    terms: list[str] = []
    columns: list[NDArray[np.float64]] = []
    notes: list[str] = []
    for name in covariates:
        column = column_of(frame, name, source=source)
        missing = column.isna().to_numpy(bool)
        if missing.any():
            message = "is missing; leave such rows out or say what stands for it"
            raise DataError(message, source=source, row=int(missing.argmax()), column=name)
        if holds_lists(column):
            raise _kind_refused(column, source)
        if column.nunique() < 2:
            raise DataError(
                "has one value only, which explains nothing", source=source, column=name
            )
        if pd.api.types.is_numeric_dtype(column):
            numbers = column.to_numpy(np.float64)
            if np.isinf(numbers).any():
                row = int(np.isinf(numbers).argmax())
                raise DataError("is infinite", source=source, row=row, column=name)
            terms.append(name)
            columns.append(numbers)
            continue
        kind = pd.api.types.infer_dtype(column, skipna=True)
        if not (isinstance(column.dtype, pd.CategoricalDtype) or kind == "string"):
            raise _kind_refused(column, source)
        codes, values = pd.factorize(column.astype(object), sort=True)
        notes.append(f"{name}: compared with {values[0]}")
        for place, value in enumerate(values[1:], start=1):
            terms.append(f"{name}={value}")
            columns.append((codes == place).astype(np.float64))
    return tuple(terms), np.column_stack(columns), tuple(notes)


def fit_cox(
    sample: Sample,
    terms: tuple[str, ...],
    matrix: NDArray[np.float64],
    *,
    strata: NDArray[np.intp] | None,
    ties: Ties,
    level: float,
    assumptions: tuple[str, ...],
) -> CoxModel:
    """Fit the model by statsmodels.

    Raises
    ------
    DataError
        No such way with ties, no end was seen, covariates that say the same, or a likelihood
        without a maximum that could be found.
    MissingDependencyError
        statsmodels is not installed.

    Warns
    -----
    StatisticalWarning
        A hazard ratio runs to 0 or infinity.
    """
    if ties not in ("efron", "breslow"):
        raise DataError(f'{ties!r} is neither "efron" nor "breslow"', column="ties")
    z_value(level)
    if not sample.outcome.any():
        message = "no event was seen, so there is nothing to explain; observe longer"
        raise DataError(message, column="observed")
    # Newton's steps and the rank are judged by absolute sizes: columns are brought to one scale.
    centred = matrix - matrix.mean(axis=0)
    scale = np.abs(centred).max(axis=0)
    scaled = centred / scale
    if np.linalg.matrix_rank(scaled) < len(terms):
        message = f"some of {', '.join(terms)} can be told from the others; leave one out"
        raise DataError(message, column="covariates")
    module: Any = require(
        "statsmodels.duration.hazard_regression", extra="stats", feature="a Cox model"
    )
    # The partial likelihood knows only the order of times; their unit is free.
    entry = None if sample.entry is None else sample.entry.astype(np.float64)
    model = module.PHReg(
        sample.durations.astype(np.float64),
        scaled,
        status=sample.outcome.astype(np.int64),
        # PHReg counts whoever enters at a time as at risk at it; here they are after it.
        entry=None if entry is None else np.where(entry > 0, entry + 0.5, 0),
        strata=strata,
        ties=ties,
    )
    try:
        with np.errstate(all="ignore"):
            found = model.fit(disp=0, warn_convergence=False)
            coefficients, errors = np.asarray(found.params), np.asarray(found.bse)
            log_likelihood = float(found.llf)
    except np.linalg.LinAlgError:
        coefficients = errors = np.full(len(terms), np.nan)
        log_likelihood = np.nan
    if not np.isfinite([coefficients, errors]).all():
        message = (
            f"nothing tells what {', '.join(terms)} do: there are too few ends at which sessions "
            "that differ in them were at risk; leave some out, or observe longer"
        )
        raise DataError(message, column="covariates")
    flat = [term for term, error in zip(terms, errors, strict=True) if error > _UNKNOWN]
    if flat:
        problem = (
            f"the hazard ratio of {', '.join(flat)} runs to 0 or infinity: whenever a session "
            "ended it was on one side of those at risk; read no number into it"
        )
        warnings.warn(problem, StatisticalWarning, stacklevel=level_of_caller())
    return CoxModel(
        terms=terms,
        coefficients=coefficients / scale,
        errors=errors / scale,
        log_likelihood=log_likelihood,
        n=len(sample.durations),
        events=int(sample.outcome.sum()),
        level=level,
        assumptions=(f"ties by {ties.capitalize()}", *assumptions),
    )


def _kind_refused(column: pd.Series, source: str) -> DataError:
    message = f"holds {column.dtype}; covariates are numbers, flags, text or categories"
    return DataError(message, source=source, column=str(column.name))
