"""Not a test of ours but one as its users write them: calls that pytest-httpx answers, timed."""

from __future__ import annotations

import gc
import json
import sys
import time
from typing import TYPE_CHECKING

import pytest

import session_lab as sl
from tests.benchmarks.calls import start_each

if TYPE_CHECKING:
    from pytest_httpx import HTTPXMock


@pytest.mark.httpx_mock(can_send_already_matched_responses=True)
def test_of_a_user(httpx_mock: HTTPXMock):
    given = json.load(sys.stdin)
    url, n_calls = given["base_url"], given["n_calls"]
    httpx_mock.add_response(
        method="POST", url=f"{url}/api/v1/sessions", status_code=201, json=given["answer"]
    )
    with sl.Client(api_key="tr_dev_made_up", base_url=url) as client:
        start_each(client, n_calls)
        httpx_mock.reset()
        httpx_mock.add_response(
            method="POST", url=f"{url}/api/v1/sessions", status_code=201, json=given["answer"]
        )
        gc.collect()
        start = time.perf_counter()
        sessions = start_each(client, n_calls)
        seconds = time.perf_counter() - start
    is_cached = [session.is_cached for session in sessions]
    sys.stdout.write("\n" + json.dumps({"seconds": seconds, "is_cached": is_cached}) + "\n")
