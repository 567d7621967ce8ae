"""The columnar engine: the run model over columns, compiled to machine code.

Its outcomes are those of the readable engine. To import it loads numba; the first call of each
function in the first process compiles it, which takes some seconds, and later processes take the
machine code from numba's cache.
"""

from session_lab.traffic.columnar.log import GroupedLog
from session_lab.traffic.columnar.outcome import Outcome
from session_lab.traffic.columnar.swept_log import SweptLog

__all__ = ["GroupedLog", "Outcome", "SweptLog"]
