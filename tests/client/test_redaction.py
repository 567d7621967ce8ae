"""No secret gets into what is shown, logged, raised or kept."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import traceback
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_lab import errors
from session_lab.client import Client
from session_lab.client.redaction import redact, redact_json, redact_url

if TYPE_CHECKING:
    from collections.abc import Callable

# Not of the form that keys have: it is known, and so it is found all the same.
KEY = "s3cret+key/of~a=kind"
TOKEN = "eyJhbGciOi.eyJzdWIiOi.c2lnbmF0dXJl"
OTHER = "tr_prod_sk_9876543210abcdef"
SECRETS = [KEY, TOKEN, OTHER, quote(KEY, safe="")]
ECHO = f"Bearer {KEY} is not {quote(KEY, safe='')}, nor {TOKEN}, nor {OTHER}"

REPLIES: dict[str, Callable[[], httpx.Response | Exception]] = {
    "a message": lambda: httpx.Response(401, json={"error": ECHO}),
    "a body": lambda: httpx.Response(400, json={"a": [{ECHO: [ECHO, 1]}], "error": "no"}),
    "a list": lambda: httpx.Response(500, json=[ECHO]),
    "a text": lambda: httpx.Response(500, text=ECHO),
    "a header": lambda: httpx.Response(429, headers={"x-echo": ECHO, "x-request-id": ECHO}),
    "a page": lambda: httpx.Response(200, html=f"<p>{ECHO}</p>"),
    "a redirect": lambda: httpx.Response(
        302, headers={"location": f"https://u:{KEY}@h/{OTHER}/p?key={KEY}#{TOKEN}"}
    ),
    "a failure": lambda: httpx.ConnectError(ECHO),
}


def _contexts(error: BaseException | None) -> list[str]:
    """Show what led to an error, which some libraries write into pickles too."""
    if error is None:
        return []
    shown = repr(error) + repr(vars(error))
    return [shown, *_contexts(error.__cause__), *_contexts(error.__context__)]


@pytest.mark.parametrize("reply", REPLIES)
def test_what_a_server_echoes_is_in_no_part_of_the_error(
    reply: str, caplog: pytest.LogCaptureFixture
):
    def answer(_request: httpx.Request) -> httpx.Response:
        made = REPLIES[reply]()
        if isinstance(made, Exception):
            raise made
        return made

    client = Client(KEY, transport=httpx.MockTransport(answer), sleep=lambda _s: None)
    with caplog.at_level(logging.DEBUG), pytest.raises(errors.APIError) as caught:
        client.sessions.retrieve("a")

    error = caught.value
    twin = pickle.loads(pickle.dumps(error))  # noqa: S301  our own
    shown = [
        *(repr(one) + str(one) + repr(vars(one)) for one in (error, copy.deepcopy(error), twin)),
        repr(pickle.dumps(error)),
        repr(client),
        "".join(str(note) for note in getattr(error, "__notes__", [])),
        "".join(traceback.format_exception(error)),
        *_contexts(error),
        caplog.text,
    ]
    for text in shown:
        assert not [secret for secret in SECRETS if secret in text]


def test_a_redirect_is_told_by_its_place_alone():
    location = "https://user:pass@elsewhere.example:8443/login?next=1#top"
    transport = httpx.MockTransport(lambda _r: httpx.Response(307, headers={"location": location}))

    with pytest.raises(errors.APIResponseError, match=r"https://elsewhere\.example:8443/login; "):
        Client(KEY, transport=transport).request("GET", "/a")


def test_the_reply_of_the_raw_view_is_pickled_and_shown_without_the_key():
    transport = httpx.MockTransport(lambda _r: httpx.Response(200, json={"token": TOKEN}))
    raw = Client(KEY, transport=transport).with_raw_response.request("GET", "/a")

    assert json.loads(raw.content) == {"token": TOKEN}
    assert TOKEN not in repr(raw)
    assert KEY.encode() not in pickle.dumps(raw.reply)


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(SECRETS),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(SECRETS), inner),
)


@given(value=JSON)
def test_no_secret_stays_anywhere_in_json(value: Any):
    text = repr(redact_json(value, (KEY,)))

    assert not [secret for secret in SECRETS if secret in text]


@given(text=st.text())
def test_an_address_that_nobody_can_read_is_no_obstacle(text: str):
    assert "?" not in redact_url(f"http://h/{text}") or "?" not in text
    redact_url(text)
    redact(text, (KEY,))
