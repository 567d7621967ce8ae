"""Reading recorded traffic: which format, which rows, in which order."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Literal

import numpy as np

from session_lab.errors import DataError, DataWarning
from session_lab.frames import milliseconds
from session_lab.frames.files.progress import shown
from session_lab.frames.files.sources import Source
from session_lab.mistyped import answer_mistyped, level_of_caller
from session_lab.timing import duration_text, instant_text
from session_lab.traffic.adopt import begun_before, with_starts
from session_lab.traffic.detecting import Detected, detect
from session_lab.traffic.engine.time_order import sorted_by_time
from session_lab.traffic.formats import format_named
from session_lab.traffic.formats.format import ReadOptions
from session_lab.traffic.messages import begin_chats, with_op
from session_lab.traffic.parsing.text_rows import BadRows
from session_lab.traffic.parsing.trace_requests import ties
from session_lab.traffic.shards import read_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd
    from numpy.typing import NDArray

    from session_lab.frames.files.sources import Place
    from session_lab.timing import Duration, Instant

__all__ = ["read"]

_LOGS = ("events", "messages")
_LONG_GAP = 30 * 86_400_000
_REPEATED = ("at", "op", "external_id", "turn_duration", "expires_at")
_SHOWN = 10
# Of fewer chats without a start it is plain to see what a replay makes of them.
_MANY = 10


@answer_mistyped
def read(
    path: Place,
    format: str = "auto",
    *,
    log: Literal["events", "messages"] = "events",
    columns: Mapping[str, str] | None = None,
    constants: Mapping[str, object] | None = None,
    zone: str | None = None,
    origin: Instant | None = None,
    tokens_per_second: float = 50.0,
    first_turn: Duration = "0s",
    adopt: bool = False,
    skip_bad_rows: bool = False,
    progress: bool = False,
) -> pd.DataFrame:
    """Read recorded traffic as an events frame.

    Parameters
    ----------
    path : path, address or file
        The recording: a file, packed or not (gzip, zstd, bz2, lz4); a folder of Parquet shards with
        the same columns, however deep, some of which their folders may be named for, as in
        ``type=chat.agent/``; a pattern such as ``"week/*.ndjson.gz"``; an address such as
        ``"s3://bucket/week/"``; ``"-"`` for standard input; or an open file.
    format : {"auto", "events", "mooncake", "burstgpt", "bailian", "har", "journal"}
        ``events`` is the project's own format, as NDJSON, CSV or Parquet (told by the file's
        ending), and with ``log`` and ``columns`` any other table; ``mooncake``, ``burstgpt`` and
        ``bailian`` are published traces of chat services; ``har`` is an HTTP archive of calls to
        the Sessions API; ``journal`` is the simulator's. ``auto`` looks at the file;
        :func:`detect` returns what it sees.
    log : {"events", "messages"}
        What a row of a table is: an event that says itself which, or a message of a user, of which
        the first of a chat is its start.
    columns : mapping of str to str, optional
        For tables: what the file calls our columns where it calls them otherwise, and after a
        colon the unit of their numbers (``s``, ``ms``, ``us``, ``ns``, for durations also
        ``tokens``), as in ``{"at": "timestamp:s", "external_id": "chat_id"}``. Beside the columns
        of an events frame, ``ended_at`` may be named, which tells how long a turn lasts.
    constants : mapping of str to value, optional
        For tables: what every row has, as in ``{"task_identifier": "support"}``.
    zone : str, optional
        For tables: where times without a zone were written down, as in ``"Europe/Berlin"``. Of an
        hour that clocks repeat, the first is meant.
    origin : str or datetime, optional
        For times that are told from a beginning: the instant of time zero; by default
        2026-01-01T00:00:00Z for the published traces, and 1970 for numbers in tables.
    tokens_per_second : float
        For lengths of answers in tokens: how fast they are generated.
    first_turn : str or timedelta
        For formats that tell that a start carries a turn but not how long it lasts (``har``,
        ``journal``): how long. Their messages last what the platform says.
    adopt : bool
        Give chats that began before the recording a start, as :func:`adopt` does.
    skip_bad_rows : bool
        Leave out rows that cannot be used instead of raising at the first. The first ten are
        shown in a :class:`DataWarning`; ``attrs["bad_rows"]`` lists all.
    progress : bool
        Show on standard error how much of the file was read.

    Returns
    -------
    DataFrame
        Columns ``at``, ``op``, ``external_id`` and those of ``turn_duration``, ``expires_at``,
        ``tags``, ``type``, ``task_identifier``, ``recorded_status`` and ``recorded_is_cached`` that
        the file has. In order of ``at``; rows of the same instant keep their order. Chats are the
        same in whatever order the rows come.

    Raises
    ------
    DataError
        The file does not exist, its format is not known, or a row cannot be used; the error names
        file, row and field.
    DataWarning
        As a warning: rows were out of order and were sorted; rows were skipped or left out; rows
        repeat others; chats began before the recording; for more than 30 days nothing happens.

    Examples
    --------
    >>> from session_lab.traffic import sample_path
    >>> events = read(sample_path("chats.ndjson"))
    >>> events["op"].value_counts().to_dict()
    {'message': 1376, 'start': 374, 'close': 140, 'retrieve': 0}
    """
    source = Source(path)
    if not source.exists():
        name = str(path) if source.is_local else source.name
        raise DataError("there is no such file", source=name)
    if log not in _LOGS:
        raise DataError(f"{log!r} is not one of {', '.join(_LOGS)}", column="log")
    is_of_messages = log == "messages"
    bad = BadRows(collect=skip_bad_rows)
    with shown(source, progress=progress):
        detected = detect(source) if format == "auto" else Detected(format, "it was said so")
        found = format_named(detected.format)
        table = {"columns": columns, "constants": constants, "zone": zone}
        _refuse_for_traces(detected, source, **table)
        if is_of_messages:
            table["constants"] = with_op(constants)
        options = ReadOptions.of(table, origin, tokens_per_second, first_turn)
        try:
            events = (read_folder if source.is_dir() else found.read)(source, options, bad)
        except DataError as error:
            if not detected.is_certain and not columns:
                error.args = (f"{error.args[0]} (the file {detected})", *error.args[1:])
            raise
    remarks = [*_skipped(bad), *bad.remarks, *(() if source.is_dir() else _moved(events))]
    events = sorted_by_time(events.reset_index(drop=True))
    if is_of_messages:
        events = begin_chats(events)
    if bad.errors:
        events.attrs["bad_rows"] = [str(error) for error in bad.errors]
    at = milliseconds(events["at"])
    remarks += [*(() if found.repeats else _repeats(events, at)), *_long_gaps(at)]
    earlier = None if found.begins_chats else begun_before(events)
    if earlier is not None and (adopt or found.repeats or earlier.chats >= _MANY):
        remarks.append(earlier.to_text(adopted=adopt))
        events = with_starts(events) if adopt else events
    for remark in remarks:
        warnings.warn(f"{source.name}: {remark}", DataWarning, stacklevel=level_of_caller())
    return events


def _refuse_for_traces(detected: Detected, source: Source, **options: object) -> None:
    """Refuse what is said of a table's columns where the format's columns are fixed."""
    for name, value in options.items():
        if value and detected.format != "events":
            message = f"{name}= is for the format events; {source.name} {detected}"
            raise DataError(message, column=name)


def _skipped(bad: BadRows) -> Iterator[str]:
    if bad.errors:
        lines = [str(error) for error in bad.errors[:_SHOWN]]
        if len(bad.errors) > _SHOWN:
            lines.append(f"and {len(bad.errors) - _SHOWN:,} more")
        listed = "\n".join(lines)
        yield f"skipped {len(bad.errors)} rows that cannot be used:\n{listed}"


def _moved(events: pd.DataFrame) -> Iterator[str]:
    """Yield how many rows were not in order of time where they stood, if any."""
    place = np.asarray(events.index, np.int64)
    found = milliseconds(events["at"])
    if (place[1:] > place[:-1]).all():
        at = found
    else:
        at = np.empty_like(found)
        at[place] = found
    if (at[1:] >= at[:-1]).all():
        return
    order = np.argsort(at, kind="stable")
    moved = int((order != np.arange(len(order))).sum())
    if moved:
        yield (
            f"the events were not in order of time; sorted them, which moved {moved} of "
            f"{len(order)} (rows of the same instant keep their order)"
        )


def _repeats(events: pd.DataFrame, at: NDArray[np.int64]) -> Iterator[str]:
    """Yield how many events are there twice; only those of the same instant can be."""
    together = ties(at)
    columns = [name for name in _REPEATED if name in events]
    repeats = events.loc[together, columns].duplicated()
    if repeats.any():
        yield (
            f"{int(repeats.sum())} events repeat another to the letter, the first of them row "
            f"{int(repeats.index[repeats][0])} of the frame; they are kept"
        )


def _long_gaps(at: NDArray[np.int64]) -> Iterator[str]:
    """Yield the times in which nothing happens at all, which may be a mistake in a clock."""
    if not len(at) or at[-1] - at[0] <= _LONG_GAP:
        return
    gaps = np.diff(at)
    long = gaps > _LONG_GAP
    if long.any():
        place = int(gaps.argmax())
        yield (
            f"gaps of more than 30 days in which nothing happens: {int(long.sum())}; the longest is "
            f"{duration_text(int(gaps[place]))}, from {instant_text(int(at[place]))}; "
            "traffic.cap_gaps shortens them"
        )
