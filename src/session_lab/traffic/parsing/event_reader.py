"""Reading tables as events: whole columns where all is plainly right, else row by row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from session_lab.errors import DataError
from session_lab.frames import EVENTS, UnusualError, event_cell, table_of_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from session_lab.traffic.parsing.column_map import ColumnMap
    from session_lab.traffic.parsing.text_rows import BadRows

__all__ = ["EventReader"]

# Milliseconds from 12 January 1970 to March 1973, which as seconds are 2001 and later.
_SECONDS: Final = (10**9, 10**11)
_SECOND: Final = 1_000
_MANY: Final = 20


class EventReader:
    """Reads pieces of a table as events; remembers what a table must agree on throughout.

    Parameters
    ----------
    columns : ColumnMap
        How columns come from the table's.
    source : str
        What the table is called.
    unit : {"line", "row"}
        What its rows are counted in.
    bad : BadRows
        What becomes of rows that cannot be used.
    is_text : bool
        Whether columns are texts of cells, as of CSV.
    """

    def __init__(
        self, columns: ColumnMap, source: str, unit: str, bad: BadRows, *, is_text: bool = False
    ) -> None:
        self._columns = columns
        self._source = source
        self._unit = unit
        self._bad = bad
        self._is_text = is_text
        self._id_name = columns.name_of("external_id")
        self._id_type: type | None = None
        self._unseen = dict.fromkeys(columns.names.values())
        self._number_types: dict[str, type] = {}
        self._any = False

    def read(
        self, table: pa.Table | None, rows: Callable[[], Iterable[tuple[int, Mapping[str, Any]]]]
    ) -> pa.Table:
        """Read a piece: whole columns if they are plainly right, else its rows with their numbers.

        A column of JSON in which there is nothing may be a field that no line has, which only the
        rows tell.

        Raises
        ------
        DataError
            A row cannot be used, and bad rows are not collected.
        """
        if table is None or any(
            name in table.column_names and table[name].null_count == table.num_rows
            for name in self._unseen
        ):
            return self.read_rows(rows())
        try:
            events = self._columns.of_table(table, is_text=self._is_text)
            self._note_table(table)
        except UnusualError:
            return self.read_rows(rows())
        self._any = self._any or table.num_rows > 0
        return events

    def read_rows(self, rows: Iterable[tuple[int, Mapping[str, Any]]]) -> pa.Table:
        """Read some rows, each with its number.

        Raises
        ------
        DataError
            A row cannot be used, and bad rows are not collected.
        """
        events: list[dict[str, Any]] = []
        for number, record in rows:
            for name in [name for name in self._unseen if name in record]:
                del self._unseen[name]
            try:
                event = self._columns.of_row(record)
                self._note_id(type(record.get(self._id_name)), record.get(self._id_name))
            except DataError as error:
                self._bad.report(error, source=self._source, row=number, unit=self._unit)
                continue
            events.append(event)
            for ours in ("at", "turn_duration"):
                if ours not in self._number_types:
                    self._note_number(ours, record.get(self._columns.name_of(ours)))
        self._any = self._any or bool(events)
        return table_of_rows(events)

    def check(self, events: Sequence[pa.Table]) -> None:
        """Refuse what only the whole table shows: a column that is nowhere, numbers of seconds.

        Raises
        ------
        DataError
            There is such a column; the error names it.
        """
        if self._unseen and self._any:
            name = next(iter(self._unseen))
            message = "no row has this field, which columns= names"
            raise DataError(message, source=self._source, column=name)
        if self._is_bare("at", int) and self._columns.origin is None:
            least, most = _ends(events, "at")
            if _SECONDS[0] <= least and most < _SECONDS[1]:
                raise self._refusal("at", "as milliseconds, all times lie in the early 1970s; they")
        if self._is_bare("turn_duration", float) and _ends(events, "turn_duration")[1] < _SECOND:
            raise self._refusal("turn_duration", "durations that are not whole numbers")
        if self._is_bare("turn_duration", int):
            least, most = _ends(events, "turn_duration")
            many = sum(table.num_rows for table in events) >= _MANY
            if many and least < most < _SECOND:
                problem = f"turns take {most} ms at most; if these are seconds, say"
                self._bad.remarks.append(f"{problem} {self._advice('turn_duration')}")

    def _is_bare(self, ours: str, number: type) -> bool:
        return self._number_types.get(ours) is number and ours not in self._columns.units

    def _advice(self, ours: str) -> str:
        return f'columns={{"{ours}": "{self._columns.name_of(ours)}:s"}}'

    def _refusal(self, ours: str, what: str) -> DataError:
        name = self._columns.name_of(ours)
        message = f"{what} look like seconds; say {self._advice(ours)}, or :ms for what they are"
        return DataError(message, source=self._source, column=name)

    def _note_table(self, table: pa.Table) -> None:
        if self._id_name in table.column_names:
            is_number = pa.types.is_integer(table[self._id_name].type)
            found = int if is_number else str
            if self._id_type not in {None, found}:
                raise UnusualError
            self._id_type = found
        for name in [name for name in self._unseen if name in table.column_names]:
            del self._unseen[name]
        for ours in ("at", "turn_duration"):
            name = self._columns.name_of(ours)
            if ours not in self._number_types and name in table.column_names:
                known = table[name].drop_null()
                value = known[0].as_py() if len(known) else None
                if self._is_text and value is not None:
                    value = event_cell(EVENTS.column(ours), value)
                self._note_number(ours, value)

    def _note_number(self, ours: str, value: object) -> None:
        if value is not None:
            self._number_types[ours] = type(value)

    def _note_id(self, found: type, value: object) -> None:
        if self._id_type is not None and found is not self._id_type:
            kind, before = ("text", "numbers") if isinstance(value, str) else ("a number", "text")
            message = (
                f"{value!r} is {kind} where earlier ids are {before}; "
                "7 and '7' may be two chats, so write all ids in one way"
            )
            raise DataError(message, column=self._id_name)
        self._id_type = found


def _ends(events: Sequence[pa.Table], name: str) -> tuple[int, int]:
    """Return the least and the greatest value of a column; 0 where there is none."""
    chunks = [
        chunk for table in events if name in table.column_names for chunk in table[name].chunks
    ]
    ends = pc.call_function("min_max", [pa.chunked_array(chunks, pa.int64())])
    return ends["min"].as_py() or 0, ends["max"].as_py() or 0
