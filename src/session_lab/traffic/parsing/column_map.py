"""How the columns of an events frame come from those of somebody's own table."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from session_lab.errors import DataError
from session_lab.frames import (
    EVENTS,
    Kind,
    UnusualError,
    event_cell,
    event_cells,
    event_columns,
    event_value,
    in_one_piece,
    without_nothing,
)
from session_lab.numbers import is_number
from session_lab.timing import LAST_INSTANT, LONGEST_DURATION, duration_text
from session_lab.traffic.parsing.token_trace import tokens_of, turn_of_tokens
from session_lab.traffic.parsing.units import UNITS, column_in_milliseconds, to_whole_milliseconds

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import tzinfo

    from session_lab.frames.files.blocks import Block
    from session_lab.frames.schema import Column

__all__ = ["ENDED_AT", "ColumnMap"]

ENDED_AT: Final = "ended_at"
"""A column that no events frame has: when the turn ended, from which its duration is told."""

_TOKENS: Final = "tokens"
_KINDS: Final = {Kind.INSTANT: "time", Kind.DURATION: "duration"}

_JSON_TYPES: Final = {
    Kind.INSTANT: pa.string(),
    Kind.DURATION: pa.int64(),
    Kind.TEXT: pa.string(),
    Kind.CATEGORY: pa.string(),
    Kind.TAGS: pa.list_(pa.string()),
    Kind.CODE: pa.int64(),
    Kind.FLAG: pa.bool_(),
}
_TYPES_OF_JSON: Final = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
    list: pa.list_(pa.string()),
}
_SAMPLE: Final = 1 << 13


@dataclass(frozen=True)
class ColumnMap:
    """How columns come from a table's: under which names, in which units, in which zone.

    Attributes
    ----------
    names : mapping of str to str
        What the table calls our columns, and ``ended_at``; those not named go under our names.
    units : mapping of str to str
        In what numbers are told: ``s``, ``ms``, ``us``, ``ns``; for durations also ``tokens``.
    zone : tzinfo or None
        Of times without one; None refuses them.
    constants : mapping of str to value
        What every row has.
    origin : int or None
        What times that are numbers count from, in milliseconds since 1970; None for 1970.
    tokens_per_second : float
        How fast output is generated.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    zone: tzinfo | None = None
    constants: Mapping[str, Any] = field(default_factory=dict)
    origin: int | None = None
    tokens_per_second: float = 50.0

    @classmethod
    def of(
        cls,
        columns: Mapping[str, str] | None = None,
        *,
        zone: str | None = None,
        constants: Mapping[str, Any] | None = None,
        origin: int | None = None,
        tokens_per_second: float = 50.0,
    ) -> ColumnMap:
        """Read what a user says of a table.

        Parameters
        ----------
        columns : mapping of str to str
            For each of our columns that is called otherwise, its name there, and after a colon the
            unit of its numbers if it has one, as in ``{"at": "ts:s"}``.
        zone : str, optional
            As in ``"Europe/Berlin"``.
        constants : mapping of str to value, optional
            As in ``{"op": "message"}``.
        origin, tokens_per_second
            As the attributes.

        Raises
        ------
        DataError
            A column, a unit, a zone or a value is not known; or a column is given twice.
        """
        if not is_number(tokens_per_second) or not 0 < tokens_per_second < math.inf:
            message = f"{tokens_per_second!r} is not a number above zero"
            raise DataError(message, column="tokens_per_second")
        told: dict[str, object] = {"columns": columns, "constants": constants}
        for name, mapping in told.items():
            if mapping is not None and not isinstance(mapping, Mapping):
                message = f'{mapping!r} is not a mapping such as {{"external_id": ...}}'
                raise DataError(message, column=name)
        names, units = {}, {}
        for ours, theirs in (columns or {}).items():
            names[ours], unit = _parted(ours, theirs)
            if unit is not None:
                units[ours] = unit
        return cls(
            names=names,
            units=units,
            zone=None if zone is None else _zone(zone),
            constants=_constants(constants or {}, names),
            origin=origin,
            tokens_per_second=tokens_per_second,
        )

    def of_row(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """Read one event; what it lacks is left out.

        Raises
        ------
        DataError
            A required field is missing, or a value cannot be used; the error names the field as the
            table calls it.
        """
        event = dict(self.constants)
        for column in EVENTS.columns:
            if column.name in event:
                continue
            name = self.name_of(column.name)
            value = record.get(name)
            if value is not None and not (column.name in self.units and _is_nan(value)):
                event[column.name] = self._value(column.name, value, name)
            elif not column.optional:
                found = ", ".join(record)
                what = "is null" if name in record else f"is missing; the row has {found}"
                raise DataError(f"the field {what}", column=name)
        ended_at = record.get(self.names[ENDED_AT]) if ENDED_AT in self.names else None
        if ended_at is not None and not _is_nan(ended_at) and "turn_duration" not in event:
            event["turn_duration"] = self._duration_until(ended_at, event["at"])
        return event

    def _value(self, ours: str, value: object, name: str) -> Any:  # noqa: ANN401
        column = EVENTS.column("at" if ours == ENDED_AT else ours)
        if unit := self.units.get(ours):
            return self._of_unit(value, unit, name, is_instant=column.kind is Kind.INSTANT)
        if column.kind is Kind.INSTANT:
            if self.zone is not None:
                value = _placed(value, self.zone)
            if self.origin is not None and type(value) is int:
                return event_value(column, self.origin + value, name)
        return event_value(column, value, name)

    def _of_unit(self, value: object, unit: str, name: str, *, is_instant: bool) -> int:
        if unit == _TOKENS:
            return turn_of_tokens(tokens_of(_whole(value), name), self.tokens_per_second, name)
        whole = to_whole_milliseconds(value, unit, name, cut=is_instant)
        if not is_instant:
            if not 0 <= whole <= LONGEST_DURATION:
                problem = "is negative" if whole < 0 else "is longer than a century"
                raise DataError(f"{value!r} {unit} {problem}", column=name)
            return whole
        at = whole + (self.origin or 0)
        if not 0 <= at <= LAST_INSTANT:
            raise DataError(f"{value!r} {unit} lies outside the years 1970 to 9999", column=name)
        return at

    def _duration_until(self, ended_at: object, at: int) -> int:
        name = self.names[ENDED_AT]
        span: int = self._value(ENDED_AT, ended_at, name) - at
        if span < 0:
            message = f"{ended_at!r} lies {duration_text(-span)} before the event itself"
            raise DataError(message, column=name)
        return span

    def cell(self, name: str, text: str) -> object:
        """Read the text of a cell of a column of theirs."""
        ours = self._ours.get(name)
        return (text or None) if ours is None else event_cell(ours, text)

    @cached_property
    def _ours(self) -> dict[str, Column]:
        columns = {self.name_of(column.name): column for column in EVENTS.columns}
        if ENDED_AT in self.names:
            columns[self.names[ENDED_AT]] = EVENTS.column("at")
        return columns

    def present(self, given: Collection[str]) -> list[str]:
        """Return which of some columns are looked at."""
        return [name for name in given if name in self._ours]

    def with_partition(
        self, values: Mapping[str, str | None], given: Collection[str], source: str
    ) -> ColumnMap:
        """Return the map with what folders are named for as constants, where the file has no such column.

        Parameters
        ----------
        values : mapping of str to str
            As :attr:`Source.partition` has them.
        given : collection of str
            The columns of the file.
        source : str
            What the file is called.

        Raises
        ------
        DataError
            A value cannot be used.
        """
        told = dict(self.constants)
        for name, value in values.items():
            ours = self._ours.get(name)
            if ours is None or value is None or name in given or name == self.names.get(ENDED_AT):
                continue
            try:
                told.setdefault(ours.name, event_value(ours, value, name))
            except DataError as error:
                message = f"of the folder's name: {error.args[0]}"
                raise DataError(message, source=source, column=name) from None
        return replace(self, constants=told)

    def json_types(self, block: Block) -> dict[str, pa.DataType]:
        """Return the fields to look for in a block of JSON lines, with the types they begin with.

        Types are never left to Arrow, which takes ids that look like dates for dates.
        """
        types = {name: _JSON_TYPES[column.kind] for name, column in self._ours.items()}
        unknown = set(types)
        for line in block.data[:_SAMPLE].split(b"\n"):
            try:
                record = json.loads(line)
            except (ValueError, RecursionError):
                continue
            for name in unknown & record.keys() if isinstance(record, dict) else ():
                found = _TYPES_OF_JSON.get(type(record[name]))
                if found is not None:
                    types[name] = found
                    unknown = unknown - {name}
            if not unknown:
                break
        return types

    def name_of(self, ours: str) -> str:
        """Return what the table calls one of our columns."""
        return self.names.get(ours, ours)

    def of_table(self, table: pa.Table, *, is_text: bool = False) -> pa.Table:
        """Read many events at once, as :func:`~session_lab.frames.events.event_columns` checks them.

        With ``is_text`` columns are texts of cells.

        Raises
        ------
        UnusualError
            Anything is not plainly right; :meth:`of_row` tells what.
        """
        found, n = table.column_names, table.num_rows
        if len(set(found)) < len(found):
            raise UnusualError
        names = {column.name: self.name_of(column.name) for column in EVENTS.columns}
        columns = {
            ours: self._column(ours, in_one_piece(table[theirs]), is_text=is_text)
            for ours, theirs in names.items()
            if theirs in found and ours not in self.constants
        }
        for ours, value in self.constants.items():
            columns[ours] = pa.array([value] * n, pa.list_(pa.string()) if ours == "tags" else None)
        checked = event_columns(columns, n)
        if self.names.get(ENDED_AT) not in found:
            return checked
        ended_at = in_one_piece(table[self.names[ENDED_AT]])
        return self._with_durations(checked, self._column(ENDED_AT, ended_at, is_text=is_text))

    def _column(self, ours: str, values: pa.Array, *, is_text: bool) -> pa.Array:
        """Bring a column of theirs to one that needs no more to be said about it."""
        column = EVENTS.column("at" if ours == ENDED_AT else ours)
        is_instant = column.kind is Kind.INSTANT
        if is_text and ours not in self.units:
            values = event_cells(values, column)
        elif is_text:
            values = without_nothing(values)
        if unit := self.units.get(ours):
            if unit == _TOKENS:
                raise UnusualError
            values = column_in_milliseconds(values, unit, cut=is_instant)
        elif is_instant and self.zone is not None:
            values = _all_placed(values, str(self.zone))
        if is_instant and self.origin is not None and pa.types.is_integer(values.type):
            values = pc.call_function("add_checked", [values, pa.scalar(self.origin)])
        return values

    def _with_durations(self, events: pa.Table, ended_at: pa.Array) -> pa.Table:
        """Compute how long turns last from when they ended, where nothing else does."""
        is_known = ended_at.is_valid()
        known = events.filter(is_known)
        blank = {name: known[name] for name in ("op", "external_id")}
        ends = event_columns({"at": ended_at.drop_null(), **blank}, known.num_rows)
        span = pc.call_function("subtract", [ends["at"], known["at"]])
        places = np.cumsum(np.asarray(is_known)) - 1
        span = in_one_piece(span).take(pa.array(places, mask=~np.asarray(is_known)))
        if "turn_duration" in events.column_names:
            span = pc.call_function("coalesce", [events["turn_duration"], span])
            events = events.drop_columns(["turn_duration"])
        rest = {name: events[name] for name in events.column_names}
        return event_columns(rest | {"turn_duration": span}, events.num_rows)


def _all_placed(values: pa.Array, zone: str) -> pa.Array:
    """Put times without a zone into one, as :func:`_placed` does each."""
    options = pc.AssumeTimezoneOptions(zone, ambiguous="earliest", nonexistent="raise")
    try:
        if not pa.types.is_timestamp(values.type):
            values = values.cast(pa.large_string()).cast(pa.timestamp("us"))
        if values.type.tz is not None:
            return values
        return pc.call_function("assume_timezone", [values], options)
    except pa.ArrowException as error:
        raise UnusualError from error


def _whole(value: object) -> object:
    """Return a whole number that a table with gaps in it made a float of, as what it is."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _parted(ours: str, theirs: object) -> tuple[str, str | None]:
    known = [*(column.name for column in EVENTS.columns), ENDED_AT]
    if ours not in known:
        message = f"{ours!r} is not a column of the events frame; it has {', '.join(known)}"
        raise DataError(message, column="columns")
    kind = Kind.INSTANT if ours == ENDED_AT else EVENTS.column(ours).kind
    if not isinstance(theirs, str):
        message = f"{theirs!r}, given for {ours}, is not the name of a column"
        raise DataError(message, column="columns")
    name, colon, unit = theirs.rpartition(":")
    units = [*UNITS, *([_TOKENS] if kind is Kind.DURATION else [])]
    if not colon or unit not in (*UNITS, _TOKENS):
        return theirs, None
    if kind not in _KINDS or unit not in units:
        message = f"{theirs!r}: {ours} is not a {'time or ' * (unit != _TOKENS)}duration"
        raise DataError(message, column="columns")
    return name, unit


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(str(name))
    except (KeyError, ValueError, OSError):  # A KeyError where no such zone is known.
        message = f"{name!r} is not a time zone that this machine knows, such as Europe/Berlin"
        raise DataError(message, column="zone") from None


def _constants(given: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    constants = {}
    for name, value in given.items():
        if name in names:
            raise DataError(f"{name} is given as a column and as a constant", column="constants")
        constants[name] = event_value(EVENTS.column(name), value, name)
    return constants


def _placed(value: object, zone: tzinfo) -> object:
    """Put a time without a zone into one; an hour that clocks repeat is taken as its first."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return value
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.replace(tzinfo=zone)
    return value
