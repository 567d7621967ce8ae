"""session_lab: wrap, simulate, replay and explain Trigger.dev chat sessions.

``import session_lab as sl``, then read traffic and replay it::

    events = sl.traffic.read("trace.jsonl")
    replay = sl.replay(events, sl.RunPolicy(idle_timeout="60s"))
    replay.summary()

or simulate the API and talk to it::

    sim = sl.Simulator()
    client = sim.client()

What is named here loads with first use.
"""

import importlib
import typing

from session_lab._version import __version__
from session_lab.analysis.drawing import hand_in as _hand_in
from session_lab.analysis.pages import hand_in as _hand_in_pages
from session_lab.errors import (
    APIConnectionError,
    APIError,
    APIResponseError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    ConflictError,
    DataError,
    DataWarning,
    InternalServerError,
    MissingDependencyError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    RequestTooLargeError,
    SessionClosedError,
    SessionExpiredError,
    SessionLabError,
    SessionLabWarning,
    SimulationError,
    StatisticalWarning,
    UnprocessableEntityError,
)

if typing.TYPE_CHECKING:
    from matplotlib.axes import Axes

    from session_lab import traffic, widgets
    from session_lab.analysis import churn, conflicts, lifetimes, tags
    from session_lab.analysis.churn.prices import PriceList, prices
    from session_lab.analysis.replays.recommend import recommend
    from session_lab.client import AsyncClient, Client
    from session_lab.frames import of_sessions, select, sessions_of_log, validate, write_frame
    from session_lab.frames.files.reading import read_runs, read_sessions
    from session_lab.frames.loaders.loading import runs_frame, sessions_frame
    from session_lab.replays.environment.calibration import Calibration, calibrate
    from session_lab.replays.environment.deciding import Decision, decide
    from session_lab.replays.environment.fitting import Fit, fit
    from session_lab.replays.environment.record import record
    from session_lab.replays.environment.recording import Recording, read_recording
    from session_lab.replays.live.replay_live import replay_live
    from session_lab.replays.local_server import LocalServer
    from session_lab.replays.replay import Replay, replay
    from session_lab.replays.simulator import Simulator
    from session_lab.replays.smallest_limit import smallest_limit
    from session_lab.replays.sweep import sweep
    from session_lab.reports import report
    from session_lab.simulator import (
        AgentTurn,
        ConcurrencyLimits,
        Distribution,
        Platform,
        RunPolicy,
        ScriptedAgent,
    )
    from session_lab.simulator.faults.rules import FaultRule
    from session_lab.traffic import ChatWorkload
    from session_lab.widgets import explore
else:
    # Type checkers read the imports above; at run time these tables stand for them, so that what
    # is heavy loads with first use.
    _MODULES = {
        "churn": "analysis.churn",
        "conflicts": "analysis.conflicts",
        "lifetimes": "analysis.lifetimes",
        "tags": "analysis.tags",
        "traffic": "traffic",
        "widgets": "widgets",
    }
    _HOMES = {
        "AgentTurn": "simulator",
        "AsyncClient": "client",
        "ChatWorkload": "traffic",
        "Client": "client",
        "ConcurrencyLimits": "simulator",
        "FaultRule": "simulator.faults.rules",
        "LocalServer": "replays.local_server",
        "Calibration": "replays.environment",
        "Fit": "replays.environment",
        "Recording": "replays.environment",
        "calibrate": "replays.environment",
        "Decision": "replays.environment",
        "decide": "replays.environment",
        "fit": "replays.environment",
        "Replay": "replays",
        "RunPolicy": "simulator",
        "Platform": "simulator",
        "Distribution": "simulator",
        "ScriptedAgent": "simulator",
        "Simulator": "replays.simulator",
        "PriceList": "analysis.churn.prices",
        "explore": "widgets",
        "prices": "analysis.churn.prices",
        "read_recording": "replays.environment",
        "read_runs": "frames.files.reading",
        "read_sessions": "frames.files.reading",
        "record": "replays.environment.record",
        "recommend": "analysis.replays.recommend",
        "replay": "replays",
        "replay_live": "replays.live",
        "report": "reports",
        "runs_frame": "frames.loaders.loading",
        "sessions_frame": "frames.loaders.loading",
        "smallest_limit": "replays.smallest_limit",
        "sweep": "replays.sweep",
        "of_sessions": "frames",
        "select": "frames",
        "sessions_of_log": "frames",
        "validate": "frames",
        "write_frame": "frames",
    }

    def __getattr__(name: str) -> object:
        if name in _MODULES:
            return importlib.import_module(f"{__name__}.{_MODULES[name]}")
        if name in _HOMES:
            return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
        # What helps with a mistyped name loads with the first of them.
        from session_lab.mistyped import no_attribute  # noqa: PLC0415

        raise no_attribute(__name__, name, __all__)


def _draw(result: object, ax: "Axes | None") -> "Axes":
    # Loading matplotlib waits until someone draws.
    from session_lab.plots import draw  # noqa: PLC0415

    return draw(result, ax)


def _write_page(result: object, suffix: str, title: str) -> str:
    # Loading jinja2 and matplotlib waits until someone writes a page.
    from session_lab.reports.decision_page import decision_page  # noqa: PLC0415

    return decision_page(typing.cast("Decision", result), suffix, title)


_hand_in(_draw)
_hand_in_pages(_write_page)


def __dir__() -> list[str]:
    return __all__


__all__ = [
    "APIConnectionError",
    "APIError",
    "APIResponseError",
    "APIStatusError",
    "APITimeoutError",
    "AgentTurn",
    "AsyncClient",
    "AuthenticationError",
    "BadRequestError",
    "Calibration",
    "ChatWorkload",
    "Client",
    "ConcurrencyLimits",
    "ConflictError",
    "DataError",
    "DataWarning",
    "Decision",
    "Distribution",
    "FaultRule",
    "Fit",
    "InternalServerError",
    "LocalServer",
    "MissingDependencyError",
    "NotFoundError",
    "PermissionDeniedError",
    "Platform",
    "PriceList",
    "RateLimitError",
    "Recording",
    "Replay",
    "RequestTooLargeError",
    "RunPolicy",
    "ScriptedAgent",
    "SessionClosedError",
    "SessionExpiredError",
    "SessionLabError",
    "SessionLabWarning",
    "SimulationError",
    "Simulator",
    "StatisticalWarning",
    "UnprocessableEntityError",
    "__version__",
    "calibrate",
    "churn",
    "conflicts",
    "decide",
    "explore",
    "fit",
    "lifetimes",
    "of_sessions",
    "prices",
    "read_recording",
    "read_runs",
    "read_sessions",
    "recommend",
    "record",
    "replay",
    "replay_live",
    "report",
    "runs_frame",
    "select",
    "sessions_frame",
    "sessions_of_log",
    "smallest_limit",
    "sweep",
    "tags",
    "traffic",
    "validate",
    "widgets",
    "write_frame",
]
