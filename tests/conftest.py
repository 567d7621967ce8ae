"""Options, markers and profiles that every test shares."""

from __future__ import annotations

import shutil

import pytest
from hypothesis import HealthCheck, settings

# Two marks of the machine's speed are off in both profiles: the time one example takes, and the
# time hypothesis takes to make them. A slow machine is no failure.
_ANY_SPEED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("quick", _ANY_SPEED, derandomize=True)
settings.register_profile("long", _ANY_SPEED, max_examples=2_000, print_blob=True)

# It runs under an interpreter of its own; this one has no lifelines.
collect_ignore = ["benchmarks/lifelines_peer.py"]

_PROGRAMS = {
    "needs_node": "node",
    "needs_chromium": "chromium",
    "needs_r": "Rscript",
    "needs_postgres": "postgres",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--long",
        action="store_true",
        help="run the tests marked long, and many more random examples of every property",
    )


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile("long" if config.getoption("--long") else "quick")


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("long") and not item.config.getoption("--long"):
        pytest.skip("takes long; run with --long")
    for marker, program in _PROGRAMS.items():
        if item.get_closest_marker(marker) and shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
