"""A world as a whole: what it is made from, kept and restored, forked, hashed and compared."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from session_lab.errors import DataError
from session_lab.simulator.model.platform import Platform
from session_lab.simulator.model.policy import RunPolicy
from session_lab.simulator.model.profiles import profile_named
from session_lab.simulator.model.randomness import to_seed
from session_lab.simulator.world.diff import Difference, differences
from session_lab.simulator.world.readings import Readings
from session_lab.simulator.world.snapshot import Snapshot
from session_lab.simulator.world.state import State
from session_lab.simulator.world.store import Store
from session_lab.timing import VirtualClock, instant_text

if TYPE_CHECKING:
    from typing import Self

    from session_lab.timing import Clock, Instant

__all__ = ["Whole"]


class Whole(Readings):
    """Everything about a world but the requests that it takes.

    Parameters
    ----------
    seed : int
        What identifiers and crashes draw on.
    now : str, datetime or int
        The first instant of its clock.
    policy : RunPolicy, optional
        What the team chose; without it and a platform runs live until they are ended from outside.
    platform : Platform, optional
        What the environment does to runs; by default ``Platform()`` where there is a policy.
    profile : str
        The published state of the API to follow.
    clock : Clock, optional
        Where the time comes from; by default a virtual clock that stands at ``now``.

    Raises
    ------
    DataError
        A setting cannot be used.
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        now: Instant | int = "2026-01-01T00:00:00Z",
        policy: RunPolicy | None = None,
        platform: Platform | None = None,
        profile: str = "2026-10",
        clock: Clock | None = None,
    ) -> None:
        if policy is not None and not isinstance(policy, RunPolicy):
            raise DataError(f"{policy!r} is not a RunPolicy", column="policy")
        if platform is not None and not isinstance(platform, Platform):
            raise DataError(f"{platform!r} is not a Platform", column="platform")
        if policy is None and platform is not None:
            policy = RunPolicy()
        if platform is None and policy is not None:
            platform = Platform()
        self.seed = to_seed(seed)
        self.policy, self.platform = policy, platform
        self.profile = profile_named(profile)
        super().__init__(
            VirtualClock(now) if clock is None else clock,
            Store(self.seed, policy, platform, State()),
        )
        self.trigger_fault: str | None = None

    def __repr__(self) -> str:
        """Show the seed, the instant and how much there is."""
        state = self._store.state
        return (
            f"World(seed={self.seed}, now={instant_text(self.now)!r}, "
            f"{len(state.sessions):,} sessions, {len(state.runs):,} runs, "
            f"{len(state.journal):,} requests)"
        )

    def digest(self) -> str:
        """Hash everything the world knows (SHA-256); equal worlds have equal digests."""
        return hashlib.sha256(self.snapshot().to_json().encode()).hexdigest()

    def snapshot(self) -> Snapshot:
        """Keep the whole world as a value that can be restored, compared and written to a file."""
        return Snapshot(
            seed=self.seed,
            now=self.now,
            policy=self.policy,
            platform=self.platform,
            profile=self.profile.name,
            trigger_fault=self.trigger_fault,
            state=self._store.state.copy(),
        )

    def restore(self, snapshot: Snapshot) -> None:
        """Become the world of a snapshot, its virtual clock, seed and policy included."""
        self.profile = profile_named(snapshot.profile)
        self.seed = snapshot.seed
        self.policy, self.platform = snapshot.policy, snapshot.platform
        self.trigger_fault = snapshot.trigger_fault
        if isinstance(self.clock, VirtualClock):
            self.clock = VirtualClock(snapshot.now)
        self._store = Store(
            snapshot.seed, snapshot.policy, snapshot.platform, snapshot.state.copy()
        )

    def fork(self) -> Self:
        """Return a second world that stands where this one does and goes its own way."""
        other = type(self)(now=self.now)
        other.restore(self.snapshot())
        return other

    def diff(self, other: Whole) -> tuple[Difference, ...]:
        """Tell what differs between this world and another, session by session, run by run."""
        return differences(self.snapshot(), other.snapshot())
