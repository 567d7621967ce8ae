"""The smallest limit on executing runs under which people wait no longer than they should."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from session_lab.errors import DataError
from session_lab.mistyped import answer_mistyped
from session_lab.numbers import is_number
from session_lab.replays.grid import durations
from session_lab.replays.sweep import OPEN_LOOP, GroupedSweep
from session_lab.timing import to_milliseconds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from session_lab.simulator import Platform, RunPolicy
    from session_lab.timing import Duration, Instant

__all__ = ["smallest_limit"]


@answer_mistyped
def smallest_limit(
    events: pd.DataFrame,
    policy: RunPolicy | Mapping[str, RunPolicy] | None = None,
    platform: Platform | None = None,
    *,
    queued: Duration = "1s",
    q: float = 0.95,
    seed: int = 0,
    until: Instant | None = None,
) -> pd.DataFrame:
    """Find the smallest limit on executing runs under which turns wait no longer for a slot.

    Limits between 1 and the peak demand are halved until two are next to each other. A higher limit
    is not better for every turn, so a still smaller one among those that were not tried is possible;
    the quantile falls steeply near the answer, which is why the frame tells the share that waited,
    p99 and the peak beside it.

    Parameters
    ----------
    events : DataFrame
        An events frame, in any order.
    policy, platform, seed, until
        As in ``sl.replay``.
    queued : str or timedelta
        How long a turn may wait for slots.
    q : float
        Which share of the served turns may wait no longer.

    Returns
    -------
    DataFrame
        One row for each limit that was tried: the answer first, then the others from the smallest
        on. Columns are ``concurrency_limit``, ``queued`` (the quantile), ``meets``,
        ``waited_for_slot``, ``queued_p95``, ``queued_p99``, ``peak_executing`` and ``drained``.
        ``attrs["assumptions"]`` says what is assumed.

    Raises
    ------
    DataError
        The frame is not an events frame or holds no turn that is served, or a value is out of range.

    Examples
    --------
    >>> import session_lab as sl
    >>> events = sl.traffic.generate(sl.ChatWorkload(chats_per_hour=120), seed=1)
    >>> tried = sl.smallest_limit(events, platform=sl.Platform(boot_time="3s"))
    >>> answer = tried.loc[0]
    >>> print(answer["concurrency_limit"], answer["queued"], answer["meets"])
    7 0 days 00:00:00 True
    >>> print(sorted(tried["concurrency_limit"].tolist()))
    [4, 6, 7, 9]
    """
    longest = to_milliseconds(queued, name="queued")
    if not is_number(q) or not 0 < q <= 1:
        raise DataError(f"{q!r} is not a share above 0 and up to 1", column="q")
    swept = GroupedSweep(events, policy, seed=seed, until=until)
    free = swept.play_under(None, policy=policy, platform=platform)
    if not free.at_once:
        raise DataError("no run ever executes, so there is nothing to limit", source="events")
    tried = {free.at_once: free}
    fails, answer = 0, free.at_once
    while answer - fails > 1:
        middle = (fails + answer) // 2
        tried[middle] = swept.play_under(middle, policy=policy, platform=platform)
        if tried[middle].wait_for_slot(q) <= longest:
            answer = middle
        else:
            fails = middle
    order = [answer, *sorted(tried.keys() - {answer})]
    outcomes = [tried[limit] for limit in order]
    waits = [outcome.wait_for_slot(q) for outcome in outcomes]
    frame = pd.DataFrame(
        {
            "concurrency_limit": order,
            "queued": durations(waits),
            "meets": [wait <= longest for wait in waits],
            "waited_for_slot": [outcome.waited_share for outcome in outcomes],
            "queued_p95": durations([outcome.wait_for_slot(0.95) for outcome in outcomes]),
            "queued_p99": durations([outcome.wait_for_slot(0.99) for outcome in outcomes]),
            "peak_executing": [outcome.peak for outcome in outcomes],
            "drained": [outcome.drained for outcome in outcomes],
        }
    )
    frame.attrs["assumptions"] = list(OPEN_LOOP)
    return frame
