"""What the environment says of proxies and certificates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from session_lab import errors
from session_lab.client import AsyncClient, Client
from tests.client.raw_server import head, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "tr_dev_0123456789abcdefghijklmn"
VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")
KINDS = [Client, AsyncClient]


@pytest.fixture(autouse=True)
def _nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("variable", "value", "reason"),
    [
        ("ALL_PROXY", "socks5://user:hunter2@127.0.0.1:1080", "socksio"),
        ("all_proxy", "gopher://user:hunter2@127.0.0.1:1080", "gopher"),
        ("HTTPS_PROXY", "http://user:hunter2@[::1", "127.0.0.1|read|URL|IPv6"),
        ("HTTPS_PROXY", "http://user:hunter2@127.0.0.1:port", "port"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_named_when_the_client_is_made(
    kind: Any, variable: str, value: str, reason: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv(variable, value)

    with pytest.raises(errors.DataError, match=reason) as caught:
        kind(KEY)

    assert variable.upper() in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "no_proxy", ["fe80::/10", "10.0.0.0/8,::1", "*.example:port", ",,", "[", "*"]
)
def test_whatever_no_proxy_says_is_no_obstacle(
    kind: Any, no_proxy: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("NO_PROXY", no_proxy)
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:3128")

    assert kind(KEY).dry_run.sessions.retrieve("a").method == "GET"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("content", [None, "", "not a certificate"])
def test_certificates_that_cannot_be_read_are_named(
    kind: Any, content: str | None, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "certificates.pem"
    if content is not None:
        path.write_text(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))

    with pytest.raises(errors.DataError, match="SSL_CERT_FILE"):
        kind(KEY)


@pytest.mark.parametrize("kind", KINDS)
def test_a_log_of_keys_that_cannot_be_written_is_named(
    kind: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "nowhere" / "keys.log"))

    with pytest.raises(errors.DataError, match="SSLKEYLOGFILE"):
        kind(KEY)


def test_a_transport_of_the_users_own_asks_nothing_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setenv("ALL_PROXY", "gopher://nowhere")
    transport = httpx.MockTransport(lambda _request: httpx.Response(200, json=1))

    assert Client(KEY, transport=transport).request("GET", "/a") == 1


def whole_address(request: bytes) -> Iterator[bytes]:
    body = b'"%s"' % request.split(b" ")[1]
    yield head(200, length=len(body)) + body


@pytest.mark.parametrize("with_scheme", [True, False])
def test_the_proxy_of_the_environment_is_used_unless_the_host_is_excepted(
    with_scheme: bool,  # noqa: FBT001
    monkeypatch: pytest.MonkeyPatch,
):
    with serving(whole_address) as proxy, serving(whole_address) as server:
        monkeypatch.setenv(
            "http_proxy", proxy.address.removeprefix("" if with_scheme else "http://")
        )
        with Client(KEY, server.address) as client:
            assert client.request("GET", "/a") == f"{server.address}/a"
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        with Client(KEY, server.address) as client:
            assert client.request("GET", "/a") == "/a"


def test_a_proxy_that_refuses_is_told_as_such(monkeypatch: pytest.MonkeyPatch):
    with serving(lambda _request: [head(403, length=0)]) as proxy:
        monkeypatch.setenv("https_proxy", proxy.address)
        with (
            Client(KEY, "https://127.0.0.1:9", max_retries=0) as client,
            pytest.raises(errors.APIConnectionError, match="check the proxy"),
        ):
            client.request("GET", "/a")
