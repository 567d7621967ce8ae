"""What holds for the package as a whole."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import subprocess
import sys
from types import ModuleType

import pytest

import session_lab

MODULES = [
    module.name for module in pkgutil.walk_packages(session_lab.__path__, prefix="session_lab.")
]
PUBLIC = [
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
"""Every name of ``import session_lab as sl`` that users may rely on; it changes on purpose only."""

HEAVY = ["dask", "httpx", "ipywidgets", "matplotlib", "numba", "starlette"]


def test_the_public_names_are_those_that_were_agreed_on():
    assert session_lab.__all__ == PUBLIC


def test_nothing_public_is_left_out_of_all():
    named = {
        name
        for name, value in vars(session_lab).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }
    assert named <= set(session_lab.__all__)


def test_a_star_import_brings_the_public_names():
    names: dict[str, object] = {}
    exec("from session_lab import *", names)  # noqa: S102 (a star import stands in no function)
    assert set(PUBLIC) <= names.keys()


@pytest.mark.parametrize("name", MODULES)
def test_a_module_declares_its_public_names_and_has_them(name: str):
    module = importlib.import_module(name)
    assert [public for public in module.__all__ if not hasattr(module, public)] == []


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".traffic",
        ".widgets",
        ".plots",
        ".reports",
        ".client",
        ".frames",
        ".simulator",
        ".replays",
        ".analysis.tags",
        ".analysis.lifetimes",
        ".analysis.churn",
        ".analysis.conflicts",
    ],
)
def test_completion_offers_public_names_only(name: str):
    module = importlib.import_module(f"session_lab{name}")
    assert dir(module) == sorted(module.__all__)


ROOMS = [
    "",
    ".traffic",
    ".widgets",
    ".analysis.tags",
    ".analysis.lifetimes",
    ".analysis.churn",
    ".analysis.conflicts",
]


@pytest.mark.parametrize("room", ROOMS)
def test_every_public_function_has_an_example_that_runs(room: str):
    module = importlib.import_module(f"session_lab{room}")
    functions = {
        name: value for name in module.__all__ if inspect.isfunction(value := getattr(module, name))
    }
    assert functions
    # Doctests run with all others.
    assert [name for name, value in functions.items() if ">>> " not in str(value.__doc__)] == []


@pytest.mark.parametrize(
    ("name", "heavy"), [("", HEAVY), (".widgets", ["httpx", "numba"])], ids=["all", "explorers"]
)
def test_importing_the_package_loads_nothing_heavy(name: str, heavy: list[str]):
    code = f"import sys, session_lab{name}; print(sorted(sys.modules.keys() & set({heavy})))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout
    assert loaded.strip() == "[]"
