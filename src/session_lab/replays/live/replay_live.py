"""The live replay as users call it: refuses, plans, and hands over."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal, TypedDict, Unpack, overload

from tqdm import tqdm

from session_lab.client.sync import check_client
from session_lab.errors import DataError
from session_lab.frames import EVENTS, check_events, digest
from session_lab.mistyped import answer_mistyped
from session_lab.replays.live.answers import Answers
from session_lab.replays.live.calls import Calls
from session_lab.replays.live.journal import Journal
from session_lab.replays.live.results import LivePlan, LiveReplay, operations_of
from session_lab.replays.live.runner import Asking, outstanding
from session_lab.replays.live.schedule import is_above_zero, schedule
from session_lab.timing import instant_text
from session_lab.traffic.engine.time_order import in_order
from session_lab.wire.limits import RESERVED_ID_PREFIX

if TYPE_CHECKING:
    import os

    import pandas as pd

    from session_lab.client import Client
    from session_lab.replays.live.schedule import Loop
    from session_lab.timing import Duration

__all__ = ["replay_live"]

_SAFE: Final = ("dev", "stg", "preview")


class _Options(TypedDict, total=False):
    """What :func:`replay_live` takes besides ``dry_run``, which decides what it returns."""

    speed: float
    loop: Loop
    longest_gap: Duration | None
    concurrency: int
    rate: float | None
    prefix: str | None
    text: str
    task_identifier: str | None
    allow_production: bool
    journal: str | os.PathLike[str] | None
    close: bool
    follow: Duration | None
    progress: bool


@overload
def replay_live(
    events: pd.DataFrame,
    client: Client,
    *,
    dry_run: Literal[True] = True,
    **options: Unpack[_Options],
) -> LivePlan: ...
@overload
def replay_live(
    events: pd.DataFrame, client: Client, *, dry_run: Literal[False], **options: Unpack[_Options]
) -> LiveReplay: ...
@overload
def replay_live(
    events: pd.DataFrame, client: Client, *, dry_run: bool, **options: Unpack[_Options]
) -> LivePlan | LiveReplay: ...
@answer_mistyped
def replay_live(
    events: pd.DataFrame,
    client: Client,
    *,
    dry_run: bool = True,
    speed: float = 1.0,
    loop: Loop = "open",
    longest_gap: Duration | None = None,
    concurrency: int = 8,
    rate: float | None = None,
    prefix: str | None = None,
    text: str = "Hello",
    task_identifier: str | None = None,
    allow_production: bool = False,
    journal: str | os.PathLike[str] | None = None,
    close: bool = True,
    follow: Duration | None = None,
    progress: bool = False,
) -> LivePlan | LiveReplay:
    """Replay traffic against a live environment, with care.

    Nothing is sent unless ``dry_run=False``; every request is made, and so checked against the
    API's limits, before the first one is sent. The client's own clock and sleep are what the
    replay waits on: with the client of a :class:`~session_lab.Simulator` time is virtual, requests
    go out one by one, and the outcome is the same each time.

    A chat's requests never overtake each other: each waits for the answer to the one before, which
    is the API's, not the agent's. In the open loop it is due at its recorded time nevertheless, and
    late if it had to wait; in the closed loop it is due as long after that answer as it was
    recorded after the event before.

    With a journal, an interrupted replay goes on where it was when called again with the same
    events and journal. What was sent but not known to be answered is looked up first: a message by
    its part id among the channel's records, a first start by its session. What cannot be looked up
    can safely be asked twice. The rest is then due as if its first event were due now; sessions that
    were started before keep the expiry they have.

    At the end, and after Ctrl-C, the chats that were started and not closed are closed. A chat that
    Ctrl-C cut short is over, and a resumed replay plays it from its beginning, under its name with
    ``~2`` behind it. When the network fails, chats are left open if there is a journal, so that it
    can go on; without one they are closed as far as possible.

    Parameters
    ----------
    events : DataFrame
        An events frame, in any order.
    client : Client
        Whose environment is asked.
    dry_run : bool
        Send nothing, and return the plan.
    speed : float
        How many times faster than recorded; expiries are moved along.
    loop : {"open", "closed"}
        Whether requests keep to the recorded times or wait for answers as people do.
    longest_gap : str or timedelta, optional
        Quiet times of the whole recording are cut to this; the schedule reports how many were.
    concurrency : int
        The most requests without an answer at a time.
    rate : float, optional
        The most requests a second.
    prefix : str, optional
        What stands before every external id; by default ``live-`` and the instant of the beginning.
    text : str
        What users say, since recordings hold no text.
    task_identifier : str, optional
        Of starts that name none.
    allow_production : bool
        Whether a key that may open a production environment is used. Only secret keys of
        development, staging and preview environments are known not to.
    journal : path, optional
        Where to keep what was sent and answered, one JSON object a line, without keys.
    close : bool
        Whether chats that were started and not closed are closed at the end.
    follow : str or timedelta, optional
        Follow the channel ``out`` of each chat, to see when the first chunk of an answer comes and
        when its turn is complete, and wait so long at the end for those that have not come. At most
        64 chats are followed at a time. By default nobody looks.
    progress : bool
        Show progress on standard error.

    Returns
    -------
    LivePlan or LiveReplay
        What would be done, or what was.

    Raises
    ------
    DataError
        The key may be one of production, an argument or an event cannot be used, or the journal is
        one of other events. Nothing was sent.
    APIError
        No answer came, or the key was refused; notes on the error say how far the replay got.

    Examples
    --------
    >>> import session_lab as sl
    >>> events = sl.traffic.generate(sl.ChatWorkload(chats_per_hour=2, turns_per_chat=2), seed=7)
    >>> sim = sl.Simulator()
    >>> replay_live(events, sim.client(), prefix="demo-")
    LivePlan(6 requests to Client(base_url='http://session-lab') in 27 min 28.628 s, ...
    >>> live = replay_live(events, sim.client(), prefix="demo-", dry_run=False)
    >>> live.operations[["op", "status_code", "late"]].head(2)
          op  status_code   late
    0  start          201 0 days
    1  start          201 0 days
    >>> live.divergence(sl.replay(events)).share
    1.0
    """
    check_client(client)
    _refuse_production(client, allowed=allow_production)
    _check(concurrency, rate, prefix)
    events = check_events(events)
    order = in_order(events)
    ordered = events if order is None else events.iloc[order].reset_index(drop=True)
    plan = schedule(ordered, loop=loop, speed=speed, longest_gap=longest_gap)
    book = Journal(
        journal,
        events_digest=digest({EVENTS: ordered}),
        prefix=prefix,
        default_prefix=_default_prefix(client.clock.milliseconds()),
    )
    calls = Calls(ordered, plan, prefix=book.prefix, text=text, task_identifier=task_identifier)
    rows = outstanding(ordered["external_id"], calls, book)
    origin = client.clock.milliseconds() - (int(plan.offset[rows[0]]) if rows else 0)
    sketch = LivePlan(plan, book.prefix, rows, calls, client, origin)
    for _ in sketch.requests():  # Made, and so checked, before the first one is sent.
        pass
    if dry_run:
        return sketch
    answers = None if follow is None else _answers(client, calls, book, follow)
    asking = Asking(client, calls, plan, book, concurrency=concurrency, rate=rate, answers=answers)
    with (
        book,
        tqdm(total=len(rows), unit=" events", desc="live", delay=1, disable=not progress) as bar,
    ):
        try:
            left_open = asking.run(
                rows, origin, progress=bar.update, close=close, resumable=journal is not None
            )
        finally:
            if answers is not None:
                answers.stop()
    seen = {} if answers is None else answers.seen()
    operations = operations_of(ordered, book, seen)
    if order is not None:
        operations = operations.set_axis(order).sort_index().reset_index(drop=True)
    unseen = sum(each is None for each in seen.values())
    return LiveReplay(operations, plan, book.prefix, len(ordered) - len(rows), left_open, unseen)


def _answers(client: Client, calls: Calls, book: Journal, patience: Duration) -> Answers:
    if not Answers.can_follow(client):
        message = "on a clock that stands still nobody sees how long an answer takes; leave it out"
        raise DataError(message, column="follow")
    return Answers(client, calls, book, patience)


def _refuse_production(client: Client, *, allowed: bool) -> None:
    if allowed or client.environment in _SAFE:
        return
    whose = "is one of production" if client.environment else "does not say what it opens"
    message = (
        f"the client's key {whose}, and a live replay starts runs; use a key that begins with "
        "tr_dev_, tr_stg_ or tr_preview_, or say allow_production=True (--allow-production)"
    )
    raise DataError(message, column="client")


def _default_prefix(now: int) -> str:
    """Name a replay by its first instant, as in ``live-20260101T090000000-``.

    Examples
    --------
    >>> _default_prefix(0)
    'live-19700101T000000000-'
    """
    return f"live-{re.sub('[-:.Z]', '', instant_text(now))}-"


def _check(concurrency: int, rate: float | None, prefix: str | None) -> None:
    if isinstance(concurrency, bool) or not isinstance(concurrency, int) or concurrency < 1:
        message = f"{concurrency!r} is not a number of requests; give 1 or more"
        raise DataError(message, column="concurrency")
    if rate is not None and not is_above_zero(rate):
        raise DataError(f"{rate!r} is not a rate; give requests a second, above 0", column="rate")
    if prefix is not None and (
        not isinstance(prefix, str) or not prefix.strip() or prefix.startswith(RESERVED_ID_PREFIX)
    ):
        message = (
            f"{prefix!r} keeps no chats apart: a prefix is not blank and does not begin with "
            f"{RESERVED_ID_PREFIX!r}"
        )
        raise DataError(message, column="prefix")
