"""What is written to the stream store, and what it acknowledges, in JSON and in protobuf.

The messages of ``s2/v1/s2.proto`` that an append needs are described here field by field, so that no
generated code has to be kept.
"""

from __future__ import annotations

import base64
import functools
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from session_lab.extras import require
from session_lab.simulator.api.javascript.json_text import parse_json, render_json
from session_lab.simulator.model.records import NewRecord

if TYPE_CHECKING:
    from session_lab.simulator.model.records import Position

__all__ = [
    "Append",
    "BadMessageError",
    "read_json",
    "read_protobuf",
    "write_json",
    "write_protobuf",
]

_FEATURE = "reading what an agent writes in protobuf"
_Pair = Annotated[list[str], Field(min_length=2, max_length=2)]
_U64 = Annotated[int, Field(ge=0, lt=2**64)]


class BadMessageError(Exception):
    """What was sent is not an append."""


class Append(NamedTuple):
    """One batch of records and the conditions under which it is written."""

    records: tuple[NewRecord, ...]
    match_seq_num: int | None = None
    fencing_token: str | None = None


class _JsonRecord(BaseModel):
    model_config = ConfigDict(strict=True)
    body: str = ""
    headers: list[_Pair] = Field(default_factory=list[_Pair])


class _JsonAppend(BaseModel):
    model_config = ConfigDict(strict=True)
    records: list[_JsonRecord]
    match_seq_num: _U64 | None = None
    fencing_token: str | None = None


def read_json(text: str, *, is_base64: bool = False) -> Append:
    """Read an append from JSON; in the form ``base64`` bodies and headers are encoded so.

    Raises
    ------
    BadMessageError
        It is not one.
    """
    try:
        append = _JsonAppend.model_validate(parse_json(text))
    except ValidationError as error:
        issue = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(step) for step in issue["loc"])
        raise BadMessageError(f"{place}: {issue['msg']}" if place else issue["msg"]) from None
    except (ValueError, RecursionError) as error:
        raise BadMessageError(f"The body is not JSON: {error}") from None
    try:
        records = tuple(_record(record, is_base64=is_base64) for record in append.records)
    except ValueError as error:
        raise BadMessageError(f"A record is not base64: {error}") from None
    return Append(records, append.match_seq_num, append.fencing_token)


def _record(record: _JsonRecord, *, is_base64: bool) -> NewRecord:
    if not is_base64:
        body = record.body.encode("utf-8", "backslashreplace")
        return NewRecord(body, tuple((name, value) for name, value in record.headers))
    headers = tuple((_text(_bytes(name)), _text(_bytes(value))) for name, value in record.headers)
    return NewRecord(_bytes(record.body), headers)


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def write_json(start: Position, end: Position) -> bytes:
    """Acknowledge an append in JSON: where it starts and ends, and where the stream does."""
    first, last = ({"seq_num": seq, "timestamp": at} for seq, at in (start, end))
    return render_json({"start": first, "end": last, "tail": last})


def read_protobuf(message: bytes) -> Append:
    """Read an append from protobuf.

    Raises
    ------
    BadMessageError
        It is not one, or is cut short.
    MissingDependencyError
        The extra ``server`` is not installed.
    """
    parsed = _messages()["AppendInput"]()
    try:
        parsed.ParseFromString(message)
    except Exception as error:  # noqa: BLE001  protobuf's own DecodeError, by whichever engine
        raise BadMessageError(f"The body is not an AppendInput: {error}") from None
    records = tuple(
        NewRecord(
            record.body,
            tuple((_text(header.name), _text(header.value)) for header in record.headers),
        )
        for record in parsed.records
    )
    return Append(
        records,
        parsed.match_seq_num if parsed.HasField("match_seq_num") else None,
        parsed.fencing_token if parsed.HasField("fencing_token") else None,
    )


def write_protobuf(start: Position, end: Position) -> bytes:
    """Acknowledge an append in protobuf."""
    ack = _messages()["AppendAck"]()
    for name, (seq, at) in (("start", start), ("end", end), ("tail", end)):
        position = getattr(ack, name)
        # A position that is all zeros has to be there all the same.
        position.SetInParent()
        position.seq_num, position.timestamp = seq, at
    message: bytes = ack.SerializeToString()
    return message


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


_FIELDS = {
    "StreamPosition": (("seq_num", 1, "uint64"), ("timestamp", 2, "uint64")),
    "Header": (("name", 1, "bytes"), ("value", 2, "bytes")),
    "AppendRecord": (
        ("timestamp", 1, "optional uint64"),
        ("headers", 2, "repeated Header"),
        ("body", 3, "bytes"),
    ),
    "AppendInput": (
        ("records", 1, "repeated AppendRecord"),
        ("match_seq_num", 2, "optional uint64"),
        ("fencing_token", 3, "optional string"),
    ),
    "AppendAck": (
        ("start", 1, "StreamPosition"),
        ("end", 2, "StreamPosition"),
        ("tail", 3, "StreamPosition"),
    ),
}
_PACKAGE = "s2.v1"


@functools.cache
def _messages() -> dict[str, Any]:
    """Return the classes of the messages by their names."""
    descriptor = require("google.protobuf.descriptor_pb2", extra="server", feature=_FEATURE)
    pools = require("google.protobuf.descriptor_pool", extra="server", feature=_FEATURE)
    factory = require("google.protobuf.message_factory", extra="server", feature=_FEATURE)
    file = descriptor.FileDescriptorProto(name="s2.proto", package=_PACKAGE, syntax="proto3")
    for name, fields in _FIELDS.items():
        message = file.message_type.add(name=name)
        for field_name, number, kind in fields:
            _add_field(message, field_name, number, kind, descriptor.FieldDescriptorProto)
    pool = pools.DescriptorPool()
    pool.Add(file)
    return {
        name: factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))
        for name in _FIELDS
    }


def _add_field(message: Any, name: str, number: int, kind: str, types: Any) -> None:  # noqa: ANN401
    label, _, kind = kind.rpartition(" ")
    field = message.field.add(name=name, number=number)
    field.label = types.LABEL_REPEATED if label == "repeated" else types.LABEL_OPTIONAL
    if kind in _FIELDS:
        field.type, field.type_name = types.TYPE_MESSAGE, f".{_PACKAGE}.{kind}"
    else:
        field.type = getattr(types, f"TYPE_{kind.upper()}")
    if label == "optional":
        # proto3 keeps track of whether such a field was set by a union of its own.
        field.proto3_optional, field.oneof_index = True, len(message.oneof_decl)
        message.oneof_decl.add(name=f"_{name}")
