"""A second, independent model of sessions and their runs, written as a SimPy simulation.

It shares nothing with the package but the rules. A run is a process that boots, serves the
queue of its session, rests in between and ends. A turn waits in the queue of its session, and
nothing about it is settled before its moment comes. The one thing looked up ahead is the plan
of deploys, because the rule for them speaks of the instant at which a turn *would* start.

Ties need no care in the processes: events are played after every timer of the same instant,
and each event is played only when everything the one before it set off has settled. So a turn
that arrives when a run becomes free finds it idle, one that arrives when the idle time is over
finds it suspended, and one that arrives when a run ends finds none.

Where runs wait for slots, a slot is given after every timer of its instant and before the events,
as often as something changed; what that sets off comes before the next one is given.

All times are integer milliseconds.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import simpy
from simpy.events import EventPriority

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence

    Result = TypeVar("Result")
    Steps = Generator[simpy.Event, Any, Result]

__all__ = ["Limits", "Policy", "simulate"]

AFTER_TIMERS = EventPriority(2)
AFTER_SLOTS = EventPriority(3)

BOOTING, SERVING, IDLE, SUSPENDED, RESUMING = "booting", "serving", "idle", "suspended", "resuming"
TO_BOOT, TO_WAKE = "in line to boot", "in line to wake"

OPEN_STATUS = {
    BOOTING: "QUEUED",
    SERVING: "EXECUTING",
    IDLE: "EXECUTING",
    SUSPENDED: "WAITING",
    RESUMING: "WAITING",
    TO_BOOT: "QUEUED",
    TO_WAKE: "WAITING",
}
END_STATUS = {
    "turn_timeout": "COMPLETED",
    "max_turns": "COMPLETED",
    "upgrade": "COMPLETED",
    "session_closed": "COMPLETED",
    "preload_exit": "COMPLETED",
    "max_duration": "TIMED_OUT",
    "crash": "CRASHED",
}
REFUSALS = {
    ("start", "expired"): (409, "session expired"),
    ("start", "closed"): (409, "session closed"),
    ("message", "expired"): (400, "session expired"),
    ("message", "closed"): (409, "session closed"),
}


Time = int | tuple[tuple[float, int], ...]
"""Milliseconds, or quantiles of what is drawn from outside."""


@dataclass(frozen=True)
class Policy:
    """How long runs live and what befalls them, in integer milliseconds."""

    idle_timeout: int = 30_000
    turn_timeout: int = 3_600_000
    max_turns: int = 100
    max_duration: int | None = None
    preload_idle_timeout: int | None = None
    preload_timeout: int | None = None
    exit_after_preload_idle: bool = False
    on_deploy: str = "stay"
    boot_time: Time = 0
    resume_time: Time = 0
    turn_duration: Time = 0
    deploys: tuple[int, ...] = ()
    crash_rate: float = 0.0


@dataclass(frozen=True)
class Limits:
    """How many runs may hold a slot at once: of all tasks, and of each.

    An event names the task of the session that it creates as ``task``.
    """

    total: int
    of_task: Mapping[str, int]


def simulate(
    events: Sequence[Mapping[str, Any]],
    policy: Policy,
    *,
    until: int | None = None,
    crash: Callable[[str, int], float] | None = None,
    draw: Callable[[str, str, int, int], int] | None = None,
    limits: Limits | None = None,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Play events under a policy and return the rows of operations and of runs.

    Parameters
    ----------
    events
        Mappings with ``at``, ``op``, ``external_id`` and optionally ``turn_duration`` and
        ``expires_at``, sorted by ``at``.
    policy
        The policy of every session.
    until
        The last instant that is played, itself included; without it runs play to their end.
    crash
        The uniform number for the n-th accepted turn (from 0) of a session; needed when the
        policy has a crash rate.
    draw
        A time that is not always the same: of which field, for which external id, how many turns
        were accepted before, and how many runs were triggered since.
    limits
        How many runs may hold a slot at once; the rows then have ``queued`` too.
    """
    if policy.crash_rate and crash is None:
        message = "a crash rate needs the numbers to compare it with: pass crash="
        raise ValueError(message)
    if not events or (until is not None and until < events[0]["at"]):
        return [], []
    env = Environment(initial_time=events[0]["at"])
    platform = Platform(env, policy, crash, draw, limits)
    played = [event for event in events if until is None or event["at"] <= until]
    env.process(platform.play(played))
    env.run(until=None if until is None else until + 1)
    horizon = env.now if until is None else until
    first_seen = dict.fromkeys(event["external_id"] for event in played)
    sessions = [platform.sessions[name] for name in first_seen if name in platform.sessions]
    runs = [run.row(horizon) for session in sessions for run in session.runs]
    operations = [operation.row() for operation in platform.operations]
    if limits is None:
        for row in (*operations, *runs):
            del row["queued"]
    return operations, runs


