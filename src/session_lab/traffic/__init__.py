"""Traffic: recorded or generated events, and the engines that play them.

``read`` takes a recording in, whatever its format, as one events frame.
"""

from session_lab.traffic.reading import FORMATS, read

__all__ = ["FORMATS", "read"]
