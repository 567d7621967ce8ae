"""The schemas of the session routes, as data.

They follow ``packages/core/src/v3/schemas/api.ts`` and the route files of the open-source server;
the members of ``triggerConfig`` that profile 2026-10 adds stand where the published package
``@trigger.dev/core`` 4.8 has them.
"""

from __future__ import annotations

import math
import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from session_lab.simulator.api.javascript.numbers import number_text, to_number
from session_lab.simulator.api.validation.issues import ABSENT
from session_lab.simulator.api.validation.zod import (
    AnyRecord,
    Array,
    CommaSeparated,
    Date,
    Enum,
    Literal,
    Nullable,
    Number,
    Object,
    Optional,
    Preprocess,
    Refine,
    String,
    Transform,
    Union,
    ZodType,
)
from session_lab.wire import limits
from session_lab.wire.bodies import CloseBody, EndAndContinueBody, StartBody, UpdateBody
from session_lab.wire.run.queries import QueryBody
from session_lab.wire.run.run_status import CURRENT_STATUSES, OLD_STATUSES
from session_lab.wire.text import trim, utf16_length
from session_lab.wire.waitpoints import WaitBody

if TYPE_CHECKING:
    from collections.abc import Mapping

    from session_lab.simulator.api.javascript.json_text import Json
    from session_lab.wire.base import WireModel

__all__ = [
    "BODIES",
    "CHANNEL_PARAMS",
    "LIST_QUERY",
    "RECORDS_QUERY",
    "RUNS_QUERY",
    "SIDE_CHANNEL_PARAMS",
    "TRANSCRIPT_QUERY",
]


def _blank_to_absent(value: Json) -> Json:
    """Return the value without blanks around it; null and blank text count as absent."""
    if isinstance(value, str):
        value = trim(value)
    return ABSENT if value is None or value == "" else value


_EXTERNAL_ID = Refine(
    String(trims=True, minimum=1, maximum=limits.MAX_EXTERNAL_ID_LENGTH),
    re.compile(f"(?!{limits.RESERVED_ID_PREFIX})").match,
    f"externalId cannot start with '{limits.RESERVED_ID_PREFIX}' "
    "(reserved prefix for internal friendlyIds)",
)
_TAG = String(maximum=limits.MAX_TAG_LENGTH)
_TAGS = Optional(Array(_TAG, maximum=limits.MAX_TAGS))
_CONCURRENCY_NAME = Refine(
    String(),
    lambda text: re.fullmatch(limits.CONCURRENCY_NAME, text) is not None,
    "Concurrency limit names are 1-122 characters using only letters, numbers, underscores and "
    "hyphens",
)
_SHORT_ID = Refine(
    String(),
    lambda text: utf16_length(text) <= limits.MAX_EXTERNAL_DEPLOYMENT_ID_LENGTH,
    f"externalId must be at most {limits.MAX_EXTERNAL_DEPLOYMENT_ID_LENGTH} characters",
)
_DEPLOYMENT_ID = Optional(Preprocess(_blank_to_absent, Optional(_SHORT_ID)))
_TRIGGER_CONFIG: Mapping[str, ZodType] = {
    "basePayload": AnyRecord(),
    "machine": Optional(Enum(limits.MACHINES)),
    "queue": Optional(String(maximum=limits.MAX_QUEUE_LENGTH)),
    "concurrency": Optional(Array(_CONCURRENCY_NAME, maximum=limits.MAX_CONCURRENCY_NAMES)),
    "concurrencyKey": Optional(
        Transform(
            Union((String(), Number())),
            lambda key: key if isinstance(key, str) else number_text(key),
        )
    ),
    "tags": Optional(Array(_TAG, maximum=limits.MAX_RUN_TAGS)),
    "maxAttempts": Optional(Number(integer=True, greater_than=0, maximum=limits.MAX_ATTEMPTS)),
    "maxDuration": Optional(Number(integer=True, greater_than=0)),
    "lockToVersion": Optional(String()),
    "externalDeploymentId": _DEPLOYMENT_ID,
    "region": Optional(String()),
    "idleTimeoutInSeconds": Optional(
        Number(integer=True, greater_than=0, maximum=limits.MAX_IDLE_TIMEOUT_SECONDS)
    ),
    "ttl": Optional(Union((String(), Number(integer=True, minimum=0)))),
}
_NEWER_IN_TRIGGER_CONFIG = {"concurrency", "concurrencyKey", "externalDeploymentId", "ttl"}
_FIRST_TRIGGER_CONFIG: Mapping[str, ZodType] = {
    name: schema for name, schema in _TRIGGER_CONFIG.items() if name not in _NEWER_IN_TRIGGER_CONFIG
} | {"tags": Optional(Array(_TAG, maximum=5))}


