"""What a replay takes for zero only because nothing else is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from session_lab.frames import NAT, milliseconds

if TYPE_CHECKING:
    import pandas as pd

    from session_lab.simulator import Platform

__all__ = ["zeros_assumed"]

_ZERO = {"boot_time": "0 s", "resume_time": "0 s", "crash_rate": 0.0, "deploys": ()}


def zeros_assumed(events: pd.DataFrame, platform: Platform) -> tuple[str, ...]:
    """List in words what is zero only by assumption: a wait of 0 s may mean no more than that.

    Parameters
    ----------
    events : DataFrame
        A checked events frame.
    platform : Platform
        What the environment does to runs.
    """
    zeros = [name for name, zero in _ZERO.items() if getattr(platform, name) == zero]
    notes = []
    if zeros:
        listed = ", ".join(name.replace("_", " ") for name in zeros)
        notes.append(f"zero by assumption: {listed}; sl.Platform(...) says otherwise")
    if platform.turn_duration == "0 s":
        is_message = (events["op"] == "message").to_numpy()
        silent = is_message
        if "turn_duration" in events:
            silent = is_message & (milliseconds(events["turn_duration"]) == NAT)
        n, of = np.count_nonzero(silent), np.count_nonzero(is_message)
        if n:
            notes.append(f"{n:,} of {of:,} messages do not say how long their turn lasts: 0 s here")
    return tuple(notes)
