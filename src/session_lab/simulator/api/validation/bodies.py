"""The schemas of the session routes, as data.

They follow ``packages/core/src/v3/schemas/api.ts`` and the route files of the open-source server;
the members of ``triggerConfig`` that profile 2026-10 adds stand where the published package
``@trigger.dev/core`` 4.8 has them.
"""

from __future__ import annotations

import math
import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from session_lab.simulator.api.javascript.numbers import number_text, to_number
from session_lab.simulator.api.validation.issues import ABSENT
from session_lab.simulator.api.validation.zod import (
    AnyOf,
    Converted,
    Instant,
    ListOf,
    Null,
    Nullable,
    Number,
    OneOf,
    Optional,
    Prepared,
    Record,
    Refined,
    Schema,
    Shape,
    Text,
    Words,
)
from session_lab.wire import limits
from session_lab.wire.run_status import CURRENT_STATUSES, OLD_STATUSES
from session_lab.wire.text import trim, utf16_length

if TYPE_CHECKING:
    from collections.abc import Mapping

    from session_lab.simulator.api.javascript.json_text import Json

__all__ = ["BODIES", "CHANNEL_PARAMS", "LIST_QUERY", "RECORDS_QUERY", "RUNS_QUERY", "Bodies"]


class Bodies(NamedTuple):
    """The body schemas of one profile."""

    create: Schema
    update: Schema
    close: Schema
    end_and_continue: Schema
    wait: Schema


def _prepare_deployment_id(value: Json) -> Json:
    """Take null and blank text for absent."""
    if isinstance(value, str):
        value = trim(value)
    return ABSENT if value is None or value == "" else value


_EXTERNAL_ID = Refined(
    Text(trimmed=True, least=1, most=limits.MAX_EXTERNAL_ID_LENGTH),
    lambda text: not text.startswith(limits.RESERVED_ID_PREFIX),
    f"externalId cannot start with '{limits.RESERVED_ID_PREFIX}' "
    "(reserved prefix for internal friendlyIds)",
)
_TAG = Text(most=limits.MAX_TAG_LENGTH)
_TAGS = Optional(ListOf(_TAG, most=limits.MAX_TAGS))
_CONCURRENCY_NAME = Refined(
    Text(),
    lambda text: re.fullmatch(limits.CONCURRENCY_NAME, text) is not None,
    "Concurrency limit names are 1-122 characters using only letters, numbers, underscores and "
    "hyphens",
)
_SHORT_ID = Refined(
    Text(),
    lambda text: utf16_length(text) <= limits.MAX_EXTERNAL_DEPLOYMENT_ID_LENGTH,
    f"externalId must be at most {limits.MAX_EXTERNAL_DEPLOYMENT_ID_LENGTH} characters",
)
_DEPLOYMENT_ID = Optional(Prepared(_prepare_deployment_id, Optional(_SHORT_ID)))
_TRIGGER_CONFIG: Mapping[str, Schema] = {
    "basePayload": Record(),
    "machine": Optional(OneOf(limits.MACHINES)),
    "queue": Optional(Text(most=limits.MAX_QUEUE_LENGTH)),
    "concurrency": Optional(ListOf(_CONCURRENCY_NAME, most=limits.MAX_CONCURRENCY_NAMES)),
    "concurrencyKey": Optional(
        Converted(
            AnyOf((Text(), Number())),
            lambda key: key if isinstance(key, str) else number_text(key),
        )
    ),
    "tags": Optional(ListOf(_TAG, most=limits.MAX_RUN_TAGS)),
    "maxAttempts": Optional(Number(whole=True, above=0, most=limits.MAX_ATTEMPTS)),
    "maxDuration": Optional(Number(whole=True, above=0)),
    "lockToVersion": Optional(Text()),
    "externalDeploymentId": _DEPLOYMENT_ID,
    "region": Optional(Text()),
    "idleTimeoutInSeconds": Optional(
        Number(whole=True, above=0, most=limits.MAX_IDLE_TIMEOUT_SECONDS)
    ),
    "ttl": Optional(AnyOf((Text(), Number(whole=True, least=0)))),
}
_NEWER_IN_TRIGGER_CONFIG = {"concurrency", "concurrencyKey", "externalDeploymentId", "ttl"}
_FIRST_TRIGGER_CONFIG: Mapping[str, Schema] = {
    name: schema for name, schema in _TRIGGER_CONFIG.items() if name not in _NEWER_IN_TRIGGER_CONFIG
} | {"tags": Optional(ListOf(_TAG, most=5))}


def _create(trigger_config: Mapping[str, Schema]) -> Shape:
    return Shape(
        {
            "type": Text(least=1, most=limits.MAX_TYPE_LENGTH),
            "externalId": Optional(_EXTERNAL_ID),
            "taskIdentifier": Text(least=1, most=limits.MAX_TASK_IDENTIFIER_LENGTH),
            "triggerConfig": Shape(trigger_config),
            "tags": _TAGS,
            "metadata": Optional(Record()),
            "expiresAt": Optional(Instant()),
        }
    )


