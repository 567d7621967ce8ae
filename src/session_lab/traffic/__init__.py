"""Traffic: recorded or generated events, and the engines that play them.

``read`` takes a recording in, whatever its format, as one events frame, and ``detect`` tells the
format; ``shards`` and ``write_shards`` keep what is larger than memory in folders of Parquet files;
``generate`` draws events from a ``ChatWorkload``, which can be fitted to a log; ``write`` keeps
them in a file, and ``write_journal`` what a simulator was asked; ``sample``, ``scale``,
``cap_gaps`` and ``anonymise`` make others of them; and ``sample_path`` finds the recordings that
come with the package.
"""

from session_lab.frames import sample_path
from session_lab.traffic.detecting import Detected, detect
from session_lab.traffic.fit_check import Closeness
from session_lab.traffic.generating import generate
from session_lab.traffic.reading import FORMATS, read, shards
from session_lab.traffic.shards import write_shards
from session_lab.traffic.transforms import anonymise, cap_gaps, sample, scale
from session_lab.traffic.workload import ChatWorkload
from session_lab.traffic.writing import write, write_journal

__all__ = [
    "FORMATS",
    "ChatWorkload",
    "Closeness",
    "Detected",
    "anonymise",
    "cap_gaps",
    "detect",
    "generate",
    "read",
    "sample",
    "sample_path",
    "scale",
    "shards",
    "write",
    "write_journal",
    "write_shards",
]


def __dir__() -> list[str]:
    return __all__
