"""The server behaves as its own description says, for requests made from the description."""

from __future__ import annotations

import json
import re
from typing import Any

import schemathesis
from hypothesis import assume, settings
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

import session_lab as sl
from session_lab.wire import limits

SECRET_KEY = "tr_dev_described"
HEADERS = {"Authorization": f"Bearer {SECRET_KEY}"}
MALFORMED = re.compile("(Validation|Query|Params) [Ee]rror|Invalid JSON")
CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
CONFIG = schemathesis.Config.from_dict(
    {
        "generation": {
            # The server's database, and so the simulator, fails at U+0000.
            "allow-x00": False,
            # The server measures texts in UTF-16 units and a description cannot; these are one each.
            "codec": "latin-1",
            # What is wrong by the description can be right to the server, which reads any date.
            "mode": "positive",
        }
    }
)


def described() -> tuple[Any, dict[str, str]]:
    """Describe a world with one session in it; also name the session and its run."""
    sim = sl.Simulator(secret_key=SECRET_KEY)
    session = sim.client().sessions.start(
        type="chat",
        task_identifier="agent",
        trigger_config={"base_payload": {}},
        external_id="chat-1",
    )
    schema = schemathesis.openapi.from_asgi("/openapi.json", sim.app, config=CONFIG)
    return schema, {"session": "chat-1", "run": session.run_id}


SCHEMA, THERE = described()


# A stream stays open until its world's time passes.
@SCHEMA.exclude(operation_id=["sessions.stream", "side_channels.stream"]).parametrize()
@SCHEMA.given(is_there=st.booleans())
@settings(max_examples=settings().max_examples // 4)
def test_requests_by_the_description_are_answered_by_the_description(
    case: Any,
    is_there: bool,  # noqa: FBT001  hypothesis draws it
):
    body = case.body if isinstance(case.body, (dict, list)) else {}
    assume(len(json.dumps(body)) <= limits.MAX_HANDOVER_BODY_BYTES)
    assume(not {"page[after]", "page[before]"} <= dict(case.query).keys())
    names = case.path_parameters
    if is_there:
        case.path_parameters = {name: THERE.get(name, text) for name, text in names.items()}
    response = case.call_and_validate(headers=HEADERS, checks=CHECKS)
    if response.status_code == 400:
        assert MALFORMED.search(response.text) is None
