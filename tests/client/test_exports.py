from __future__ import annotations

import importlib
import pkgutil
import sys
from pathlib import Path

import pytest

from session_lab import client

MODULES = [module.name for module in pkgutil.walk_packages(client.__path__, f"{client.__name__}.")]


def test_every_public_name_exists():
    assert all(hasattr(client, name) for name in client.__all__)
    assert {"AsyncClient", "Client"} <= set(client.__all__)


@pytest.mark.parametrize("name", MODULES)
def test_every_module_lists_names_that_exist(name: str):
    module = importlib.import_module(name)

    assert len(set(module.__all__)) == len(module.__all__)
    assert all(hasattr(module, item) for item in module.__all__)


def test_only_the_transport_knows_httpx():
    importers = [
        name
        for name in MODULES
        if any(
            line.startswith(("import httpx", "from httpx"))
            for line in Path(str(sys.modules[name].__file__)).read_text("utf-8").splitlines()
        )
    ]

    assert importers
    assert all(name.startswith("session_lab.client.transport.") for name in importers)
