"""A small schema language with the semantics of zod 3.

A schema is a frozen value whose ``parse`` returns what it made of a value, or a :class:`Flawed` with
every issue. A value of the wrong type *aborts* its schema: no rule that builds on the value is tried
any more. A value that only breaks a bound does not, so further issues can follow.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, Protocol

from session_lab.simulator.api.javascript.dates import to_date
from session_lab.simulator.api.javascript.numbers import to_number
from session_lab.simulator.api.validation import issues
from session_lab.simulator.api.validation.issues import ABSENT, Issue, Path
from session_lab.wire.text import trim, utf16_length

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Mapping

    from session_lab.simulator.api.javascript.json_text import Json

__all__ = [
    "AnyOf",
    "Converted",
    "Flawed",
    "Instant",
    "ListOf",
    "Null",
    "Nullable",
    "Number",
    "OneOf",
    "Optional",
    "Prepared",
    "Record",
    "Refined",
    "Schema",
    "Shape",
    "Text",
    "Words",
]


_REQUIRED = object()


class Flawed(NamedTuple):
    """What is wrong with a value, and what a schema made of it that only breaks bounds."""

    value: Json
    issues: tuple[Issue, ...]
    aborted: bool = False


class Schema(Protocol):
    """Anything that parses."""

    def parse(self, value: Json) -> Json | Flawed:
        """Check a value, and return its parsed form; paths of issues begin at the value."""
        ...


def _abort(issue: Issue) -> Flawed:
    return Flawed(ABSENT, (issue,), aborted=True)


@dataclass(frozen=True, kw_only=True)
class Text:
    """Text, measured in UTF-16 units after trimming."""

    least: int = 0
    most: int = sys.maxsize
    trimmed: bool = False
    pattern: re.Pattern[str] | None = None

    def parse(self, value: Json) -> Json | Flawed:
        """Check a text."""
        if not isinstance(value, str):
            return _abort(issues.invalid_type(value, "string"))
        text = trim(value) if self.trimmed else value
        length = len(text) if text.isascii() else utf16_length(text)
        if self.least <= length <= self.most and self.pattern is None:
            return text
        found: list[Issue] = []
        if length < self.least:
            found.append(issues.too_small("string", self.least))
        if length > self.most:
            found.append(issues.too_big("string", self.most))
        if self.pattern and not self.pattern.fullmatch(text):
            found.append(issues.invalid_pattern())
        return Flawed(text, tuple(found)) if found else text


@dataclass(frozen=True, kw_only=True)
class Number:
    """A number; ``coerced`` reads it from text as JavaScript does."""

    whole: bool = False
    above: int | None = None
    least: int | None = None
    most: int | None = None
    coerced: bool = False

    def parse(self, value: Json) -> Json | Flawed:
        """Check a number."""
        if self.coerced and isinstance(value, str):
            value = to_number(value)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or math.isnan(value):
            return _abort(issues.invalid_type(value, "number"))
        found: list[Issue] = []
        if self.whole and not float(value).is_integer():
            found.append(issues.not_whole())
        if self.above is not None and value <= self.above:
            found.append(issues.too_small("number", self.above, inclusive=False))
        if self.least is not None and value < self.least:
            found.append(issues.too_small("number", self.least))
        if self.most is not None and value > self.most:
            found.append(issues.too_big("number", self.most))
        return Flawed(value, tuple(found)) if found else value


@dataclass(frozen=True)
class OneOf:
    """One of a few texts."""

    options: tuple[str, ...]

    def parse(self, value: Json) -> Json | Flawed:
        """Check that a value is an option."""
        if value not in self.options:
            return _abort(issues.invalid_option(value, self.options))
        return value


@dataclass(frozen=True, kw_only=True)
class Words:
    """Texts joined with commas, or one text; empty text is absent.

    With a table each is looked up, and the value is what they mean together; the refusal lists
    those that it does not know.
    """

    joined: bool = True
    table: Mapping[str, frozenset[str]] | None = None
    refusal: str = ""

    def parse(self, value: Json) -> Json | Flawed:
        """Split a text and look its parts up."""
        if not isinstance(value, str):
            return _abort(issues.invalid_type(value, "string"))
        if not value:
            return ABSENT
        parts = value.split(",") if self.joined else [value]
        if self.table is None:
            return frozenset(parts)
        unknown = ", ".join(part for part in parts if part not in self.table)
        if unknown:
            return _abort(issues.custom(f"{self.refusal}: {unknown}"))
        return frozenset[str]().union(*(self.table[part] for part in parts))


@dataclass(frozen=True)
class Null:
    """Nothing but null."""

    def parse(self, value: Json) -> Json | Flawed:
        """Check for null."""
        return None if value is None else _abort(issues.invalid_literal(value, None))


@dataclass(frozen=True)
class Instant:
    """Whatever ``new Date(value)`` understands, as milliseconds since 1970."""

    def parse(self, value: Json) -> Json | Flawed:
        """Coerce a value to an instant."""
        instant = to_date(value)
        return _abort(issues.invalid_date()) if instant is None else instant


@dataclass(frozen=True)
class Record:
    """Any object; the key ``__proto__`` is dropped from it."""

    def parse(self, value: Json) -> Json | Flawed:
        """Check for an object."""
        if not isinstance(value, dict):
            return _abort(issues.invalid_type(value, "object"))
        if "__proto__" not in value:
            return value
        return {key: item for key, item in value.items() if key != "__proto__"}


@dataclass(frozen=True)
class ListOf:
    """An array whose items all fit one schema."""

    item: Schema
    most: int | None = None

    def parse(self, value: Json) -> Json | Flawed:
        """Check the array, then each item."""
        if not isinstance(value, list):
            return _abort(issues.invalid_type(value, "array"))
        found: list[Issue] = []
        if self.most is not None and len(value) > self.most:
            found.append(issues.too_big("array", self.most))
        items: list[Json] = []
        aborted = False
        for place, item in enumerate(value):
            parsed = self.item.parse(item)
            if isinstance(parsed, Flawed):
                found += issues.below(place, parsed.issues)
                aborted |= parsed.aborted
                parsed = parsed.value
            items.append(parsed)
        return Flawed(items, tuple(found), aborted) if found else items


@dataclass(frozen=True)
class Shape:
    """An object with known members; others are dropped."""

    members: Mapping[str, Schema]

    @cached_property
    def _plan(self) -> tuple[tuple[str, Schema, Json], ...]:
        """Each member's name, the schema of a value that is there, and what stands for none."""
        return tuple(
            (name, schema.schema, schema.default)
            if isinstance(schema, Optional)
            else (name, schema, _REQUIRED)
            for name, schema in self.members.items()
        )

    def parse(self, value: Json) -> Json | Flawed:
        """Check every member, in the order of the schema."""
        if not isinstance(value, dict):
            return _abort(issues.invalid_type(value, "object"))
        members: dict[str, Json] = {}
        found: list[Issue] = []
        aborted = False
        for name, schema, default in self._plan:
            if name in value:
                parsed = schema.parse(value[name])
            elif default is ABSENT:
                continue
            else:
                parsed = schema.parse(ABSENT) if default is _REQUIRED else default
            if isinstance(parsed, Flawed):
                found += issues.below(name, parsed.issues)
                aborted |= parsed.aborted
                parsed = parsed.value
            if parsed is not ABSENT:
                members[name] = parsed
        return Flawed(members, tuple(found), aborted) if found else members


