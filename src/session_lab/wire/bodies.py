"""What a client sends: bodies that are checked against the documented limits when they are made.

Fields left out stay out, because the API refuses ``null`` for most of them and takes
``"expiresAt": null`` for 1970. Only an update knows ``null``: there it clears a field.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import core_schema

from session_lab.wire import limits
from session_lab.wire.base import Moment, OmittingModel, WireModel
from session_lab.wire.sessions import TriggerConfig
from session_lab.wire.text import trim, utf16_length

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue

__all__ = ["CloseBody", "EndAndContinueBody", "StartBody", "TriggerConfigBody", "UpdateBody"]


@dataclass(frozen=True, slots=True)
class _Length:
    """Bounds of a text's length in UTF-16 units, as annotation of a field."""

    least: int
    most: int

    def check(self, text: str) -> str:
        length = utf16_length(text)
        if not self.least <= length <= self.most:
            bounds = f"{self.least} to {self.most}" if self.least else f"at most {self.most}"
            message = f"{bounds} UTF-16 units are allowed, and this has {length}"
            raise ValueError(message)
        return text

    def __get_pydantic_core_schema__(
        self, source: type[str], handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return handler(schema) | {"minLength": self.least, "maxLength": self.most}


@dataclass(frozen=True, slots=True)
class _Whole:
    """Bounds of a whole number, as annotation of a field; JavaScript knows no other kind."""

    least: int
    most: float = math.inf

    def check(self, value: object) -> int | float:
        if (
            isinstance(value, int | float)
            and not isinstance(value, bool)
            and value == value // 1
            and self.least <= value <= self.most
        ):
            return value
        bounds = (
            f"{self.least} or more" if self.most == math.inf else f"{self.least} to {self.most}"
        )
        message = f"a whole number is allowed, {bounds}, and this is {value!r}"
        raise ValueError(message)

    def __get_pydantic_core_schema__(
        self, _source: object, _handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(self.check)

    def __get_pydantic_json_schema__(
        self, _schema: core_schema.CoreSchema, _handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        bounds = {"minimum": self.least, "maximum": self.most}
        return {"type": "integer"} | {k: v for k, v in bounds.items() if v < math.inf}


def _check_external_id(text: str) -> str:
    trimmed = trim(text)
    if trimmed.startswith(limits.RESERVED_ID_PREFIX):
        message = f"an external id cannot start with {limits.RESERVED_ID_PREFIX!r}"
        raise ValueError(message)
    return _Length(1, limits.MAX_EXTERNAL_ID_LENGTH).check(trimmed)


def _check_concurrency(name: str) -> str:
    if not re.fullmatch(limits.CONCURRENCY_NAME, name):
        message = f"a concurrency name matches {limits.CONCURRENCY_NAME}"
        raise ValueError(message)
    return name


def _check_machine(name: str) -> str:
    if name not in limits.MACHINES:
        message = f"the machines are {', '.join(limits.MACHINES)}"
        raise ValueError(message)
    return name


_ExternalId = Annotated[
    str,
    AfterValidator(_check_external_id),
    WithJsonSchema(
        {
            "type": "string",
            "minLength": 1,
            "maxLength": limits.MAX_EXTERNAL_ID_LENGTH,
            "pattern": rf"^\s*(?!{limits.RESERVED_ID_PREFIX})\S",
        }
    ),
]
_Tag = Annotated[str, _Length(0, limits.MAX_TAG_LENGTH)]
_Tags = Annotated[list[_Tag], Field(max_length=limits.MAX_TAGS)]
_RunTags = Annotated[list[_Tag], Field(max_length=limits.MAX_RUN_TAGS)]
_Machine = Annotated[
    str,
    AfterValidator(_check_machine),
    WithJsonSchema({"type": "string", "enum": list(limits.MACHINES)}),
]
_Queue = Annotated[str, _Length(0, limits.MAX_QUEUE_LENGTH)]
_DeploymentId = Annotated[str, _Length(0, limits.MAX_EXTERNAL_DEPLOYMENT_ID_LENGTH)]
_ConcurrencyName = Annotated[
    str,
    AfterValidator(_check_concurrency),
    WithJsonSchema({"type": "string", "pattern": f"^{limits.CONCURRENCY_NAME}$"}),
]
_Concurrency = Annotated[
    list[_ConcurrencyName],
    Field(max_length=limits.MAX_CONCURRENCY_NAMES),
]
_Attempts = Annotated[int | float, _Whole(1, limits.MAX_ATTEMPTS)]
_Seconds = Annotated[int | float, _Whole(1)]
_IdleSeconds = Annotated[int | float, _Whole(1, limits.MAX_IDLE_TIMEOUT_SECONDS)]
_TimeToLive = str | Annotated[int | float, _Whole(0)]

_BODY = ConfigDict(extra="forbid", loc_by_alias=False)


class TriggerConfigBody(TriggerConfig):
    """A ``trigger_config`` whose values are within the limits.

    Fields newer than this version pass, so that what a session came with can be sent again.
    """

    model_config = ConfigDict(loc_by_alias=False)

    machine: _Machine | None = None
    queue: _Queue | None = None
    tags: _RunTags | None = None
    max_attempts: _Attempts | None = None
    max_duration: _Seconds | None = None
    idle_timeout_in_seconds: _IdleSeconds | None = None
    concurrency: _Concurrency | None = None
    external_deployment_id: _DeploymentId | None = None
    ttl: _TimeToLive | None = None


class StartBody(OmittingModel):
    """The body of ``POST /api/v1/sessions``."""

    model_config = _BODY

    type: Annotated[str, _Length(1, limits.MAX_TYPE_LENGTH)]
    task_identifier: Annotated[str, _Length(1, limits.MAX_TASK_IDENTIFIER_LENGTH)]
    trigger_config: TriggerConfigBody
    external_id: _ExternalId | None = None
    tags: _Tags | None = None
    metadata: dict[str, Any] | None = None
    expires_at: Moment | None = None


class UpdateBody(WireModel):
    """The body of ``PATCH /api/v1/sessions/{session}``; only fields that were given are sent.

    ``tags`` and ``metadata`` replace what was stored. ``external_id`` can be given but not changed:
    the API answers 422 to any other value than the stored one.
    """

    model_config = _BODY

    tags: _Tags = Field(default_factory=list)
    metadata: dict[str, Any] | None = None
    external_id: _ExternalId | None = None


class CloseBody(OmittingModel):
    """The body of ``POST /api/v1/sessions/{session}/close``; it must be there even when empty."""

    model_config = _BODY

    reason: Annotated[str, _Length(0, limits.MAX_CLOSE_REASON_LENGTH)] | None = None
    calling_run_id: str | None = None


class EndAndContinueBody(OmittingModel):
    """The body of ``POST /api/v1/sessions/{session}/end-and-continue``."""

    model_config = _BODY

    calling_run_id: str
    reason: Annotated[str, _Length(0, limits.MAX_HANDOVER_REASON_LENGTH)]
    external_deployment_id: _DeploymentId | None = None