class Environment(simpy.Environment):
    """An environment whose instants are integers, as they stay while all delays are."""

    if TYPE_CHECKING:

        @property
        def now(self) -> int: ...


class Arrival(simpy.Event):
    """The moment of an event: a timeout that waits for every other timer of its instant."""

    def __init__(self, env: Environment, delay: int, priority: EventPriority = AFTER_SLOTS) -> None:
        super().__init__(env)
        self._ok = True
        self._value = None
        env.schedule(self, priority, delay)


class Line:
    """The slots that are held, and the runs in line for one."""

    def __init__(self, env: Environment, limits: Limits) -> None:
        self.env = env
        self.limits = limits
        self.held: Counter[str] = Counter()
        self.waiting: dict[Run, simpy.Event] = {}

    def ask(self, run: Run) -> simpy.Event:
        """Join the line; the event is the moment at which the slot is given."""
        self.waiting[run] = simpy.Event(self.env)
        self.look()
        return self.waiting[run]

    def give_back(self, run: Run) -> None:
        self.held[run.session.task] -= 1
        self.look()

    def look(self) -> None:
        """Give free slots once all timers of this instant are through."""
        Arrival(self.env, 0, AFTER_TIMERS).callbacks.append(lambda _: self.give())

    def give(self) -> None:
        for run in sorted(self.waiting, key=lambda run: (run.triggered_at, run.session.rank)):
            task = run.session.task
            if (
                self.held.total() < self.limits.total
                and self.held[task] < self.limits.of_task[task]
            ):
                self.held[task] += 1
                self.waiting.pop(run).succeed()


@dataclass(eq=False, slots=True)
class Turn:
    """A turn from its acceptance on; `run` and `waited` are known once it has started."""

    arrived_at: int
    index: int
    duration: int
    crashes: bool
    start_kind: str
    moved: bool = False
    queued: int = 0
    run: Run | None = None
    waited: int | None = None


