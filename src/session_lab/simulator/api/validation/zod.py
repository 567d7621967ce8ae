"""A small schema language with the semantics of zod 3.

A schema is a frozen value whose ``safe_parse`` returns what it made of a value, or an
:class:`Invalid` with every issue. A value of the wrong type *aborts* its schema: no rule that builds
on the value is tried any more. A value that only breaks a bound does not, so further issues can
follow.
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
from session_lab.wire.text import BLANKS, utf16_length

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Mapping

    from session_lab.simulator.api.javascript.json_text import Json

__all__ = [
    "AnyRecord",
    "Array",
    "CommaSeparated",
    "Date",
    "Enum",
    "Invalid",
    "Literal",
    "Nullable",
    "Number",
    "Object",
    "Optional",
    "Preprocess",
    "Refine",
    "String",
    "Transform",
    "Union",
    "ZodType",
]


_REQUIRED = object()


class Invalid(NamedTuple):
    """What is wrong with a value, and what a schema made of it that only breaks bounds."""

    value: Json
    issues: tuple[Issue, ...]
    aborted: bool = False


class ZodType(Protocol):
    """Anything that parses."""

    def safe_parse(self, value: Json) -> Json | Invalid:
        """Check a value, and return its parsed form; paths of issues begin at the value."""
        ...


def _abort(issue: Issue) -> Invalid:
    return Invalid(ABSENT, (issue,), aborted=True)


@dataclass(frozen=True, kw_only=True)
class String:
    """Text, measured in UTF-16 units after trimming."""

    minimum: int = 0
    maximum: int = sys.maxsize
    trims: bool = False
    pattern: re.Pattern[str] | None = None

    def safe_parse(self, value: Json) -> Json | Invalid:
        """Check a text."""
        if not isinstance(value, str):
            return _abort(issues.invalid_type(value, "string"))
        text = value.strip(BLANKS) if self.trims else value
        length = len(text) if text.isascii() else utf16_length(text)
        if self.minimum <= length <= self.maximum and self.pattern is None:
            return text
        found: list[Issue] = []
        if length < self.minimum:
            found.append(issues.too_small("string", self.minimum))
        if length > self.maximum:
            found.append(issues.too_big("string", self.maximum))
        if self.pattern and not self.pattern.fullmatch(text):
            found.append(issues.invalid_pattern())
        return Invalid(text, tuple(found)) if found else text


@dataclass(frozen=True, kw_only=True)
class Number:
    """A number; ``coerce`` reads it from text as JavaScript does."""

    integer: bool = False
    greater_than: int | None = None
    minimum: int | None = None
    maximum: int | None = None
    coerce: bool = False

    def safe_parse(self, value: Json) -> Json | Invalid:
        """Check a number."""
        if self.coerce and isinstance(value, str):
            value = to_number(value)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or math.isnan(value):
            return _abort(issues.invalid_type(value, "number"))
        found: list[Issue] = []
        if self.integer and not float(value).is_integer():
            found.append(issues.not_integer())
        if self.greater_than is not None and value <= self.greater_than:
            found.append(issues.too_small("number", self.greater_than, inclusive=False))
        if self.minimum is not None and value < self.minimum:
            found.append(issues.too_small("number", self.minimum))
        if self.maximum is not None and value > self.maximum:
            found.append(issues.too_big("number", self.maximum))
        return Invalid(value, tuple(found)) if found else value


@dataclass(frozen=True)
class Enum:
    """One of a few texts."""

    options: tuple[str, ...]

    def safe_parse(self, value: Json) -> Json | Invalid:
        """Check that a value is an option."""
        if value not in self.options:
            return _abort(issues.invalid_option(value, self.options))
        return value


@dataclass(frozen=True, kw_only=True)
class CommaSeparated:
    """Texts joined with commas, or one text; empty text counts as absent.

    With a table each is looked up, and the value is what they mean together; the refusal lists
    those that it does not know.
    """

    joined: bool = True
    table: Mapping[str, frozenset[str]] | None = None
    refusal: str = ""

    def safe_parse(self, value: Json) -> Json | Invalid:
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
class Literal:
    """One value alone."""

    expected: Json

    def safe_parse(self, value: Json) -> Json | Invalid:
        """Check for the value."""
        if type(value) is type(self.expected) and value == self.expected:
            return value
        return _abort(issues.invalid_literal(value, self.expected))


@dataclass(frozen=True)
class Date:
    """Whatever ``new Date(value)`` understands, as milliseconds since 1970."""

    def safe_parse(self, value: Json) -> Json | Invalid:
        """Coerce a value to an instant."""
        instant = to_date(value)
        return _abort(issues.invalid_date()) if instant is None else instant


@dataclass(frozen=True)
class AnyRecord:
    """Any object; the key ``__proto__`` is dropped from it."""

    def safe_parse(self, value: Json) -> Json | Invalid:
        """Check for an object."""
        if not isinstance(value, dict):
            return _abort(issues.invalid_type(value, "object"))
        if "__proto__" not in value:
            return value
        return {key: item for key, item in value.items() if key != "__proto__"}


@dataclass(frozen=True)
class Array:
    """An array whose items all fit one schema."""

    item: ZodType
    maximum: int | None = None

    def safe_parse(self, value: Json) -> Json | Invalid:
        """Check the array, then each item."""
        if not isinstance(value, list):
            return _abort(issues.invalid_type(value, "array"))
        found: list[Issue] = []
        if self.maximum is not None and len(value) > self.maximum:
            found.append(issues.too_big("array", self.maximum))
        items: list[Json] = []
        aborted = False
        for place, item in enumerate(value):
            parsed = self.item.safe_parse(item)
            if isinstance(parsed, Invalid):
                found += issues.below(place, parsed.issues)
                aborted |= parsed.aborted
                parsed = parsed.value
            items.append(parsed)
        return Invalid(items, tuple(found), aborted) if found else items


@dataclass(frozen=True)
class Object:
    """An object with known members; others are dropped."""

    members: Mapping[str, ZodType]

    @cached_property
    def _plan(self) -> tuple[tuple[str, ZodType, Json], ...]:
        """Each member's name, the schema of a value that is there, and what stands for none."""
        return tuple(
            (name, schema.schema, schema.default)
            if isinstance(schema, Optional)
            else (name, schema, _REQUIRED)
            for name, schema in self.members.items()
        )

    def safe_parse(self, value: Json) -> Json | Invalid:
        """Check every member, in the order of the schema."""
        if not isinstance(value, dict):
            return _abort(issues.invalid_type(value, "object"))
        members: dict[str, Json] = {}
        found: list[Issue] = []
        aborted = False
        for name, schema, default in self._plan:
            if name in value:
                parsed = schema.safe_parse(value[name])
            elif default is ABSENT:
                continue
            else:
                parsed = schema.safe_parse(ABSENT) if default is _REQUIRED else default
            if isinstance(parsed, Invalid):
                found += issues.below(name, parsed.issues)
                aborted |= parsed.aborted
                parsed = parsed.value
            if parsed is not ABSENT:
                members[name] = parsed
        return Invalid(members, tuple(found), aborted) if found else members


