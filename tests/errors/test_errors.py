"""The tree of errors and warnings."""

from __future__ import annotations

import copy
import pickle
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from session_lab import errors
from session_lab.errors import (
    APIResponseError,
    APIStatusError,
    DataError,
    MissingDependencyError,
    SessionLabError,
    SessionLabWarning,
)

if TYPE_CHECKING:
    from collections.abc import Callable

PUBLIC = [getattr(errors, name) for name in errors.__all__]
ERRORS = [kind for kind in PUBLIC if issubclass(kind, SessionLabError)]
WARNINGS = [kind for kind in PUBLIC if issubclass(kind, SessionLabWarning)]
TWINS: list[Callable[[Exception], Exception]] = [
    copy.copy,
    copy.deepcopy,
    lambda error: pickle.loads(pickle.dumps(error)),  # noqa: S301 (our own pickle)
]


def example(kind: type[Exception]) -> Exception:
    """Make an error of a class, with every fact it can hold."""
    if issubclass(kind, APIStatusError):
        return kind(
            "no", status_code=409, body={"error": "no"}, request_id="r1", headers={"x-a": "1"}
        )
    if kind is APIResponseError:
        return kind("not JSON", status_code=200, body="<html>")
    if kind is DataError:
        return kind("no", source="a.csv", row=3, column="at")
    if kind is MissingDependencyError:
        return kind("install it", name="starlette")
    return kind("no")


def facts(error: Exception) -> dict[str, object]:
    named = {"name": error.name} if isinstance(error, ImportError) else {}
    return {**vars(error), **named, "args": error.args, "text": str(error)}


def test_every_class_of_the_module_is_exported():
    defined = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and value.__module__ == errors.__name__
    }
    assert defined == set(errors.__all__)
    assert len(ERRORS) + len(WARNINGS) == len(PUBLIC)


@pytest.mark.parametrize("kind", PUBLIC)
def test_the_tree_at_the_top_of_the_module_shows_every_class(kind: type[Exception]):
    assert kind.__name__ in (errors.__doc__ or "")


@pytest.mark.parametrize("kind", PUBLIC)
@pytest.mark.parametrize("twin_of", TWINS, ids=["copy", "deepcopy", "pickle"])
def test_every_error_keeps_its_facts_when_copied(
    kind: type[Exception], twin_of: Callable[[Exception], Exception]
):
    error = example(kind)
    error.add_note("seen in a test")
    twin = twin_of(error)
    assert type(twin) is kind
    assert facts(twin) == facts(error)


def test_a_deep_copy_shares_nothing_that_can_change():
    error = example(errors.ConflictError)
    twin = copy.deepcopy(error)
    twin.body["error"] = "changed"
    assert error.body == {"error": "no"}


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        (errors.APIConnectionError, ConnectionError),
        (errors.APITimeoutError, TimeoutError),
        (errors.DataError, ValueError),
        (errors.SimulationError, RuntimeError),
        (errors.MissingDependencyError, ImportError),
        (errors.SessionLabWarning, UserWarning),
    ],
)
def test_an_error_can_be_caught_as_the_builtin_one_would_expect(
    kind: type[Exception], builtin: type[Exception]
):
    assert issubclass(kind, builtin)


@pytest.mark.parametrize("kind", [errors.SessionClosedError, errors.SessionExpiredError])
def test_the_two_conflicts_of_a_session_are_conflicts(kind: type[Exception]):
    assert issubclass(kind, errors.ConflictError)
    assert issubclass(kind, APIStatusError)


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ({"source": "a.csv", "row": 0, "column": "at"}, "a.csv, row 0, at: no"),
        ({"source": "a.csv", "column": "at"}, "a.csv, at: no"),
        ({"row": 7}, "row 7: no"),
        ({}, "no"),
    ],
)
def test_a_data_error_puts_the_place_before_the_reason(place: dict[str, object], text: str):
    assert str(DataError("no", **place)) == text


def test_a_status_error_without_facts_has_none():
    error = APIStatusError("no", status_code=500)
    assert (error.body, error.request_id, error.headers) == (None, None, {})


@pytest.mark.parametrize("column", [5, 0, ("a", "b"), None, float("nan"), pd.NA])
def test_an_error_can_be_printed_whatever_the_column_is_called(column: Any):
    error = DataError("cannot be used", source="df", row=0, column=column)
    shown = str(error)
    assert shown.startswith("df, row 0")
    assert shown.endswith(": cannot be used")
    assert str(copy.deepcopy(error)) == str(pickle.loads(pickle.dumps(error))) == shown  # noqa: S301
