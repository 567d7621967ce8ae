"""Load on a server: creates over connections that stay open, each asking as soon as it is answered.

``python -m tests.benchmarks.load URL KEY PREFIX SECONDS`` runs in a process of its own, writes bytes
to sockets and looks at no more of the answers than their status and length, so that it takes less
of the machine than what it measures. It prints what it counted, as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any, cast
from urllib.parse import urlsplit

__all__ = ["CONNECTIONS", "create_body", "main"]

CONNECTIONS = 32
END_OF_HEAD = b"\r\n\r\n"
LENGTH = b"content-length: "
LAST_CHUNK = b"0\r\n\r\n"


def create_body(name: str) -> dict[str, Any]:
    """Return the body of a create of an external id."""
    return {
        "type": "chat.agent",
        "externalId": name,
        "taskIdentifier": "support-chat",
        "triggerConfig": {"basePayload": {"chatId": name}, "tags": ["chat"]},
        "tags": [f"chat:{name}", "plan:pro"],
        "metadata": {"locale": "en"},
    }


class Creates:
    """What all connections share: the requests to send, and what came of them."""

    def __init__(self, url: str, key: str, prefix: str, until: float) -> None:
        parts = urlsplit(url)
        self.address = parts.hostname, parts.port
        self.until = until
        self.requests, self.failed, self.open = 0, 0, 0
        self.done = asyncio.Event()
        self._names = iter(range(sys.maxsize))
        self._prefix = prefix
        head = (
            f"POST {parts.path} HTTP/1.1\r\nhost: {parts.netloc}\r\nauthorization: Bearer {key}\r\n"
        )
        self._head = f"{head}content-type: application/json\r\ncontent-length: "

    def next(self) -> bytes:
        """Return the bytes of a create under a name that was never used before."""
        body = json.dumps(create_body(f"{self._prefix}-{next(self._names)}"))
        return f"{self._head}{len(body)}\r\n\r\n{body}".encode()


class Connection(asyncio.Protocol):
    """One connection; asks again when it was answered, until the time is up."""

    def __init__(self, creates: Creates) -> None:
        self._creates = creates
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._creates.open += 1
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(self._creates.next())

    def data_received(self, data: bytes) -> None:
        received = self._received = self._received + data
        head_end = received.find(END_OF_HEAD)
        if head_end < 0:
            return
        head, body = received[:head_end].lower(), received[head_end + len(END_OF_HEAD) :]
        _, announced, length = head.partition(LENGTH)
        if announced:
            is_whole = len(body) >= int(length.partition(b"\r\n")[0])
        else:
            is_whole = body.endswith(LAST_CHUNK)
        if not is_whole:
            return
        self._received = b""
        self._creates.requests += 1
        self._creates.failed += not received.startswith((b"HTTP/1.1 20",))
        if time.perf_counter() < self._creates.until:
            self._transport.write(self._creates.next())
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  why does not matter
        self._creates.failed += time.perf_counter() < self._creates.until
        self._creates.open -= 1
        if not self._creates.open:
            self._creates.done.set()


async def load(url: str, key: str, prefix: str, seconds: float) -> dict[str, int]:
    """Put a server under load for some seconds, and count."""
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    creates = Creates(url, key, prefix, began + seconds)
    for _ in range(CONNECTIONS):
        await loop.create_connection(lambda: Connection(creates), *creates.address)
    async with asyncio.timeout(seconds + 30):
        await creates.done.wait()
    microseconds = round((time.perf_counter() - began) * 1e6)
    return {
        "requests": creates.requests,
        "failed": creates.failed,
        "microseconds": microseconds,
    }


def main(arguments: list[str]) -> None:
    """Run the command."""
    url, key, prefix, seconds = arguments
    print(json.dumps(asyncio.run(load(url, key, prefix, float(seconds)))))


if __name__ == "__main__":
    main(sys.argv[1:])
