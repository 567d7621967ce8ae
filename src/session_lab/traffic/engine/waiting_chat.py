"""One session whose run may have to wait for a slot, as the readable engine keeps it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from session_lab.simulator.model import run_rules
from session_lab.simulator.model import runs as run_model
from session_lab.simulator.model.run_rules import UNFIXED
from session_lab.traffic.engine.engine_result import NONE

if TYPE_CHECKING:
    from session_lab.simulator import Timings
    from session_lab.simulator.model.machine import SessionState
    from session_lab.simulator.model.runs import Run

__all__ = ["Chat", "Turn"]


@dataclass(slots=True, eq=False)
class Turn:
    """A turn that was accepted and whose run is not decided yet.

    ``waited_before`` is how long the runs of its session had waited for slots when it arrived, and
    ``starts`` are the starts since then, which name the run that serves it.
    """

    event: int
    at: int
    duration: int
    kind: str
    waited_before: int
    starts: list[int] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Chat:
    """One session: its run, how that stands to slots, and the turns that are not decided.

    ``session.accepted`` counts the turns that are decided. ``asked_at`` is set while the run waits
    for a slot, ``slot_at`` once it has had that of its boot. ``queued`` is how long the run has
    waited, and ``waited`` all runs of the session.
    """

    session: SessionState
    created_by: int
    ordinal: int
    task: int
    timings: Timings
    name: str
    done: list[tuple[Run, int]] = field(default_factory=list)
    turns: deque[Turn] = field(default_factory=deque)
    asked_at: int | None = None
    slot_at: int | None = None
    holds: bool = False
    wakes_timer: int = NONE
    queued: int = 0
    waited: int = 0

    @property
    def run(self) -> Run:
        """The newest run of the session, where it has one."""
        run = self.session.run
        assert run is not None  # noqa: S101 (whoever asks has triggered one)
        return run

    @run.setter
    def run(self, run: Run) -> None:
        self.session = self.session._replace(run=run)

    @property
    def place(self) -> tuple[int, int]:
        """Its place in the line."""
        return self.run.triggered_at, self.ordinal

    @property
    def version_at(self) -> int:
        """When the version that its run executes was fixed: when it was dequeued to boot."""
        assert self.slot_at is not None  # noqa: S101 (only runs that have booted serve)
        return self.slot_at

    @property
    def leaves_line(self) -> bool:
        """Whether its run leaves the line when the session is closed: nobody asked it for a turn."""
        return self.asked_at is not None and not self.turns

    @property
    def gives_back_at(self) -> int:
        """When its run gives back the slot that it holds."""
        run, timings = self.run, self.timings
        fixed_end = UNFIXED if run.ended_at is None else run.ended_at
        idle, _ = run_model.quiet_times(run, timings)
        end: int = run_rules.gives_back_at(run.free_at, fixed_end, idle)
        return end

    def is_live(self, at: int) -> bool:
        """Check whether there is a run that lives, or is to follow the one that ends."""
        if self.asked_at is not None or self.turns:
            return True
        return self.session.run is not None and run_model.is_live(self.run, at, self.timings)

    def waited_by(self, at: int) -> int:
        """Return how long the runs of the session have waited for slots up to an instant."""
        return self.waited + (0 if self.asked_at is None else at - self.asked_at)

    def runs(self, until: int | None) -> list[Run]:
        """Return the runs as they stood at an instant, or at their end."""
        runs = [run_model.as_of(run, until, self.timings) for run, _ in self.done]
        if self.session.run is None:
            return runs
        if self.asked_at is None:
            return [*runs, run_model.as_of(self.run, until, self.timings)]
        return [*runs, self._waiting()]

    def queued_of_runs(self, until: int | None) -> list[int]:
        """Return how long each run waited for slots, up to an instant."""
        queued = [queued for _, queued in self.done]
        if self.session.run is None:
            return queued
        waits = until is not None and self.asked_at is not None
        return [*queued, self.queued + (until - self.asked_at if waits else 0)]  # type: ignore[operator]

    def _waiting(self) -> Run:
        """Return the run as it waits: to boot, or to be woken by the first of its turns."""
        run = self.run
        if self.slot_at is None:
            return run._replace(status="PENDING")
        quiet = run_model.quiet_times(run, self.timings)[0]
        idle, suspended = run_rules.rest(run.free_at, self.turns[0].at, quiet)
        return run._replace(
            idle=run.idle + idle,
            suspended=run.suspended + suspended,
            ahead=(),
            status="WAITING_TO_RESUME",
        )
