from __future__ import annotations

import importlib
import pkgutil

import pytest

from session_lab import wire

MODULES = [module.name for module in pkgutil.walk_packages(wire.__path__, f"{wire.__name__}.")]


@pytest.mark.parametrize("name", wire.__all__)
def test_every_public_name_loads_with_first_use(name: str):
    assert getattr(wire, name) is not None


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Sesion'"):
        wire.Sesion  # noqa: B018


@pytest.mark.parametrize("name", MODULES)
def test_every_module_lists_names_that_exist_in_order(name: str):
    module = importlib.import_module(name)

    assert module.__all__ == sorted(
        module.__all__, key=lambda item: (not item.isupper(), not item[0].isupper(), item)
    )
    assert all(hasattr(module, item) for item in module.__all__)
