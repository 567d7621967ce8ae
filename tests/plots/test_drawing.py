"""Every result has a picture, found by its type."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from typing import TYPE_CHECKING

import pytest

import session_lab
from session_lab.analysis.results import Result
from session_lab.plots import draw

if TYPE_CHECKING:
    from collections.abc import Iterator


def kinds_of(kind: type) -> Iterator[type]:
    for sub in kind.__subclasses__():
        yield sub
        yield from kinds_of(sub)


def test_every_kind_of_result_has_a_picture():
    for module in pkgutil.walk_packages(session_lab.__path__, prefix="session_lab."):
        importlib.import_module(module.name)
    ours = [
        kind
        for kind in kinds_of(Result)
        if kind.__module__.startswith("session_lab.")
        and not (inspect.isabstract(kind) or kind.__name__.startswith("_"))
    ]
    without = [kind for kind in ours if draw.dispatch(kind) is draw.dispatch(object)]
    assert len(ours) > 20
    assert without == []


def test_what_is_not_a_result_is_refused_by_name():
    with pytest.raises(session_lab.DataError, match="no picture of a list"):
        draw([1, 2])