@dataclass(frozen=True)
class Union:
    """The first schema that fits; else the issues of the first that was not aborted, else all."""

    schemas: tuple[ZodType, ...]

    def safe_parse(self, value: Json) -> Json | Invalid:
        """Try one schema after the other."""
        invalid: list[Invalid] = []
        for schema in self.schemas:
            parsed = schema.safe_parse(value)
            if not isinstance(parsed, Invalid):
                return parsed
            invalid.append(parsed)
        for attempt in invalid:
            if not attempt.aborted:
                return attempt
        return _abort(issues.invalid_union([attempt.issues for attempt in invalid]))


@dataclass(frozen=True)
class Optional:
    """A schema for a value that may be absent, with what then stands in for it."""

    schema: ZodType
    default: Json = ABSENT

    def safe_parse(self, value: Json) -> Json | Invalid:
        """Check a value that is there."""
        return self.default if value is ABSENT else self.schema.safe_parse(value)


@dataclass(frozen=True)
class Nullable:
    """A schema for a value that may be null."""

    schema: ZodType

    def safe_parse(self, value: Json) -> Json | Invalid:
        """Check a value that is not null."""
        return None if value is None else self.schema.safe_parse(value)


@dataclass(frozen=True)
class Preprocess:
    """A schema that sees what a function made of the value."""

    preprocess: Callable[[Json], Json]
    schema: ZodType

    def safe_parse(self, value: Json) -> Json | Invalid:
        """Preprocess the value and check it."""
        return self.schema.safe_parse(self.preprocess(value))


@dataclass(frozen=True)
class Transform:
    """A schema whose parsed value a function replaces."""

    schema: ZodType
    transform: Callable[[Json], Json]

    def safe_parse(self, value: Json) -> Json | Invalid:
        """Check the value and transform it."""
        parsed = self.schema.safe_parse(value)
        return parsed if isinstance(parsed, Invalid) else self.transform(parsed)


@dataclass(frozen=True)
class Refine:
    """A schema and a further rule, tried unless the schema was aborted."""

    schema: ZodType
    holds: Callable[[Json], object]
    message: str
    at: Path = ()

    def safe_parse(self, value: Json) -> Json | Invalid:
        """Check the schema, then the rule."""
        parsed = self.schema.safe_parse(value)
        if not isinstance(parsed, Invalid):
            return parsed if self.holds(parsed) else Invalid(parsed, (self._broken(),))
        if parsed.aborted or self.holds(parsed.value):
            return parsed
        return parsed._replace(issues=(*parsed.issues, self._broken()))

    def _broken(self) -> Issue:
        return issues.custom(self.message, self.at)