class Run:
    """One run: a process that serves the queue of its session until something ends it."""

    def __init__(self, session: Session, reason: str, *, preloaded: bool) -> None:
        self.env = session.platform.env
        self.policy = session.platform.policy
        self.session = session
        self.number = len(session.runs)
        self.reason = reason
        self.preloaded = preloaded
        self.boot_time = session.time("boot_time")
        self.triggered_at = self.since = self.slot_at = self.env.now
        self.queued = 0
        self.ended_at: int | None = None
        self.end_cause = "open"
        self.turns = self.resumes = 0
        self.phase = BOOTING
        self.slots: list[tuple[int, int | None]] = []
        self.taken_at: int | None = None
        self.spent: Counter[str] = Counter()
        self.process = self.env.process(self.live())

    def live(self) -> Steps[None]:
        """Work to the end, then leave what is still queued to a further run."""
        has_slot = yield from self.wait_for_slot(TO_BOOT)
        self.end_cause = (yield from self.work()) if has_slot else "session_closed"
        self.ended_at = self.env.now
        self.give_slot_back()
        if self.session.queue:
            self.session.trigger("upgrade" if self.end_cause == "upgrade" else "continuation")

    def wait_for_slot(self, phase: str) -> Steps[bool]:
        """Wait in line for a slot; return whether there is one, or the session was closed."""
        line = self.session.platform.line
        if line is None:
            self.taken_at = self.env.now
            return True
        self.phase, self.since = phase, self.env.now
        try:
            yield line.ask(self)
            self.taken_at = self.env.now
        except simpy.Interrupt:
            del line.waiting[self]
        self.queued += self.env.now - self.since
        for turn in self.session.queue:
            turn.queued += self.env.now - max(turn.arrived_at, self.since)
        self.phase = RESUMING
        if phase == TO_BOOT:
            self.phase, self.slot_at = BOOTING, self.env.now
        return self.taken_at is not None

    def work(self) -> Steps[str]:
        """Serve turns and rest in between; return what ended the run."""
        queue, policy = self.session.queue, self.policy
        if not queue:
            yield from self.rest(BOOTING, self.boot_time)
        delay = self.slot_at + self.boot_time - self.env.now
        while True:
            if queue:
                cause = yield from self.take(queue[0], delay)
                if cause is not None:
                    return cause
                delay = 0
            elif self.session.closed:
                return "session_closed"
            elif (yield from self.rest(IDLE, self.patience("idle_timeout"))):
                if self.fresh and policy.exit_after_preload_idle:
                    return "preload_exit"
                self.give_slot_back()
                if (yield from self.rest(SUSPENDED, self.patience("turn_timeout"))):
                    return "turn_timeout"
                if queue:
                    yield from self.wait_for_slot(TO_WAKE)
                self.phase, delay = RESUMING, self.session.time("resume_time") if queue else 0

    def give_slot_back(self) -> None:
        """Note how long it held its slot, if it holds one, and give it to those in line."""
        if self.taken_at is not None:
            self.slots.append((self.taken_at, self.env.now))
            if self.session.platform.line is not None:
                self.session.platform.line.give_back(self)
        self.taken_at = None

    @property
    def fresh(self) -> bool:
        """Whether it was preloaded and still waits for its first turn."""
        return self.preloaded and not self.turns

    def patience(self, name: str) -> int:
        """Return how long it stays awake, or suspended, without a turn."""
        usual: int = getattr(self.policy, name)
        own = {"idle_timeout": "preload_idle_timeout", "turn_timeout": "preload_timeout"}[name]
        preloaded: int | None = getattr(self.policy, own)
        return preloaded if self.fresh and preloaded is not None else usual

    def take(self, turn: Turn, delay: int) -> Steps[str | None]:
        """Serve the head of the queue after a delay, or give way to a deploy before it starts."""
        deploy = self.session.platform.latest_deploy(self.slot_at, self.env.now + delay)
        if deploy is not None and not turn.moved:
            turn.moved, turn.start_kind = True, "upgrade"
            yield self.env.timeout(max(0, deploy - self.env.now))
            return "upgrade"
        if delay:
            yield self.env.timeout(delay)
        self.session.queue.popleft()
        return (yield from self.serve(turn))

    def serve(self, turn: Turn) -> Steps[str | None]:
        """Be active for one turn; return what its end ends the run with, if it does."""
        turn.run, turn.waited = self, self.env.now - turn.arrived_at
        self.turns += 1
        self.resumes += turn.start_kind == "resumed"
        duration, capped = turn.duration, False
        if self.policy.max_duration is not None:
            room = self.policy.max_duration - self.spent[SERVING]
            duration, capped = min(duration, room), duration >= room
        self.phase, self.since = SERVING, self.env.now
        yield self.env.timeout(duration)
        self.spent[SERVING] += duration
        if capped:
            return "max_duration"
        if turn.crashes:
            return "crash"
        return "max_turns" if self.turns == self.policy.max_turns else None

    def rest(self, phase: str, duration: int) -> Steps[bool]:
        """Wait for a turn or a close; return whether the whole duration passed without one."""
        self.phase, self.since = phase, self.env.now
        try:
            yield self.env.timeout(duration)
            undisturbed = True
        except simpy.Interrupt:
            undisturbed = False
        self.spent[phase] += self.env.now - self.since
        return undisturbed

    def wake(self) -> None:
        """Interrupt the rest, if the run is at rest: with nothing to serve and nothing queued.

        One that is in line to boot rests, but only a close takes it out of the line.
        """
        if self.phase == TO_BOOT and not self.session.closed:
            return
        if self.phase != SERVING and not self.session.queue:
            self.process.interrupt()

    def row(self, horizon: int) -> dict[str, Any]:
        """Describe the run as it stands at the horizon."""
        spent = self.spent.copy()
        queued = self.queued
        if self.ended_at is None:
            spent[self.phase] += horizon - self.since
            queued += horizon - self.since if self.phase in {TO_BOOT, TO_WAKE} else 0
            status = OPEN_STATUS[self.phase]
        else:
            status = END_STATUS[self.end_cause]
        return {
            "external_id": self.session.external_id,
            "number": self.number,
            "reason": self.reason,
            "triggered_at": self.triggered_at,
            "ended_at": self.ended_at,
            "end_cause": self.end_cause,
            "turns": self.turns,
            "resumes": self.resumes,
            "active": spent[SERVING],
            "idle": spent[IDLE],
            "suspended": spent[SUSPENDED],
            "queued": queued,
            "status": status,
            "slots": self.slots + ([] if self.taken_at is None else [(self.taken_at, None)]),
        }