def _create(trigger_config: Mapping[str, ZodType]) -> Object:
    return Object(
        {
            "type": String(minimum=1, maximum=limits.MAX_TYPE_LENGTH),
            "externalId": Optional(_EXTERNAL_ID),
            "taskIdentifier": String(minimum=1, maximum=limits.MAX_TASK_IDENTIFIER_LENGTH),
            "triggerConfig": Object(trigger_config),
            "tags": _TAGS,
            "metadata": Optional(AnyRecord()),
            "expiresAt": Optional(Date()),
        }
    )


_UPDATE = Object(
    {
        "tags": _TAGS,
        "metadata": Optional(Nullable(AnyRecord())),
        "externalId": Optional(Union((Literal(None), _EXTERNAL_ID))),
    }
)
_CLOSE: Mapping[str, ZodType] = {"reason": Optional(String(maximum=limits.MAX_CLOSE_REASON_LENGTH))}
_END_AND_CONTINUE: Mapping[str, ZodType] = {
    "callingRunId": String(),
    "reason": String(maximum=limits.MAX_HANDOVER_REASON_LENGTH),
}

_IO = Enum(("out", "in"))
_WAIT = Object(
    {
        "session": String(),
        "io": _IO,
        "timeout": Optional(String()),
        "idempotencyKey": Optional(
            Refine(
                String(),
                lambda key: utf16_length(key) <= limits.MAX_IDEMPOTENCY_KEY_LENGTH,
                f"idempotencyKey must be {limits.MAX_IDEMPOTENCY_KEY_LENGTH} characters or less",
            )
        ),
        "idempotencyKeyTTL": Optional(String()),
        "tags": Optional(Union((String(), Array(String())))),
        "lastSeqNum": Optional(Number()),
    }
)

_QUERY = Object(
    {
        "query": String(minimum=1),
        "scope": Optional(Enum(("environment", "project", "organization"))),
        "period": Optional(Nullable(String())),
        "from": Optional(Nullable(String())),
        "to": Optional(Nullable(String())),
        "format": Optional(Enum(("json", "csv"))),
    }
)

BODIES: Final[Mapping[str, Mapping[type[WireModel], ZodType]]] = MappingProxyType(
    {
        "2026-08": {
            StartBody: _create(_FIRST_TRIGGER_CONFIG),
            UpdateBody: _UPDATE,
            CloseBody: Object(_CLOSE),
            EndAndContinueBody: Object(_END_AND_CONTINUE),
            WaitBody: _WAIT,
            QueryBody: _QUERY,
        },
        "2026-10": {
            StartBody: _create(_TRIGGER_CONFIG),
            UpdateBody: _UPDATE,
            CloseBody: Object({**_CLOSE, "callingRunId": Optional(String())}),
            EndAndContinueBody: Object(
                {**_END_AND_CONTINUE, "externalDeploymentId": _DEPLOYMENT_ID}
            ),
            WaitBody: _WAIT,
            QueryBody: _QUERY,
        },
    }
)
"""The schema of each body, by the name of the profile and the model of the body."""

_STATUS = Enum(("ACTIVE", "CLOSED", "EXPIRED"))

