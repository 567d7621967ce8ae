"""Recording an environment: its sessions, runs, turns and events, from what the API tells."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from session_lab.errors import APIError, DataError
from session_lab.frames.files.places import folder_path
from session_lab.mistyped import answer_mistyped
from session_lab.numbers import is_integer
from session_lab.replays.environment.assembling.assemble import assemble
from session_lab.replays.environment.evidence.owners import check_tag, owners_of
from session_lab.replays.environment.evidence.pieces import Pieces
from session_lab.replays.environment.pulling.asking import Asking
from session_lab.replays.environment.pulling.follow import Follower, live_sessions
from session_lab.replays.environment.pulling.pull import Pull
from session_lab.replays.environment.pulling.rate import Rate
from session_lab.replays.environment.recording import Period
from session_lab.timing import instant_text, to_instant, to_milliseconds

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from session_lab.client import Client
    from session_lab.replays.environment.recording import Recording
    from session_lab.timing import Duration, Instant

__all__ = ["Recorder", "record"]

MOST_AT_ONCE = 64


@answer_mistyped
def record(
    client: Client,
    *,
    period: Duration | None = None,
    from_: Instant | None = None,
    to: Instant | None = None,
    folder: str | os.PathLike[str] | None = None,
    type: str | None = None,
    tag: str | None = None,
    task_identifier: str | None = None,
    run_tag: str = "chat:{external_id}",
    rate: float | None = 20.0,
    concurrency: int = 8,
    observed_at: Instant | None = None,
    progress: bool = False,
) -> Recording:
    """Record what happened in an environment.

    Sessions and runs come from the API's lists, runs from its query where the key may ask that.
    When messages came tells the channel ``in``, when turns were served the traces of the runs.
    What is gone, as traces are after some days, is estimated and said in ``notes``. The texts of
    messages are read past and never kept.

    Parameters
    ----------
    client : Client
        With a secret key, which ``in`` and traces take. It waits where the API asks it to; give it
        some ``max_retries`` and a long ``deadline``.
    period : str or timedelta, optional
        Sessions created at most so long ago, such as ``"7d"``; not together with ``from_``.
    from_, to : str or datetime, optional
        Sessions created in this window. Without any all there are.
    folder : path, optional
        Where every answer is written down as it comes, so that a recording which was cut off goes
        on where it was, and a later one asks only for what is new. The recording is saved there.
    type, tag, task_identifier : str, optional
        Which sessions.
    run_tag : str
        The tag by which a run names its session. Runs without it are retrieved one by one.
    rate : float or None
        Requests a second at most, with a second's worth at once. The API's own limit is 25 for all
        that uses the same environment; None asks as fast as it goes.
    concurrency : int
        Requests under way at once, 1 to 64.
    observed_at : str or datetime, optional
        Until when to look; by default the server's time when the recording began.
    progress : bool
        Show progress on standard error.

    Returns
    -------
    Recording
        As of one instant: what happened while it was being recorded is left out.

    Raises
    ------
    DataError
        An argument cannot be used, or the folder holds another environment.
    APIError
        A request failed for good. With a folder, the same call goes on.

    Examples
    --------
    >>> import session_lab as sl
    >>> policy, platform = sl.RunPolicy(), sl.Platform(boot_time="2s", turn_duration="5s")
    >>> sim = sl.Simulator(policy=policy, platform=platform)
    >>> client = sim.client()
    >>> _ = client.sessions.start(
    ...     type="chat.agent", task_identifier="agent", external_id="chat-1",
    ...     trigger_config={"base_payload": {"trigger": "preload"}},
    ... )
    >>> sim.clock.advance("1m")
    >>> message = {"kind": "message", "payload": {"trigger": "submit-message"}}
    >>> _ = client.sessions.append("chat-1", message)
    >>> sim.clock.advance("2h")
    >>> recording = sl.record(client, period="1d")
    >>> recording.events[["op", "turn_duration"]]
            op   turn_duration
    0    start             NaT
    1  message 0 days 00:00:05
    >>> recording.turns[["number", "start_kind", "ended_at_rule"]]
       number start_kind ended_at_rule
    0       1    resumed         trace
    """
    recorder = Recorder(
        client,
        period=period,
        from_=from_,
        to=to,
        folder=folder,
        type=type,
        tag=tag,
        task_identifier=task_identifier,
        run_tag=run_tag,
        rate=rate,
        concurrency=concurrency,
        progress=progress,
    )
    return recorder.record(observed_at)


class Recorder:
    """Records one environment, once or again and again; see :func:`record`.

    Raises
    ------
    DataError
        An argument cannot be used, or the folder holds another environment.
    """

    def __init__(
        self,
        client: Client,
        *,
        period: Duration | None = None,
        from_: Instant | None = None,
        to: Instant | None = None,
        folder: str | os.PathLike[str] | None = None,
        type: str | None = None,
        tag: str | None = None,
        task_identifier: str | None = None,
        run_tag: str = "chat:{external_id}",
        rate: float | None = 20.0,
        concurrency: int = 8,
        progress: bool = False,
    ) -> None:
        # The client loads when someone records; those who draw what was recorded need none.
        from session_lab.client.sync import check_client  # noqa: PLC0415

        check_client(client)
        if not is_integer(concurrency) or not 1 <= concurrency <= MOST_AT_ONCE:
            message = f"{concurrency!r} is not a number from 1 to {MOST_AT_ONCE}"
            raise DataError(message, column="concurrency")
        if period is not None and from_ is not None:
            raise DataError("give period, or from_", column="period")
        self._client, self._concurrency = client, concurrency
        self._folder = None if folder is None else folder_path(folder, what="recordings")
        self._run_tag = check_tag(run_tag)
        self._window = (
            None if from_ is None else to_instant(from_, name="from_"),
            None if to is None else to_instant(to, name="to"),
            None if period is None else to_milliseconds(period, name="period"),
        )
        asking = Asking(client, Rate(rate))
        self._pieces = Pieces(self._folder)
        filters = {"type": type, "tag": tag, "task_identifier": task_identifier}
        for name, wanted in filters.items():
            if wanted is not None and not isinstance(wanted, str):
                raise DataError(f"{wanted!r} is not text", column=name)
        _begin(self._pieces, {"server": repr(client), **filters})
        self._pull = Pull(
            self._pieces,
            asking,
            run_tag=run_tag,
            concurrency=concurrency,
            shows_progress=progress,
        )

    def record(self, observed_at: Instant | None = None) -> Recording:
        """Ask for all that is new, and return what is known."""
        try:
            return self._recorded(observed_at)
        except (APIError, OSError) as error:
            if self._folder is not None:
                error.add_note(f"what has come is kept in {self._folder}; the same call goes on")
            raise

    def _recorded(self, observed_at: Instant | None) -> Recording:
        until = self._pull.run(*self._window)
        if observed_at is not None:
            until = to_instant(observed_at, name="observed_at")
        facts = self._pieces.facts
        owners = owners_of(facts, self._run_tag)
        window = (facts.question.get(name) for name in ("from", "to"))
        period = Period(*(None if at is None else instant_text(at) for at in window))
        recording = assemble(facts, owners, period, until)
        if self._folder is not None:
            recording.save(self._folder)
        return recording

    def follow(self, every: Duration = "30s") -> Iterator[Recording]:
        """Record again and again, and see in between when answers begin; it never ends by itself.

        Yields
        ------
        Recording
            As of each pass.
        """
        pause = to_milliseconds(every, name="every") / 1000
        follower = Follower(self._client, self._pieces, self._concurrency)
        try:
            while True:
                yield self.record()
                follower.watch(live_sessions(self._pieces.facts))
                time.sleep(pause)
        finally:
            follower.stop()


def _begin(pieces: Pieces, question: dict[str, Any]) -> None:
    """Write down what is asked of whom, or check that it is what was asked before."""
    known = pieces.facts.question
    if not known:
        pieces.add({"question": question})
        return
    others = {name: known.get(name) for name in question if known.get(name) != question[name]}
    if others:
        told = ", ".join(f"{name} {value!r}" for name, value in others.items())
        message = f"the folder holds another recording ({told}); take another folder"
        raise DataError(message, column="folder")