class Session:
    """One session: its runs, of which the newest may be alive, and the turns not yet started."""

    def __init__(self, platform: Platform, event: Mapping[str, Any]) -> None:
        external_id, expires_at = event["external_id"], event.get("expires_at")
        self.platform = platform
        self.rank = len(platform.sessions)
        self.task: str = event.get("task") or ""
        self.external_id = external_id
        self.expires_at = expires_at
        self.closed = False
        self.accepted = 0
        self.queue: deque[Turn] = deque()
        self.runs: list[Run] = []
        self.triggered: Counter[int] = Counter()

    @property
    def state(self) -> str:
        """Whether the session is open, expired or closed now."""
        if self.closed:
            return "closed"
        expired = self.expires_at is not None and self.expires_at < self.platform.env.now
        return "expired" if expired else "open"

    @property
    def live_run(self) -> Run | None:
        """The newest run, unless it has ended."""
        return self.runs[-1] if self.runs and self.runs[-1].ended_at is None else None

    def trigger(self, reason: str, *, preloaded: bool = False) -> None:
        """Trigger a run now."""
        self.runs.append(Run(self, reason, preloaded=preloaded))
        self.triggered[self.next_turn] += 1

    @property
    def next_turn(self) -> int:
        """How many turns were accepted before the one that is to be served next."""
        return self.queue[0].index if self.queue else self.accepted

    def time(self, name: str) -> int:
        """Return how long a boot or a resume takes now."""
        n = self.next_turn
        return self.platform.time(name, self.external_id, n, self.triggered[n])

    def accept(self, duration: int) -> Turn:
        """Queue a turn and see that there is a run to serve it."""
        platform = self.platform
        crashes = platform.crash is not None and (
            platform.crash(self.external_id, self.accepted) < platform.policy.crash_rate
        )
        run = self.live_run
        if run is None:
            kind = "continuation" if self.runs else "initial"
            self.trigger(kind)
        else:
            kind = {IDLE: "warm", SUSPENDED: "resumed"}.get(run.phase, "queued")
            run.wake()
        turn = Turn(platform.env.now, self.accepted, duration, crashes, kind)
        self.accepted += 1
        self.queue.append(turn)
        return turn

    def close(self) -> None:
        """Close once; the newest run ends when its last turn has been served."""
        if not self.closed:
            self.closed = True
            if self.live_run is not None:
                self.live_run.wake()


