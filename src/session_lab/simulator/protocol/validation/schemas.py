"""The schemas of the session routes, as data.

They follow ``packages/core/src/v3/schemas/api.ts`` and the route files of the open-source server.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from session_lab.simulator.protocol.json_text import Json
from session_lab.simulator.protocol.validation.issues import ABSENT
from session_lab.simulator.protocol.validation.schema import (
    AnyOf,
    Instant,
    ListOf,
    Null,
    Number,
    OneOf,
    Optional,
    Prepared,
    Record,
    Refined,
    Schema,
    Shape,
    Text,
)
from session_lab.wire import limits
from session_lab.wire.coercion import number_text, trim

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["BODIES", "CHANNEL_PARAMS", "LIST_QUERY", "RECORDS_QUERY", "Bodies"]


class Bodies(NamedTuple):
    """The body schemas of one profile."""

    create: Schema
    update: Schema
    close: Schema
    end_and_continue: Schema


_EXTERNAL_ID = Refined(
    Text(trimmed=True, least=1, most=limits.MAX_EXTERNAL_ID_LENGTH),
    lambda text: not text.startswith(limits.RESERVED_ID_PREFIX),
    f"externalId cannot start with '{limits.RESERVED_ID_PREFIX}' "
    "(reserved prefix for internal friendlyIds)",
)
_TAG = Text(most=limits.MAX_TAG_LENGTH)
_TAGS = Optional(ListOf(_TAG, most=limits.MAX_TAGS))


def _trigger_config(run_tags: int, newer: Mapping[str, Schema]) -> Shape:
    """Describe ``triggerConfig``; the newer fields stand between those they were added to."""
    members: dict[str, Schema] = {
        "basePayload": Record(),
        "machine": Optional(OneOf(limits.MACHINES)),
        "queue": Optional(Text(most=limits.MAX_QUEUE_LENGTH)),
        "concurrency": ...,
    }
    return Shape(members)
