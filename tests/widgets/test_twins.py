"""Explorers against their headless twins: the same numbers, and code that makes them."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from hypothesis import given

import session_lab as sl
from session_lab.widgets import LifetimeExplorer, TagExplorer
from tests.widgets.sessions import sessions_frame
from tests.widgets.states import kept_by_hand, lifetime_states, tag_states

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from session_lab.widgets import Explorer, LifetimeState, TagState

SESSIONS = sessions_frame()
ROWS = SESSIONS.to_dict("records")


@pytest.fixture(scope="module")
def tags() -> Iterator[TagExplorer]:
    yield from _hidden(TagExplorer(SESSIONS))


@pytest.fixture(scope="module")
def lifetimes() -> Iterator[LifetimeExplorer]:
    yield from _hidden(LifetimeExplorer(SESSIONS))


@given(state=tag_states)
def test_tags_are_those_of_the_twin_on_rows_chosen_by_hand(tags: TagExplorer, state: TagState):
    tags.state = state
    own = {"by_status": ("status",), "drift": ("created_from", "created_to")}.get(state.view, ())
    chosen = SESSIONS[kept_by_hand(ROWS, state.selection.without(("tags", *own)))]
    _compare(tags, getattr(sl.tags, state.view), chosen, state.options)


@given(state=lifetime_states)
def test_lifetimes_are_those_of_the_twin_on_rows_chosen_by_hand(
    lifetimes: LifetimeExplorer, state: LifetimeState
):
    lifetimes.state = state
    own = ("lifetime_from", "lifetime_to", *(["end_cause"] if state.view == "incidence" else []))
    chosen = SESSIONS[kept_by_hand(ROWS, state.selection.without(own))]
    _compare(lifetimes, getattr(sl.lifetimes, state.view), chosen, state.options)


def _hidden(explorer: Any) -> Iterator[Any]:
    """Leave the picture alone: what is compared are numbers."""
    explorer.hide()
    yield explorer
    explorer.close()


def _compare(explorer: Explorer[Any], twin: Any, chosen: pd.DataFrame, options: Any) -> None:
    expected = _outcome(lambda: twin(chosen, **options))
    found = _outcome(explorer.data)
    pasted = _outcome(
        lambda: eval(explorer.code(), {"sl": sl, "sessions": SESSIONS})  # noqa: S307
    )
    for result in (found, pasted):
        assert type(result) is type(expected)
        if isinstance(expected, str):
            assert result == expected
        else:
            assert result.notes == expected.notes
            pd.testing.assert_frame_equal(result.to_frame(), expected.to_frame(), check_exact=True)


def _outcome(compute: Callable[[], Any]) -> Any:
    """Return the result, or what is wrong with the data."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sl.SessionLabWarning)
        try:
            return compute()
        except sl.DataError as error:
            return str(error)
