"""Results that carry what was assumed about the data they come from."""

from __future__ import annotations

from session_lab.analysis.results import Result

__all__ = ["AssumingResult"]


class AssumingResult(Result):
    """A result whose notes are its assumptions."""

    assumptions: tuple[str, ...]

    @property
    def notes(self) -> tuple[str, ...]:
        """What was assumed about this data, to be read with the numbers."""
        return self.assumptions
