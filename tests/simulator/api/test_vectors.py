"""The simulator answers as the real server did, in conversations recorded with it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.recordings import RECORDINGS, Document, Player, scenarios

LEFT_OUT: dict[str, str] = {}
"""Scenarios that the simulator does not follow, each with the reason."""


def recorded() -> list[Any]:
    absent = pytest.mark.skip(reason=f"no recordings at {RECORDINGS}")
    cases = []
    for group, scenario in scenarios():
        name = f"{group}: {scenario['name']}"
        reason = LEFT_OUT.get(name)
        marks = [] if reason is None else [pytest.mark.skip(reason=reason)]
        cases.append(pytest.param(scenario, id=name, marks=marks))
    return cases or [pytest.param({}, marks=absent)]


@pytest.mark.parametrize("scenario", recorded())
def test_a_recorded_scenario_is_answered_as_it_was(scenario: Document):
    Player(scenario).play()
