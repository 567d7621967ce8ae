"""What the conformance report says of APIs that behave, and of APIs that do not."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

import session_lab as sl
from session_lab.conformance import BEHAVIOURS, conform

KEY = "tr_dev_simulated"


class Tampering(httpx.BaseTransport):
    """A simulator whose answers are changed on their way."""

    def __init__(self, change: Any) -> None:
        self.sim = sl.Simulator()
        self._change = change

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._change(request, self.sim.transport.handle_request(request))


def report_on(transport: Any) -> Any:
    def connect(key: str) -> sl.Client:
        return sl.Client(key, "http://lab", transport=transport, max_retries=0)

    return conform(connect, KEY, url="http://lab", prefix="trial")


def test_the_simulator_behaves():
    report = report_on(sl.Simulator().transport)
    assert report.differences == ()
    assert len(report.verdicts) == len(BEHAVIOURS) >= 30


def test_the_older_api_differs_where_it_changed():
    (difference,) = report_on(sl.Simulator(profile="2026-08").transport).differences
    assert difference.behaviour == "A closed session takes no message, and says so by a code"
    assert difference.detail == "the status of an append to a closed session is 400, not 409"


def test_no_session_stays_open():
    sim = sl.Simulator()
    report_on(sim.transport)
    assert set(sim.sessions_frame()["status"]) == {"CLOSED"}


@pytest.mark.parametrize(
    ("change", "behaviour"),
    [
        (
            lambda _, response: (
                httpx.Response(200, json=response.json(), headers=response.headers)
                if response.status_code == 201
                else response
            ),
            "A start creates a session, its run and a token",
        ),
        (
            lambda request, response: (
                httpx.Response(200, json={}) if request.method == "PATCH" else response
            ),
            "An update replaces what it names; null clears",
        ),
        (
            lambda request, response: (
                httpx.Response(500, text="<html>") if "/records" in str(request.url) else response
            ),
            "Records are numbered from zero",
        ),
        (
            lambda _, response: (
                httpx.Response(200, json=[1, 2]) if response.status_code == 404 else response
            ),
            "A session that is not there is a 404",
        ),
    ],
    ids=["always 200", "empty updates", "records fail", "never 404"],
)
def test_a_behaviour_that_is_missing_is_found(change: Any, behaviour: str):
    report = report_on(Tampering(change))
    assert behaviour in [verdict.behaviour for verdict in report.differences]


def test_the_report_names_each_source_and_counts():
    report = report_on(sl.Simulator().transport)
    text = str(report)
    assert text.splitlines()[-1] == f"{len(BEHAVIOURS)} hold, 0 differ"
    assert all(behaviour.source in text for behaviour in BEHAVIOURS)
    told = report.to_dict()
    assert (told["n_holding"], told["n_differing"]) == (len(BEHAVIOURS), 0)
    assert set(told["verdicts"][0]) == {"behaviour", "source", "verdict", "detail"}


def test_an_api_that_cannot_be_reached_is_an_error():
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    with pytest.raises(sl.APIConnectionError):
        report_on(httpx.MockTransport(refuse))
