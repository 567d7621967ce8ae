"""Traffic: recorded or generated events, and the engines that play them.

``read`` takes a recording in, whatever its format, as one events frame, and ``detect`` says which
format it is; ``from_messages`` makes one of a team's own log, and ``adopt`` gives chats that began
before it a start; ``read_shards``, ``write_shards`` and ``shard`` keep what is larger than memory in
folders of Parquet files; ``window`` takes some time out of a log; ``generate`` draws events from a
``ChatWorkload``, and ``generate_shards`` more than fit into memory, which ``fit`` estimates from a log
and ``closeness`` compares with it; ``write`` keeps them in a file, and ``write_journal`` what a
simulator was asked; ``sample``, ``scale``, ``cap_gaps`` and ``anonymise`` make others of them; and
``sample_path`` finds the recordings that come with the package.
"""

from typing import TYPE_CHECKING

from session_lab.frames import sample_path
from session_lab.mistyped import no_attribute
from session_lab.traffic.adopt import adopt
from session_lab.traffic.detecting import Detected, detect
from session_lab.traffic.formats import FORMATS
from session_lab.traffic.messages import from_messages
from session_lab.traffic.reading import read
from session_lab.traffic.shard import shard
from session_lab.traffic.shards import read_shards, write_shards
from session_lab.traffic.transforms import anonymise, cap_gaps, sample, scale
from session_lab.traffic.window import window
from session_lab.traffic.workload import (
    ChatWorkload,
    Closeness,
    closeness,
    fit,
    generate,
    generate_shards,
)
from session_lab.traffic.writing import write, write_journal

__all__ = [
    "FORMATS",
    "ChatWorkload",
    "Closeness",
    "Detected",
    "adopt",
    "anonymise",
    "cap_gaps",
    "closeness",
    "detect",
    "fit",
    "from_messages",
    "generate",
    "generate_shards",
    "read",
    "read_shards",
    "sample",
    "sample_path",
    "scale",
    "shard",
    "window",
    "write",
    "write_journal",
    "write_shards",
]


def __dir__() -> list[str]:
    return __all__


if not TYPE_CHECKING:  # To a type checker it would stand for every name.

    def __getattr__(name: str) -> object:
        raise no_attribute(__name__, name, __all__)
