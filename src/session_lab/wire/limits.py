"""The documented bounds of the Sessions API, as plain numbers.

Sources are the published OpenAPI description and the request schemas of the open-source server
(``packages/core/src/v3/schemas/api.ts``). Lengths of text count UTF-16 code units, because the
server is JavaScript (:func:`session_lab.wire.text.utf16_length`).
"""

from __future__ import annotations

import json
from typing import Final

__all__ = [
    "CHANNEL_NAME",
    "CONCURRENCY_NAME",
    "DEFAULT_PAGE_SIZE",
    "DEFAULT_RUNS_PAGE_SIZE",
    "MACHINES",
    "MAX_APPEND_BODY_BYTES",
    "MAX_ATTEMPTS",
    "MAX_CLOSE_REASON_LENGTH",
    "MAX_CONCURRENCY_NAMES",
    "MAX_EXTERNAL_DEPLOYMENT_ID_LENGTH",
    "MAX_EXTERNAL_ID_LENGTH",
    "MAX_HANDOVER_BODY_BYTES",
    "MAX_HANDOVER_REASON_LENGTH",
    "MAX_IDEMPOTENCY_KEY_LENGTH",
    "MAX_IDLE_TIMEOUT_SECONDS",
    "MAX_PAGE_SIZE",
    "MAX_QUERY_ROWS",
    "MAX_QUEUE_LENGTH",
    "MAX_RECORD_BYTES",
    "MAX_RUN_TAGS",
    "MAX_SESSION_BODY_BYTES",
    "MAX_STREAM_TIMEOUT_SECONDS",
    "MAX_TAGS",
    "MAX_TAG_LENGTH",
    "MAX_TASK_IDENTIFIER_LENGTH",
    "MAX_TYPE_LENGTH",
    "MAX_WAITPOINT_TAGS",
    "MAX_WAIT_BODY_BYTES",
    "RESERVED_ID_PREFIX",
    "record_bytes",
]

MAX_TYPE_LENGTH: Final = 64
MAX_TASK_IDENTIFIER_LENGTH: Final = 128
MAX_EXTERNAL_ID_LENGTH: Final = 256
RESERVED_ID_PREFIX: Final = "session_"
"""An external id cannot start with this: it marks the API's own ids."""
MAX_TAGS: Final = 10
MAX_TAG_LENGTH: Final = 128

MACHINES: Final = (
    "micro",
    "small-1x",
    "small-2x",
    "medium-1x",
    "medium-2x",
    "large-1x",
    "large-2x",
)
MAX_QUEUE_LENGTH: Final = 128
MAX_RUN_TAGS: Final = 10
"""Tags in ``triggerConfig``; servers before version 4.5.15 take 5."""
MAX_ATTEMPTS: Final = 10
MAX_IDLE_TIMEOUT_SECONDS: Final = 3600
MAX_CONCURRENCY_NAMES: Final = 2
CONCURRENCY_NAME: Final = r"[a-zA-Z0-9_-]{1,122}"
MAX_EXTERNAL_DEPLOYMENT_ID_LENGTH: Final = 128
CHANNEL_NAME: Final = r"[A-Za-z0-9._-]{1,128}"
"""The name of a side channel."""

MAX_CLOSE_REASON_LENGTH: Final = 256
MAX_HANDOVER_REASON_LENGTH: Final = 64
MAX_IDEMPOTENCY_KEY_LENGTH: Final = 2_048
MAX_WAITPOINT_TAGS: Final = 10

MAX_SESSION_BODY_BYTES: Final = 32_768
"""The body of a create or an update."""
MAX_HANDOVER_BODY_BYTES: Final = 1_024
"""The body of a close or an end-and-continue."""
MAX_WAIT_BODY_BYTES: Final = 10_240
MAX_APPEND_BODY_BYTES: Final = 1_048_576
MAX_RECORD_BYTES: Final = 1_048_576
"""One record as the stream store meters it, see :func:`record_bytes`."""

DEFAULT_PAGE_SIZE: Final = 20
DEFAULT_RUNS_PAGE_SIZE: Final = 25
MAX_PAGE_SIZE: Final = 100
MAX_STREAM_TIMEOUT_SECONDS: Final = 600
MAX_QUERY_ROWS: Final = 10_000
"""Rows of one reply of the query API."""

_RECORD_OVERHEAD = 8


def record_bytes(text: str, part_id: str) -> int:
    """Count what an appended text takes of the stream store's limit per record.

    The server wraps the text and its part id in JSON, and the store adds eight bytes.
    (``apps/webapp/app/services/realtime/s2realtimeStreams.server.ts``)

    Examples
    --------
    >>> record_bytes("hello", "part-01")
    39
    """
    envelope = json.dumps({"data": text, "id": part_id}, ensure_ascii=False, separators=(",", ":"))
    return _RECORD_OVERHEAD + len(envelope.encode("utf-8", "surrogatepass"))
