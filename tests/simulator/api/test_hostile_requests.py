"""Whatever is sent, the API answers: nothing else ever reaches a caller."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

import session_lab as sl
from session_lab.simulator.api.http_types import Request
from session_lab.simulator.api.routes import ROUTES
from session_lab.simulator.api.validation import zod
from session_lab.simulator.backend import Backend
from session_lab.simulator.front import handle, is_control
from tests.api_lab import LAB, ApiLab

if TYPE_CHECKING:
    from session_lab.simulator.api.checks import Route

DEEP = "[" * 3_000 + "]" * 3_000
LONG = "9" * 5_000
NUMBERS = (
    "1e400",
    "-1e400",
    LONG,
    "-" + LONG,
    "0x" + "f" * 5_000,
    "1e308",
    "NaN",
    "-0",
    "١٢٣",
    "²",
)
TEXTS = (
    "",
    " ",
    "\0",
    "\ud800",
    "a" * 70_000,
    "session_" + LONG,
    "../../..",
    "%",
    "%ZZ",
    "%ED%A0%80",
    "__proto__",
    base64.urlsafe_b64encode(b'{"c":1e400,"r":"x"}').decode(),
    base64.urlsafe_b64encode(f'{{"c":{LONG},"r":"x"}}'.encode()).decode(),
    base64.urlsafe_b64encode(f'{{"c":{DEEP},"r":[]}}'.encode()).decode(),
    base64.urlsafe_b64encode(b'{"c":1,"r":null}').decode(),
    *NUMBERS,
)
texts = st.sampled_from(TEXTS) | st.text(max_size=20)
bodies = st.sampled_from(
    [
        b"",
        DEEP.encode(),
        DEEP.encode()[:3_000],
        ('{"a":' * 2_000 + "1" + "}" * 2_000).encode(),
        LONG.encode(),
        b"\xff\xfe",
        b"\xef\xbb\xbf{}",
        f'{{"externalId":{LONG}}}'.encode(),
        f'{{"kind":"message","payload":{DEEP}}}'.encode(),
        f'{{"actionSource":"webhook","payload":{DEEP}}}'.encode(),
        b'{"kind":"stop"' + b" " * 1_000,
    ]
)
VALUES = (None, True, 0, -1, 1e308, 1e-320, 2**70, "", "\ud800", "x" * 300, [], [[]], {}, {"a": {}})


def nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


def send(  # noqa: PLR0917
    lab: ApiLab, method: str, path: str, query: str, body: bytes, headers: Any
) -> int:
    given = {"authorization": f"Bearer {LAB.secret_key}", "content-length": str(len(body))}
    path = path.encode("ascii", "replace").decode().replace("?", "%3F")
    asked = query.encode("utf-8", "replace").decode("latin-1")
    response = lab.backend.handle(Request(method, path, asked, given | headers, body))
    assert 200 <= response.status < 600
    assert all(isinstance(value, str) for value in response.headers.values())
    return response.status


@pytest.fixture(scope="module")
def lab() -> ApiLab:
    lab = ApiLab("2026-10", policy=sl.RunPolicy())
    lab.start("chat")
    return lab


def encoded(text: str) -> str:
    return quote(text.encode("utf-8", "surrogatepass"), safe="%")


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.endpoint.name)
@given(data=st.data())
def test_any_request_is_answered(lab: ApiLab, route: Route, data: st.DataObject) -> None:
    _, method, path = route.endpoint
    names = ("session", "io", "run", "channel", "waitpoint")
    ids = {name: encoded(data.draw(texts | st.just("chat"))) for name in names}
    ids["io"] = data.draw(st.sampled_from(["in", "out", ids["io"]]))
    schema = route.query.schema if isinstance(route.query, zod.Refine) else route.query
    members = list(schema.members) if isinstance(schema, zod.Object) else []
    query = "&".join(
        f"{encoded(name)}={encoded(data.draw(texts))}"
        for name in data.draw(
            st.lists(st.sampled_from(members), max_size=3) if members else st.just([])
        )
    )
    content = data.draw(bodies)
    if route.body is not None and data.draw(st.booleans()):
        fields = {field.alias or name: name for name, field in route.body.model_fields.items()}
        document = {
            name: data.draw(st.sampled_from([*VALUES, nested(200), nested(900)])) for name in fields
        }
        content = json.dumps(document).encode()
    headers = {
        name.lower(): data.draw(texts).encode("latin-1", "replace").decode("latin-1")
        for name in (*route.headers, "X-Trigger-Branch", "X-Trigger-Api-Version", "Origin")
    }
    if data.draw(st.booleans()):
        headers["content-length"] = data.draw(st.sampled_from(NUMBERS))
    send(lab, method, path.format_map(ids), query, content, headers)


@given(secret=texts, body=bodies)
def test_any_credential_is_answered(secret: str, body: bytes) -> None:
    lab = ApiLab("2026-10", rate_limit=True)
    for token in (secret, f"a.{secret}.b", f"a.{base64.urlsafe_b64encode(body).decode()}.b"):
        headers = {"authorization": token.encode("latin-1", "replace").decode("latin-1")}
        send(lab, "GET", "/api/v1/sessions", "", b"", headers)


CONTROLS = (
    ("POST", "/_lab/reset"),
    ("POST", "/_lab/clock/advance"),
    ("PUT", "/_lab/faults"),
    ("PUT", "/_lab/snapshot"),
    ("POST", "/_lab/runs/run_x"),
)


@pytest.mark.parametrize(("method", "path"), CONTROLS)
@given(data=st.data())
def test_any_control_request_is_answered(method: str, path: str, data: st.DataObject) -> None:
    backend = Backend([LAB])
    names = st.sampled_from(["seed", "now", "ms", "rules", "trigger", "status", "match", "x"])
    value = st.sampled_from([*VALUES, nested(200), nested(900), LONG, "9999-12-31T23:59:59Z"])
    rules = st.lists(st.dictionaries(names, value, max_size=3), max_size=2)
    document = data.draw(st.dictionaries(names, value | rules, max_size=3))
    content = data.draw(bodies | st.just(json.dumps(document).encode()))
    assert is_control(path)
    response = handle(backend, Request(method, path, body=content))
    assert response.status in {200, 400, 404}
    assert handle(backend, Request("GET", "/_lab/clock")).status == 200


def test_a_record_that_nests_deep_is_stored_like_any_other() -> None:
    sim = sl.Simulator(policy=sl.RunPolicy())
    client = sim.client()
    config = {"base_payload": {}}
    client.sessions.start(
        type="chat", task_identifier="agent", trigger_config=config, external_id="chat"
    )
    text = "[" * 1_500 + "]" * 1_500
    assert client.sessions.append("chat", text).seq == 0
    assert client.sessions.append("chat", '{"a":' * 1_500 + "1" + "}" * 1_500).seq == 1
    assert client.sessions.records("chat", io="in")[0].data == text


@pytest.mark.parametrize(("after", "n"), [(LONG, 0), ("0" * 5_000, 1), ("0" * 5_000 + "1", 0)])
def test_records_after_a_number_of_any_length(after: str, n: int) -> None:
    lab = ApiLab("2026-10")
    lab.start("chat")
    for text in ("one", "two"):
        lab.ask("POST", "/realtime/v1/sessions/chat/in/append", text)
    path = "/realtime/v1/sessions/chat/in/records"
    assert len(lab.json("GET", path, query={"afterEventId": after})["records"]) == n
