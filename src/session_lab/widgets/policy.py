"""The explorer of run policies: what if a log had met other timeouts."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import ipywidgets  # type: ignore[import-untyped]

from session_lab.analysis.replays.recommend import recommend
from session_lab.errors import DataError
from session_lab.frames import EVENTS, check_events, check_kind, empty
from session_lab.frames.of_sessions import sessions_of_log
from session_lab.mistyped import answer_mistyped_fields
from session_lab.simulator import Platform, RunPolicy
from session_lab.timing import duration_text, to_milliseconds
from session_lab.traffic.engine.time_order import in_order
from session_lab.widgets.data.played_log import PlayedLog
from session_lab.widgets.data.session_index import IndexedSessions
from session_lab.widgets.explorer import Explorer, ExplorerState
from session_lab.widgets.parts.call_text import call, selected
from session_lab.widgets.parts.controls import NOTHING
from session_lab.widgets.parts.selection_panel import SelectionPanel

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from session_lab.analysis.results import Result
    from session_lab.plots.pictures.marks import Key

__all__ = ["PolicyExplorer", "PolicyState"]

Kind = TypeVar("Kind", RunPolicy, Platform)

_IDLE = (
    "1 s", "5 s", "15 s", "30 s", "1 min", "2 min", "5 min", "15 min", "30 min", "1 h",
)  # fmt: skip
"""What the front is drawn over."""
_TURN = ("1 min", "5 min", "15 min", "30 min", "1 h", "2 h", "6 h", "12 h", "1 d")
_EXPIRY = ("1 h", "6 h", "1 d", "7 d", "30 d")
_KEPT = 64
"""How many states are remembered: a slider comes back to where it was."""
_MANY = 100_000
"""Sessions from which to play all of them takes longer than someone who drags would wait."""
_NTH = 32
"""One in so many chats is played meanwhile."""
_TOTALS = ("turns", "runs", "refused", "billed", "idle", "suspended")
_NO_TURNS = "no turn is served, so nothing waits; select more, or give a log with turns"
_STYLE = {"description_width": "90px"}
"""Room for the longest label."""
_BOOT = ("0 s", "500 ms", "1 s", "2 s", "3 s", "5 s", "10 s", "30 s")
_LIMITS = (1, 2, 5, 10, 20, 50, 100, 200, 500)
_RESUME = ("0 s", "100 ms", "200 ms", "500 ms", "1 s", "2 s", "3 s", "5 s", "10 s")
_ZERO = "0 s"
_OTHERWISE = {"boot_time": ("1 s", "10 s"), "resume_time": ("500 ms", "5 s")}
"""What a time of 0 s is taken for instead, to see whether the recommendation hangs on it."""
_NO_WAITS = (
    "boot time and resume time are 0 s, so no turn waits for its run and the shortest timeout looks "
    "free; move their sliders to what your environment takes"
)


@answer_mistyped_fields
@dataclass(frozen=True)
class PolicyState(ExplorerState):
    """What a :class:`PolicyExplorer` shows.

    Attributes
    ----------
    idle_timeout, turn_timeout : str
        As of :class:`session_lab.RunPolicy`.
    max_turns : int
        As of the same.
    boot_time, resume_time : str
        As of :class:`session_lab.Platform`.
    concurrency_limit : int, optional
        How many runs may execute at once; as many as like by default.
    is_varied : bool
        Whether the recommendation is made again with half and with twice of these times (where one
        is 0 s, with others), to see how much it hangs on them.
    expiry : str, optional
        How long after its first start a session expires; as recorded by default.
    """

    idle_timeout: str = "30 s"
    turn_timeout: str = "1 h"
    max_turns: int = 100
    expiry: str | None = None
    boot_time: str = _ZERO
    resume_time: str = _ZERO
    is_varied: bool = False
    concurrency_limit: int | None = None

    def __post_init__(self) -> None:
        """Check the fields, and bring durations to one form."""
        policy, platform = RunPolicy(**self.settings), Platform(**self.times)
        for name in self.settings:
            object.__setattr__(self, name, getattr(policy, name))
        for name in self.times:
            object.__setattr__(self, name, getattr(platform, name))
        limit = self.concurrency_limit
        if limit is not None and (type(limit) is not int or limit < 1):
            message = f"{limit!r} is not a number of runs from 1, or None for no limit"
            raise DataError(message, column="concurrency_limit")
        if type(self.is_varied) is not bool:
            raise DataError(f"{self.is_varied!r} is neither True nor False", column="is_varied")
        if self.expiry is not None:
            after = to_milliseconds(self.expiry, name="expiry")
            object.__setattr__(self, "expiry", duration_text(after))

    @property
    def settings(self) -> dict[str, Any]:
        """The fields that a run policy has too."""
        names = ("idle_timeout", "turn_timeout", "max_turns")
        return {name: getattr(self, name) for name in names}

    @property
    def times(self) -> dict[str, Any]:
        """The fields that a platform has too."""
        return {name: getattr(self, name) for name in ("boot_time", "resume_time")}

    @property
    def variations(self) -> dict[str, list[str]]:
        """The other values of these fields under which the recommendation is made again."""
        if not self.is_varied:
            return {}
        return {name: _around(name, value) for name, value in self.times.items()}


class PolicyExplorer(Explorer[PolicyState]):
    """Explore what waits and billed time a log would have had under other run policies.

    Parameters
    ----------
    events : DataFrame
        An events frame, in any order.
    sessions : DataFrame, optional
        What to choose sessions from; by default what the first start of each said.
    panel : SelectionPanel, optional
        Controls over these sessions to share with other explorers; its own by default.
    policy : RunPolicy, optional
        What else holds, such as the cap on active time, and where the controls stand first.
    platform : Platform, optional
        What the environment does, and where the controls of its times stand first; a time that is
        a distribution stays one, and has no control.

    Examples
    --------
    >>> import pandas as pd
    >>> from dataclasses import replace
    >>> times = pd.to_datetime(["2026-01-01T09:00:00Z", "2026-01-01T09:02:00Z"])
    >>> explorer = PolicyExplorer(
    ...     pd.DataFrame({"at": times, "op": ["start", "message"], "external_id": "chat-1"})
    ... )
    >>> explorer.state = replace(explorer.state, idle_timeout="5 min")
    >>> explorer.data().today["billed"]
    Timedelta('0 days 00:07:00')
    >>> explorer.close()
    """

    title: ClassVar[str] = "What if"

    def __init__(
        self,
        events: pd.DataFrame,
        sessions: pd.DataFrame | IndexedSessions | None = None,
        panel: SelectionPanel | None = None,
        *,
        policy: RunPolicy | None = None,
        platform: Platform | None = None,
    ) -> None:
        check_kind(events, "events")
        self._given = events
        self._base = _of_kind(policy, RunPolicy, "policy")
        self._platform = _of_kind(platform, Platform, "platform")
        self._name = "sl.sessions_of_log(events)" if sessions is None else "sessions"
        if sessions is None:
            # What is wrong with them is told in their place.
            try:
                sessions = sessions_of_log(self._in_order)
            except DataError:
                sessions = sessions_of_log(empty(EVENTS))
        self._prepared = (
            sessions if isinstance(sessions, IndexedSessions) else IndexedSessions(sessions)
        )
        self._part: PlayedLog | None = None
        self._swept: dict[PolicyState, pd.DataFrame] = {}
        names = PolicyState().settings
        times: dict[str, Any] = {
            name: getattr(self._platform, name) for name in PolicyState().times
        }
        self._distributed = {name for name, one in times.items() if not isinstance(one, str)}
        state = PolicyState(
            **{name: getattr(self._base, name) for name in names},
            **{name: times[name] for name in times if name not in self._distributed},
        )
        shared = panel is not None
        super().__init__(state, panel or SelectionPanel(self._prepared), shared=shared)

    @cached_property
    def _in_order(self) -> pd.DataFrame:
        """The events, in order of time; behind a tab that nobody opens they are not looked at.

        Raises
        ------
        DataError
            They cannot be played.
        """
        checked = check_events(self._given)
        order = in_order(checked)
        return checked if order is None else checked.iloc[order]

    @cached_property
    def _log(self) -> PlayedLog:
        return PlayedLog(self._in_order, self._prepared)

    def _result(self, state: PolicyState) -> Result:
        policies = self._policies(state)
        if not policies["turns"].any():
            raise DataError(_NO_TURNS, source="events")
        return recommend(policies, wait="wait_mean", current=_current(state))

    def _policies(self, state: PolicyState) -> pd.DataFrame:
        """Sweep the grid of a state, which is the same wherever its idle timeout stands on it."""
        key = self._key(state)
        if key not in self._swept:
            if len(self._swept) > _KEPT:
                self._swept.clear()
            policy, platform = self._settings(state)
            grouped = self._log.grouped(state.selection)
            self._swept[key] = grouped.sweep(
                _grid(state), policy=policy, platform=platform, **self._variations(state)
            )
            if self._part is None and len(self._prepared) >= _MANY:
                # Where nothing tells which event belongs to which session, all are always played.
                with suppress(DataError):
                    self._part = self._log.every(_NTH)
        return self._swept[key]

    def _key(self, state: PolicyState) -> PolicyState:
        return replace(state, idle_timeout=_IDLE[0]) if state.idle_timeout in _IDLE else state

    def _draft(self, state: PolicyState) -> Result | None:
        """Play every 32nd chat, where to play all of them would keep someone waiting.

        Under a limit chats wait for one another, so that some of them tell nothing of all.
        """
        is_quick = self._key(state) in self._swept or self._coverage(state)[0] < _MANY
        if self._part is None or is_quick or state.concurrency_limit is not None:
            return None
        policy, platform = self._settings(state)
        grouped = self._part.grouped(state.selection)
        policies = grouped.sweep(
            _grid(state), policy=policy, platform=platform, **self._variations(state)
        )
        if not policies["turns"].any():
            return None
        ratio = len(self._log.events) / len(self._part.events)
        whole = {name: (policies[name] * ratio).astype(policies[name].dtype) for name in _TOTALS}
        return recommend(policies.assign(**whole), wait="wait_mean", current=_current(state))

    def _prepare(self, state: PolicyState) -> None:
        self._policies(state)

    def _settings(self, state: PolicyState) -> tuple[RunPolicy, Platform]:
        times = {name: one for name, one in state.times.items() if name not in self._distributed}
        return replace(self._base, **state.settings), replace(self._platform, **times)

    def _hints(self, state: PolicyState) -> tuple[str, ...]:
        _, platform = self._settings(state)
        waits = {platform.boot_time, platform.resume_time} != {_ZERO}
        return () if waits or self._lacking(state) else (_NO_WAITS,)

    def _in_use(self, state: PolicyState) -> set[str]:
        return super()._in_use(state) - self._distributed

    def _variations(self, state: PolicyState) -> dict[str, Any]:
        """Return the argument by which a sweep is made again under other times; none without."""
        varied = {
            name: values
            for name, values in state.variations.items()
            if name not in self._distributed
        }
        return {"sensitivity": varied} if varied else {}

    def _picking(self, state: PolicyState, mark: Key) -> PolicyState:
        timeouts = _grid(state)["idle_timeout"]
        if mark not in timeouts:
            raise DataError(
                f"{mark!r} is not an idle timeout of the picture", column="idle_timeout"
            )
        return replace(state, idle_timeout=str(mark))

    def _picked(self, state: PolicyState) -> Sequence[Key]:
        return [state.idle_timeout]

    def _lacking(self, state: PolicyState) -> str | None:
        if state.selection.criteria and (lacking := super()._lacking(state)):
            return lacking
        return None

    def _code(self, state: PolicyState) -> str:
        events = "events"
        if state.selection.criteria:
            sessions = selected(state.selection, self._name)
            events = call("sl.of_sessions", events, sessions)
        policy, platform = self._settings(state)
        policies = call(
            "sl.sweep",
            events,
            repr(_grid(state)),
            f"policy=sl.{policy!r}",
            f"platform=sl.{platform!r}".replace("=Distribution(", "=sl.Distribution("),
            **self._variations(state),
        )
        return call("sl.recommend", policies, 'wait="wait_mean"', f"current={_current(state)!r}")

    def _make_controls(self) -> dict[str, Any]:
        make = partial(self._panel.kit.make, style=_STYLE)

        def slider(durations: tuple[str, ...], description: str) -> Any:  # noqa: ANN401
            options = [(one, one) for one in durations]
            return make(ipywidgets.SelectionSlider, options=options, description=description)

        return {
            "idle_timeout": slider(_IDLE, "Idle timeout"),
            "turn_timeout": slider(_TURN, "Turn timeout"),
            "max_turns": make(ipywidgets.IntSlider, min=1, max=200, description="Max turns"),
            "expiry": make(
                ipywidgets.Dropdown,
                options=[("as recorded", NOTHING), *((one, one) for one in _EXPIRY)],
                description="Expiry after",
            ),
            "boot_time": slider(_BOOT, "Boot time"),
            "resume_time": slider(_RESUME, "Resume time"),
            "concurrency_limit": make(
                ipywidgets.Dropdown,
                options=[("as many as like", NOTHING), *((f"{n:,}", n) for n in _LIMITS)],
                description="Runs at once",
            ),
            "is_varied": make(ipywidgets.Checkbox, description="How sure?"),
        }


def _grid(state: PolicyState) -> dict[str, list[Any]]:
    """Return the grid that is swept: idle timeouts, that of the state among them, and what else."""
    timeouts = sorted({*_IDLE, state.idle_timeout}, key=to_milliseconds)
    expiry = {} if state.expiry is None else {"expiry": [state.expiry]}
    limit = state.concurrency_limit
    limits = {} if limit is None else {"concurrency_limit": [limit]}
    return {"idle_timeout": timeouts, **expiry, **limits}


def _around(name: str, time: str) -> list[str]:
    """Return half and twice of a time, or what it may be where it stands at 0 s."""
    if time == _ZERO:
        return list(_OTHERWISE[name])
    length = to_milliseconds(time)
    return [duration_text(one) for one in (length // 2, 2 * length)]


def _current(state: PolicyState) -> dict[str, str]:
    return {"idle_timeout": state.idle_timeout}


def _of_kind(given: Kind | None, kind: type[Kind], name: str) -> Kind:
    """Return what was given, or the plain one."""
    if given is not None and not isinstance(given, kind):
        raise DataError(f"{given!r} is not a {kind.__name__}", column=name)
    return kind() if given is None else given