_UPDATE = Shape(
    {
        "tags": _TAGS,
        "metadata": Optional(Nullable(Record())),
        "externalId": Optional(AnyOf((Null(), _EXTERNAL_ID))),
    }
)
_CLOSE: Mapping[str, Schema] = {"reason": Optional(Text(most=limits.MAX_CLOSE_REASON_LENGTH))}
_END_AND_CONTINUE: Mapping[str, Schema] = {
    "callingRunId": Text(),
    "reason": Text(most=limits.MAX_HANDOVER_REASON_LENGTH),
}

_IO = OneOf(("out", "in"))
_WAIT = Shape(
    {
        "session": Text(),
        "io": _IO,
        "timeout": Optional(Text()),
        "idempotencyKey": Optional(
            Refined(
                Text(),
                lambda key: utf16_length(key) <= limits.MAX_IDEMPOTENCY_KEY_LENGTH,
                f"idempotencyKey must be {limits.MAX_IDEMPOTENCY_KEY_LENGTH} characters or less",
            )
        ),
        "idempotencyKeyTTL": Optional(Text()),
        "tags": Optional(AnyOf((Text(), ListOf(Text())))),
        "lastSeqNum": Optional(Number()),
    }
)

BODIES: Final[Mapping[str, Bodies]] = MappingProxyType(
    {
        "2026-08": Bodies(
            create=_create(_FIRST_TRIGGER_CONFIG),
            update=_UPDATE,
            close=Shape(_CLOSE),
            end_and_continue=Shape(_END_AND_CONTINUE),
            wait=_WAIT,
        ),
        "2026-10": Bodies(
            create=_create(_TRIGGER_CONFIG),
            update=_UPDATE,
            close=Shape({**_CLOSE, "callingRunId": Optional(Text())}),
            end_and_continue=Shape({**_END_AND_CONTINUE, "externalDeploymentId": _DEPLOYMENT_ID}),
            wait=_WAIT,
        ),
    }
)
"""The body schemas by the name of the profile."""

_STATUS = OneOf(("ACTIVE", "CLOSED", "EXPIRED"))

LIST_QUERY: Final[Schema] = Refined(
    Shape(
        {
            "page[size]": Optional(
                Number(coerced=True, whole=True, least=1, most=limits.MAX_PAGE_SIZE),
                default=limits.DEFAULT_PAGE_SIZE,
            ),
            "page[after]": Optional(Text()),
            "page[before]": Optional(Text()),
            "filter[type]": Optional(Text()),
            "filter[tags]": Optional(Text()),
            "filter[taskIdentifier]": Optional(Text()),
            "filter[externalId]": Optional(Text()),
            "filter[status]": Optional(AnyOf((_STATUS, ListOf(_STATUS)))),
            "filter[createdAt][period]": Optional(Text()),
            "filter[createdAt][from]": Optional(Number(coerced=True, whole=True)),
            "filter[createdAt][to]": Optional(Number(coerced=True, whole=True)),
        }
    ),
    lambda query: not (query.get("page[after]") and query.get("page[before]")),
    "Cannot pass both page[after] and page[before] on the same request",
    at=("page[before]",),
)
"""The query of ``GET /api/v1/sessions``."""


def _number_or_text(value: Json) -> Json:
    """Take text for the number it reads as, if it is one."""
    number = to_number(value) if isinstance(value, str) else math.nan
    return value if math.isnan(number) else number


def _stored_statuses() -> Mapping[str, frozenset[str]]:
    """Tell for each name of a status, current or old, which stored statuses it means."""
    meant: dict[str, frozenset[str]] = {}
    for stored in CURRENT_STATUSES:
        for name in {CURRENT_STATUSES[stored], OLD_STATUSES[stored]}:
            meant[name] = meant.get(name, frozenset()) | {stored}
    return meant


_MOMENT = Optional(Prepared(_number_or_text, Instant()))

RUNS_QUERY: Final[Schema] = Shape(
    {
        "page[size]": Optional(
            Number(coerced=True, whole=True, above=0, least=1, most=limits.MAX_PAGE_SIZE)
        ),
        "page[after]": Optional(Text()),
        "page[before]": Optional(Text()),
        "filter[status]": Optional(
            Words(table=_stored_statuses(), refusal="Invalid status values")
        ),
        "filter[taskIdentifier]": Optional(Words()),
        "filter[version]": Optional(Words()),
        "filter[tag]": Optional(Words()),
        "filter[queue]": Optional(Words()),
        "filter[region]": Optional(Words()),
        "filter[machine]": Optional(Words()),
        "filter[bulkAction]": Optional(Text()),
        "filter[schedule]": Optional(Text()),
        "filter[batch]": Optional(Text()),
        "filter[error]": Optional(Text()),
        "filter[isTest]": Optional(
            Words(
                joined=False,
                table={name: frozenset({name}) for name in ("true", "false")},
                refusal="Invalid value for isTest",
            )
        ),
        "filter[createdAt][from]": _MOMENT,
        "filter[createdAt][to]": _MOMENT,
        "filter[createdAt][period]": Optional(Text()),
    }
)
"""The query of ``GET /api/v1/runs``."""

RECORDS_QUERY: Final[Schema] = Shape(
    {"afterEventId": Optional(Text(pattern=re.compile(r"[0-9]+")))}
)
"""The query of ``GET /realtime/v1/sessions/{session}/{io}/records``."""

CHANNEL_PARAMS: Final[Schema] = Shape({"session": Text(), "io": _IO})
"""The path parameters of all channel routes."""
