"""What tags say: how often, beside which others, in which state, and how that changes.

Tags are multi-valued: a session has any number of them, each at most once, so every share names
its denominator. Whatever only counts takes the frame of any engine: pandas, Polars, pyarrow,
DuckDB or dask.
"""

from typing import TYPE_CHECKING

from session_lab.analysis.tags.by_status import TagStatuses, by_status
from session_lab.analysis.tags.codes import TagCodes, prepare
from session_lab.analysis.tags.concentration import Concentration, concentration, jensen_shannon
from session_lab.analysis.tags.cooccurrence import Cooccurrence, cooccurrence
from session_lab.analysis.tags.distributions import TagDistribution, Tail, distribution
from session_lab.analysis.tags.drift import Drift, drift
from session_lab.analysis.tags.namespaces import Namespaces, namespaces, split
from session_lab.mistyped import no_attribute

__all__ = [
    "Concentration",
    "Cooccurrence",
    "Drift",
    "Namespaces",
    "TagCodes",
    "TagDistribution",
    "TagStatuses",
    "Tail",
    "by_status",
    "concentration",
    "cooccurrence",
    "distribution",
    "drift",
    "jensen_shannon",
    "namespaces",
    "prepare",
    "split",
]


def __dir__() -> list[str]:
    return __all__


if not TYPE_CHECKING:  # To a type checker it would stand for every name.

    def __getattr__(name: str) -> object:
        raise no_attribute(__name__, name, __all__)