LIST_QUERY: Final[ZodType] = Refine(
    Object(
        {
            "page[size]": Optional(
                Number(coerce=True, integer=True, minimum=1, maximum=limits.MAX_PAGE_SIZE),
                default=limits.DEFAULT_PAGE_SIZE,
            ),
            "page[after]": Optional(String()),
            "page[before]": Optional(String()),
            "filter[type]": Optional(String()),
            "filter[tags]": Optional(String()),
            "filter[taskIdentifier]": Optional(String()),
            "filter[externalId]": Optional(String()),
            "filter[status]": Optional(Union((_STATUS, Array(_STATUS)))),
            "filter[createdAt][period]": Optional(String()),
            "filter[createdAt][from]": Optional(Number(coerce=True, integer=True)),
            "filter[createdAt][to]": Optional(Number(coerce=True, integer=True)),
        }
    ),
    lambda query: not (query.get("page[after]") and query.get("page[before]")),
    "Cannot pass both page[after] and page[before] on the same request",
    at=("page[before]",),
)
"""The query of ``GET /api/v1/sessions``."""


def _number_or_text(value: Json) -> Json:
    """Return text as the number it reads as, if it is one."""
    number = to_number(value) if isinstance(value, str) else math.nan
    return value if math.isnan(number) else number


def _stored_statuses() -> Mapping[str, frozenset[str]]:
    """Map each name of a status, current or old, to the stored statuses that it means."""
    meant: dict[str, frozenset[str]] = {}
    for stored in CURRENT_STATUSES:
        for name in {CURRENT_STATUSES[stored], OLD_STATUSES[stored]}:
            meant[name] = meant.get(name, frozenset()) | {stored}
    return meant


_MOMENT = Optional(Preprocess(_number_or_text, Date()))

RUNS_QUERY: Final[ZodType] = Object(
    {
        "page[size]": Optional(
            Number(
                coerce=True, integer=True, greater_than=0, minimum=1, maximum=limits.MAX_PAGE_SIZE
            )
        ),
        "page[after]": Optional(String()),
        "page[before]": Optional(String()),
        "filter[status]": Optional(
            CommaSeparated(table=_stored_statuses(), refusal="Invalid status values")
        ),
        "filter[taskIdentifier]": Optional(CommaSeparated()),
        "filter[version]": Optional(CommaSeparated()),
        "filter[tag]": Optional(CommaSeparated()),
        "filter[queue]": Optional(CommaSeparated()),
        "filter[region]": Optional(CommaSeparated()),
        "filter[machine]": Optional(CommaSeparated()),
        "filter[bulkAction]": Optional(String()),
        "filter[schedule]": Optional(String()),
        "filter[batch]": Optional(String()),
        "filter[error]": Optional(String()),
        "filter[isTest]": Optional(
            CommaSeparated(
                joined=False,
                table={name: frozenset({name}) for name in ("true", "false")},
                refusal="Invalid value for isTest",
            )
        ),
        "filter[createdAt][from]": _MOMENT,
        "filter[createdAt][to]": _MOMENT,
        "filter[createdAt][period]": Optional(String()),
    }
)
"""The query of ``GET /api/v1/runs``."""

RECORDS_QUERY: Final[ZodType] = Object(
    {"afterEventId": Optional(String(pattern=re.compile(r"[0-9]+")))}
)
"""The query of ``GET /realtime/v1/sessions/{session}/{io}/records``."""

CHANNEL_PARAMS: Final[ZodType] = Object({"session": String(), "io": _IO})
"""The path parameters of all channel routes."""

SIDE_CHANNEL_PARAMS: Final[ZodType] = Object(
    {
        "session": String(),
        "channel": String(pattern=re.compile(limits.CHANNEL_NAME)),
        "io": _IO,
    }
)
"""The path parameters of all routes of side channels."""

TRANSCRIPT_QUERY: Final[ZodType] = Object(
    {
        "limit": Optional(Number(coerce=True, integer=True, minimum=1)),
        "before": Optional(String()),
    }
)
"""The query of ``GET /api/v1/sessions/{session}/transcript``."""
