"""What a replay takes for zero only because nothing else is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from session_lab.frames import NAT, milliseconds

if TYPE_CHECKING:
    import pandas as pd

    from session_lab.simulator import Platform

__all__ = ["silent_messages", "zeros_assumed"]

_ZERO = {"boot_time": "0 s", "resume_time": "0 s", "crash_rate": 0.0, "deploys": ()}


def silent_messages(events: pd.DataFrame) -> tuple[int, int]:
    """Return how many messages do not say how long their turn lasts, and how many there are.

    Parameters
    ----------
    events : DataFrame
        A checked events frame.
    """
    is_message = (events["op"] == "message").to_numpy()
    silent = is_message
    if "turn_duration" in events:
        silent = is_message & (milliseconds(events["turn_duration"]) == NAT)
    return int(np.count_nonzero(silent)), int(np.count_nonzero(is_message))


def zeros_assumed(platform: Platform, silent: int, messages: int) -> tuple[str, ...]:
    """List in words what is zero only by assumption: a wait of 0 s may mean no more than that.

    Parameters
    ----------
    platform : Platform
        What the environment does to runs.
    silent, messages : int
        What :func:`silent_messages` counted.
    """
    zeros = [name for name, zero in _ZERO.items() if getattr(platform, name) == zero]
    notes = []
    if zeros:
        listed = ", ".join(name.replace("_", " ") for name in zeros)
        notes.append(f"zero by assumption: {listed}; sl.Platform(...) says otherwise")
    if silent and platform.turn_duration == "0 s":
        said = f"{silent:,} of {messages:,} messages do not say how long their turn lasts"
        notes.append(f"{said}: 0 s here")
    return tuple(notes)
