"""Traffic: recorded or generated events, and the engines that play them.

``read`` takes a recording in, whatever its format, as one events frame; ``generate`` draws one from
a ``ChatWorkload``; ``write`` keeps one in a file, and ``sample_path`` finds
the recordings that come with the package.
"""

from session_lab.frames import sample_path
from session_lab.traffic.generating import generate
from session_lab.traffic.reading import FORMATS, read
from session_lab.traffic.workload import ChatWorkload
from session_lab.traffic.writing import write

__all__ = ["FORMATS", "ChatWorkload", "generate", "read", "sample_path", "write"]
