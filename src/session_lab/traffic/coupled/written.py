"""What a coupled play writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from session_lab.traffic.columnar.layout import Answers, SessionColumns

__all__ = ["Written"]


class Written(NamedTuple):
    """What is written of events and sessions: answers, waits for slots, and how sessions end."""

    answers: Answers
    queued: NDArray[np.int64]
    sessions: SessionColumns
