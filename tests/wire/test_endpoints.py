"""The table of calls that clients send and servers answer."""

from __future__ import annotations

import re

import pytest

from session_lab.simulator.api.routes import ROUTES
from session_lab.wire.endpoints import ENDPOINTS, endpoint_of


@pytest.mark.parametrize("name", ENDPOINTS)
def test_a_filled_path_leads_back_to_its_endpoint(name: str):
    endpoint = ENDPOINTS[name]
    parameters = re.findall(r"\{(\w+)\}", endpoint.path)
    path = endpoint.path_for(**dict.fromkeys(parameters, "a%2Fb"))
    assert endpoint_of(endpoint.method, path) == endpoint


def test_head_counts_as_get_and_other_requests_are_no_calls():
    assert endpoint_of("HEAD", "/api/v1/sessions") == ENDPOINTS["sessions.list"]
    assert endpoint_of("DELETE", "/api/v1/sessions") is None
    assert endpoint_of("GET", "/api/v1/sessions/") is None
    assert endpoint_of("GET", "/elsewhere") is None


def test_a_path_without_its_parameters_is_not_made_up():
    with pytest.raises(KeyError):
        ENDPOINTS["sessions.close"].path_for()


def test_every_call_is_served_by_the_api_or_by_a_store_beside_it():
    stores = ("streams.", "objects.")
    beside = {endpoint for endpoint in ENDPOINTS.values() if endpoint.name.startswith(stores)}
    assert {route.endpoint for route in ROUTES} | beside == set(ENDPOINTS.values())
    assert beside
