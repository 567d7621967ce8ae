"""What tags say: how often, beside which others, in which state, and how that changes.

Tags are multi-valued: a session has any number of them, each at most once, so every share names
its denominator. Whatever only counts takes the frame of any engine: pandas, Polars, pyarrow,
DuckDB or dask.
"""

from session_lab.analysis.tags.codes import TagCodes, prepare
from session_lab.analysis.tags.distributions import Distribution, Tail, distribution
from session_lab.analysis.tags.drifting import Drift, drift
from session_lab.analysis.tags.evenness import Concentration, concentration, jensen_shannon
from session_lab.analysis.tags.pairs import Cooccurrence, cooccurrence
from session_lab.analysis.tags.spaces import Namespaces, namespaces, split
from session_lab.analysis.tags.statuses import TagStatuses, by_status

__all__ = [
    "Concentration",
    "Cooccurrence",
    "Distribution",
    "Drift",
    "Namespaces",
    "TagCodes",
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
