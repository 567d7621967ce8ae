"""Whether an API behaves as the Sessions API does: a simulator, a server, a development environment.

Each behaviour is tried by requests of the ordinary client and names the source that states it.
"""

from session_lab.conformance.behaviours import BEHAVIOURS, Behaviour
from session_lab.conformance.report import ConformanceReport, Verdict, conform

__all__ = ["BEHAVIOURS", "Behaviour", "ConformanceReport", "Verdict", "conform"]