@dataclass(frozen=True)
class AnyOf:
    """The first schema that fits; else the issues of the first that was not aborted, else all."""

    schemas: tuple[Schema, ...]

    def parse(self, value: Json) -> Json | Flawed:
        """Try one schema after the other."""
        flawed: list[Flawed] = []
        for schema in self.schemas:
            parsed = schema.parse(value)
            if not isinstance(parsed, Flawed):
                return parsed
            flawed.append(parsed)
        for attempt in flawed:
            if not attempt.aborted:
                return attempt
        return _abort(issues.invalid_union([attempt.issues for attempt in flawed]))


@dataclass(frozen=True)
class Optional:
    """A schema for a value that may be absent, with what then stands in for it."""

    schema: Schema
    default: Json = ABSENT

    def parse(self, value: Json) -> Json | Flawed:
        """Check a value that is there."""
        return self.default if value is ABSENT else self.schema.parse(value)


@dataclass(frozen=True)
class Nullable:
    """A schema for a value that may be null."""

    schema: Schema

    def parse(self, value: Json) -> Json | Flawed:
        """Check a value that is not null."""
        return None if value is None else self.schema.parse(value)


@dataclass(frozen=True)
class Prepared:
    """A schema that sees what a function made of the value."""

    prepare: Callable[[Json], Json]
    schema: Schema

    def parse(self, value: Json) -> Json | Flawed:
        """Prepare the value and check it."""
        return self.schema.parse(self.prepare(value))


@dataclass(frozen=True)
class Converted:
    """A schema whose parsed value a function replaces."""

    schema: Schema
    convert: Callable[[Json], Json]

    def parse(self, value: Json) -> Json | Flawed:
        """Check the value and convert it."""
        parsed = self.schema.parse(value)
        return parsed if isinstance(parsed, Flawed) else self.convert(parsed)


@dataclass(frozen=True)
class Refined:
    """A schema and a further rule, tried unless the schema was aborted."""

    schema: Schema
    holds: Callable[[Json], bool]
    message: str
    at: Path = ()

    def parse(self, value: Json) -> Json | Flawed:
        """Check the schema, then the rule."""
        parsed = self.schema.parse(value)
        if not isinstance(parsed, Flawed):
            return parsed if self.holds(parsed) else Flawed(parsed, (self._broken(),))
        if parsed.aborted or self.holds(parsed.value):
            return parsed
        return parsed._replace(issues=(*parsed.issues, self._broken()))

    def _broken(self) -> Issue:
        return issues.custom(self.message, self.at)
