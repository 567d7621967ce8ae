"""A small schema language with the semantics of zod 3.

A schema is a frozen value whose ``parse`` returns what it made of a value together with every
issue. A value of the wrong type *aborts* its schema: no rule that builds on the value is tried any
more. A value that only breaks a bound does not, so further issues can follow.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from session_lab.simulator.protocol.validation import issues
from session_lab.simulator.protocol.validation.issues import ABSENT, Issue, Path
from session_lab.wire.coercion import to_date, to_number, trim, utf16_length

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Mapping

    from session_lab.simulator.protocol.json_text import Json

__all__ = [
    "AnyOf",
    "Converted",
    "Instant",
    "ListOf",
    "Null",
    "Nullable",
    "Number",
    "OneOf",
    "Optional",
    "Parsed",
    "Prepared",
    "Record",
    "Refined",
    "Schema",
    "Shape",
    "Text",
    "Words",
]


class Parsed(NamedTuple):
    """What a schema made of a value; the value counts only where there are no issues."""

    value: Json
    issues: tuple[Issue, ...] = ()
    aborted: bool = False


class Schema(Protocol):
    """Anything that parses."""

    def parse(self, value: Json, path: Path = ()) -> Parsed:
        """Check a value that stands at a path, and return its parsed form."""
        ...


def _abort(issue: Issue) -> Parsed:
    return Parsed(ABSENT, (issue,), aborted=True)


@dataclass(frozen=True, kw_only=True)
class Text:
    """Text, measured in UTF-16 units after trimming."""

    least: int = 0
    most: int | None = None
    trimmed: bool = False
    pattern: re.Pattern[str] | None = None

    def parse(self, value: Json, path: Path = ()) -> Parsed:
        """Check a text."""
        if not isinstance(value, str):
            return _abort(issues.invalid_type(value, "string", path))
        text = trim(value) if self.trimmed else value
        length = utf16_length(text)
        found: tuple[Issue, ...] = ()
        if length < self.least:
            found = (*found, issues.too_small("string", self.least, path))
        if self.most is not None and length > self.most:
            found = (*found, issues.too_big("string", self.most, path))
        if self.pattern and not self.pattern.fullmatch(text):
            found = (*found, issues.invalid_pattern(path))
        return Parsed(text, found)


@dataclass(frozen=True, kw_only=True)
class Number:
    """A number; ``coerced`` reads it from text as JavaScript does."""

    whole: bool = False
    above: int | None = None
    least: int | None = None
    most: int | None = None
    coerced: bool = False

    def parse(self, value: Json, path: Path = ()) -> Parsed:
        """Check a number."""
        if self.coerced and isinstance(value, str):
            value = to_number(value)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or math.isnan(value):
            return _abort(issues.invalid_type(value, "number", path))
        found: list[Issue] = []
        if self.whole and not float(value).is_integer():
            found.append(issues.not_whole(path))
        if self.above is not None and value <= self.above:
            found.append(issues.too_small("number", self.above, path, inclusive=False))
        if self.least is not None and value < self.least:
            found.append(issues.too_small("number", self.least, path))
        if self.most is not None and value > self.most:
            found.append(issues.too_big("number", self.most, path))
        return Parsed(value, tuple(found))


@dataclass(frozen=True)
class OneOf:
    """One of a few texts."""

    options: tuple[str, ...]

    def parse(self, value: Json, path: Path = ()) -> Parsed:
        """Check that a value is an option."""
        if value not in self.options:
            return _abort(issues.invalid_option(value, self.options, path))
        return Parsed(value)


@dataclass(frozen=True, kw_only=True)
class Words:
    """Texts joined with commas, or one text; empty text is absent.

    With a table each is looked up, and the value is what they mean together; the refusal lists
    those that it does not know.
    """

    joined: bool = True
    table: Mapping[str, frozenset[str]] | None = None
    refusal: str = ""

    def parse(self, value: Json, path: Path = ()) -> Parsed:
        """Split a text and look its parts up."""
        if not isinstance(value, str):
            return _abort(issues.invalid_type(value, "string", path))
        if not value:
            return Parsed(ABSENT)
        parts = value.split(",") if self.joined else [value]
        if self.table is None:
            return Parsed(frozenset(parts))
        unknown = ", ".join(part for part in parts if part not in self.table)
        if unknown:
            return _abort(issues.custom(f"{self.refusal}: {unknown}", path))
        return Parsed(frozenset[str]().union(*(self.table[part] for part in parts)))


@dataclass(frozen=True)
class Null:
    """Nothing but null."""

    def parse(self, value: Json, path: Path = ()) -> Parsed:
        """Check for null."""
        return Parsed(None) if value is None else _abort(issues.invalid_literal(value, None, path))


@dataclass(frozen=True)
class Instant:
    """Whatever ``new Date(value)`` understands, as milliseconds since 1970."""

    def parse(self, value: Json, path: Path = ()) -> Parsed:
        """Coerce a value to an instant."""
        instant = to_date(value)
        return _abort(issues.invalid_date(path)) if instant is None else Parsed(instant)


@dataclass(frozen=True)
class Record:
    """Any object; the key ``__proto__`` is dropped from it."""

    def parse(self, value: Json, path: Path = ()) -> Parsed:
        """Check for an object."""
        if not isinstance(value, dict):
            return _abort(issues.invalid_type(value, "object", path))
        return Parsed({key: item for key, item in value.items() if key != "__proto__"})


@dataclass(frozen=True)
class ListOf:
    """An array whose items all fit one schema."""

    item: Schema
    most: int | None = None

    def parse(self, value: Json, path: Path = ()) -> Parsed:
        """Check the array, then each item."""
        if not isinstance(value, list):
            return _abort(issues.invalid_type(value, "array", path))
        found: list[Issue] = []
        if self.most is not None and len(value) > self.most:
            found.append(issues.too_big("array", self.most, path))
        items: list[Json] = []
        aborted = False
        for place, item in enumerate(value):
            made, wrong, stopped = self.item.parse(item, (*path, place))
            items.append(made)
            found += wrong
            aborted |= stopped
        return Parsed(items, tuple(found), aborted)


@dataclass(frozen=True)
class Shape:
    """An object with known members; others are dropped."""

    members: Mapping[str, Schema]

    def parse(self, value: Json, path: Path = ()) -> Parsed:
        """Check every member, in the order of the schema."""
        if not isinstance(value, dict):
            return _abort(issues.invalid_type(value, "object", path))
        members: dict[str, Json] = {}
        found: list[Issue] = []
        aborted = False
        for name, schema in self.members.items():
            item = value.get(name, ABSENT)
            if item is ABSENT and isinstance(schema, Optional):
                member = schema.default
            else:
                member, wrong, stopped = schema.parse(item, (*path, name))
                found += wrong
                aborted |= stopped
            if member is not ABSENT:
                members[name] = member
        return Parsed(members, tuple(found), aborted)


@dataclass(frozen=True)
class AnyOf:
    """The first schema that fits; else the issues of the first that was not aborted, else all."""

    schemas: tuple[Schema, ...]

    def parse(self, value: Json, path: Path = ()) -> Parsed:
        """Try one schema after the other."""
        attempts = [schema.parse(value, path) for schema in self.schemas]
        for attempt in attempts:
            if not attempt.issues:
                return attempt
        for attempt in attempts:
            if not attempt.aborted:
                return attempt
        return _abort(issues.invalid_union([attempt.issues for attempt in attempts], path))


@dataclass(frozen=True)
class Optional:
    """A schema for a value that may be absent, with what then stands in for it."""

    schema: Schema
    default: Json = ABSENT

    def parse(self, value: Json, path: Path = ()) -> Parsed:
        """Check a value that is there."""
        return Parsed(self.default) if value is ABSENT else self.schema.parse(value, path)


@dataclass(frozen=True)
class Nullable:
    """A schema for a value that may be null."""

    schema: Schema

    def parse(self, value: Json, path: Path = ()) -> Parsed:
        """Check a value that is not null."""
        return Parsed(None) if value is None else self.schema.parse(value, path)


@dataclass(frozen=True)
class Prepared:
    """A schema that sees what a function made of the value."""

    prepare: Callable[[Json], Json]
    schema: Schema

    def parse(self, value: Json, path: Path = ()) -> Parsed:
        """Prepare the value and check it."""
        return self.schema.parse(self.prepare(value), path)


@dataclass(frozen=True)
class Converted:
    """A schema whose parsed value a function replaces."""

    schema: Schema
    convert: Callable[[Json], Json]

    def parse(self, value: Json, path: Path = ()) -> Parsed:
        """Check the value and convert it."""
        parsed = self.schema.parse(value, path)
        return parsed if parsed.issues else parsed._replace(value=self.convert(parsed.value))


@dataclass(frozen=True)
class Refined:
    """A schema and a further rule, tried unless the schema was aborted."""

    schema: Schema
    holds: Callable[[Json], bool]
    message: str
    at: Path = ()

    def parse(self, value: Json, path: Path = ()) -> Parsed:
        """Check the schema, then the rule."""
        parsed = self.schema.parse(value, path)
        if parsed.aborted or self.holds(parsed.value):
            return parsed
        broken = issues.custom(self.message, (*path, *self.at))
        return parsed._replace(issues=(*parsed.issues, broken))
