"""Traffic: recorded or generated events, and the engines that play them.

``read`` takes a recording in, whatever its format, as one events frame; ``generate`` draws one from
a ``ChatWorkload``; ``write`` keeps one in a file.
"""

from session_lab.traffic.generating import generate
from session_lab.traffic.reading import FORMATS, read
from session_lab.traffic.workload import ChatWorkload
from session_lab.traffic.writing import write

__all__ = ["FORMATS", "ChatWorkload", "generate", "read", "write"]