class Operation:
    """An event and its answer; `row` tells what became of it once the simulation has stopped."""

    def __init__(self, event: Mapping[str, Any], status_code: int, error: str | None) -> None:
        self.event = event
        self.status_code = status_code
        self.error = error
        self.is_cached: bool | None = None
        self.turn: Turn | None = None
        self.newest_run: Callable[[], Run] | None = None

    def row(self) -> dict[str, Any]:
        """Describe the operation as it stands at the horizon."""
        turn = self.turn
        run = turn.run if turn is not None else None
        served = turn if run is not None else None
        if self.newest_run is not None:
            run = self.newest_run()
        return {
            "at": self.event["at"],
            "op": self.event["op"],
            "external_id": self.event["external_id"],
            "status_code": self.status_code,
            "error": self.error,
            "is_cached": self.is_cached,
            "run": run.number if run is not None else None,
            "start_kind": served.start_kind if served is not None else None,
            "waited": served.waited if served is not None else None,
            "queued": served.queued if served is not None else None,
        }


class Platform:
    """The sessions of one simulation and the process that plays the events on them."""

    def __init__(
        self,
        env: Environment,
        policy: Policy,
        crash: Callable[[str, int], float] | None,
        draw: Callable[[str, str, int, int], int] | None,
        limits: Limits | None,
    ) -> None:
        self.env = env
        self.line = None if limits is None else Line(env, limits)
        self.policy = policy
        self.crash = crash
        self.draw = draw
        self.deploys = sorted(policy.deploys) if policy.on_deploy == "hand_over" else []
        self.sessions: dict[str, Session] = {}
        self.operations: list[Operation] = []

    def latest_deploy(self, after: int, up_to: int) -> int | None:
        """Return the latest deploy instant in ``(after, up_to]``."""
        position = bisect_right(self.deploys, up_to)
        latest = self.deploys[position - 1] if position else None
        return latest if latest is not None and latest > after else None

    def time(self, name: str, external_id: str, accepted: int, triggered: int) -> int:
        """Return a time of the policy: the same one always, or one that is drawn."""
        time: Time = getattr(self.policy, name)
        if isinstance(time, int):
            return time
        assert self.draw is not None, "times that differ need draw="
        return self.draw(name, external_id, accepted, triggered)

    def play(self, events: Sequence[Mapping[str, Any]]) -> Steps[None]:
        """Answer every event at its instant."""
        for event in events:
            yield Arrival(self.env, event["at"] - self.env.now)
            self.operations.append(self.answer(event))

    def answer(self, event: Mapping[str, Any]) -> Operation:
        """Answer one event and let it act on its session."""
        op, session = event["op"], self.sessions.get(event["external_id"])
        if session is None:
            return self.create(event) if op == "start" else Operation(event, 404, "no such session")
        if (op, session.state) in REFUSALS:
            return Operation(event, *REFUSALS[op, session.state])
        operation = Operation(event, 200, None)
        if op == "start":
            if session.live_run is None:
                session.trigger("continuation")
            operation.is_cached = True
            operation.newest_run = newest_run(session)
        elif op == "message":
            duration = event.get("turn_duration")
            if duration is None:
                duration = self.time("turn_duration", session.external_id, session.accepted, 0)
            operation.turn = session.accept(duration)
        elif op == "close":
            session.close()
        return operation

    def create(self, event: Mapping[str, Any]) -> Operation:
        """Create a session; its first run is triggered unless the session is born expired."""
        external_id = event["external_id"]
        session = Session(self, event)
        self.sessions[external_id] = session
        if session.state == "expired":
            return Operation(event, *REFUSALS["start", "expired"])
        operation = Operation(event, 201, None)
        if event.get("turn_duration") is None:
            session.trigger("initial", preloaded=True)
        else:
            operation.turn = session.accept(event["turn_duration"])
        operation.is_cached = False
        operation.newest_run = newest_run(session)
        return operation


def newest_run(session: Session) -> Callable[[], Run]:
    """Ask later for the run that is the session's newest now.

    A turn that has not started yet may still be the reason for a newer run, which then counts:
    it is the run that will serve the last turn in the queue, as far as it exists by then.
    """
    newest, last = session.runs[-1], session.queue[-1] if session.queue else None
    return lambda: newest if last is None else last.run or session.runs[-1]
