"""What holds for the package as a whole."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys

import pytest

import session_lab

MODULES = [
    module.name for module in pkgutil.walk_packages(session_lab.__path__, prefix="session_lab.")
]
HEAVY = ["dask", "ipywidgets", "matplotlib", "numba", "starlette"]


@pytest.mark.parametrize("name", MODULES)
def test_a_module_declares_its_public_names_and_has_them(name: str):
    module = importlib.import_module(name)
    assert [public for public in module.__all__ if not hasattr(module, public)] == []


def test_importing_the_package_loads_nothing_heavy():
    code = f"import sys, session_lab; print(sorted(sys.modules.keys() & set({HEAVY})))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout
    assert loaded.strip() == "[]"
