"""Which session a run belongs to: by its payload, by its tags, or by walking back."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from session_lab.errors import DataError, DataWarning
from session_lab.frames.build import in_one_piece
from session_lab.mistyped import level_of_caller

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pandas as pd

__all__ = ["join_runs", "walk_runs"]

_PLACE = "{external_id}"
_SESSION = "session_"
_TEXT = pa.large_string()


def join_runs(table: pa.Table, sessions: pd.DataFrame | None, tag: str) -> pa.Table:
    """Add ``session_id``, ``reason`` and its rule to runs that have ``tags`` and ``payload``.

    Parameters
    ----------
    table : Table
        Columns ``tags`` and ``payload`` (JSON text), whatever else stays.
    sessions : DataFrame or None
        The sessions whose external ids are known.
    tag : str
        What the tag that names a session looks like.

    Raises
    ------
    DataError
        ``tag`` has no place for the id, or a run's tags name several sessions.
    """
    before, found, after = tag.partition(_PLACE)
    if not found:
        raise DataError(f"{tag!r} says not where the id stands; write {_PLACE}", column="tag")
    known = _known(sessions)
    owners: list[str | None] = [None] * table.num_rows
    reasons: list[str | None] = [None] * table.num_rows
    if "payload" in table.column_names:
        told = table["payload"]
        rows = np.flatnonzero(told.is_valid()).tolist()
        for row, text in zip(rows, told.drop_null().to_pylist(), strict=True):
            payload = _payload(text)
            owner = payload.get("sessionId")
            owners[row] = owner if isinstance(owner, str) else None
            reasons[row] = _reason(payload)
    named = [
        (row, owner)
        for row, id_ in _ids_in_tags(in_one_piece(table["tags"]), before, after)
        if (owner := known.get(id_, id_ if id_.startswith(_SESSION) else None)) is not None
        and owners[row] is None
    ]
    for row, owner in named:
        if owners[row] not in {None, owner}:
            several = sorted({other for place, other in named if place == row})
            message = f"its tags name several sessions: {', '.join(several)}"
            raise DataError(message, source="runs", row=row, column="tags")
        owners[row] = owner
    _tell_lost(owners, tag)
    rules = [reason and "payload" for reason in reasons]
    inferred = {"session_id": owners, "reason": reasons, "reason_rule": rules}
    for name, values in inferred.items():
        table = table.append_column(name, pa.array(values, _TEXT))
    return table


def walk_runs(retrieve: Callable[[str], Any], sessions: pd.DataFrame) -> Iterator[Any]:
    """Retrieve the runs of sessions, from each one's current run back to its first.

    Each run's payload names the one before it, so this takes one request per run. It misses runs
    that lost a race for their session, and stops at a payload that is too large to come with its
    run. Such an end is told by a :class:`DataWarning`.

    Parameters
    ----------
    retrieve : callable
        ``client.runs.retrieve``.
    sessions : DataFrame
        A sessions frame; its ``current_run_id`` is where the walks begin.

    Yields
    ------
    RetrievedRun
        Runs for :func:`session_lab.runs_frame`, newest first within a session.
    """
    cut = 0
    for first in sessions["current_run_id"].dropna():
        run_id, seen = first, set[str]()
        while run_id is not None and run_id not in seen:
            seen.add(run_id)
            run = retrieve(run_id)
            yield run
            cut += run.payload is None
            payload = run.payload if isinstance(run.payload, dict) else {}
            run_id = payload.get("previousRunId")
    if cut:
        message = f"runs: {cut} walks ended at a run whose payload did not come with it"
        warnings.warn(message, DataWarning, stacklevel=level_of_caller())


def _known(sessions: pd.DataFrame | None) -> dict[str, str]:
    if sessions is None:
        return {}
    ids = sessions["session_id"].tolist()
    named = sessions["external_id"]
    has_name = named.notna().tolist()
    pairs = zip(named.tolist(), ids, has_name, strict=True)
    return {name: id_ for name, id_, has in pairs if has}


def _ids_in_tags(tags: pa.Array, before: str, after: str) -> Iterator[tuple[int, str]]:
    """Yield the ids between two texts that tags name, each with the row of its tag."""
    texts = tags.flatten()
    fits = pc.call_function("starts_with", [texts], pc.MatchSubstringOptions(before))
    ends = pc.call_function("ends_with", [texts], pc.MatchSubstringOptions(after))
    fits = pc.call_function("and", [fits, ends])
    rows = pc.call_function("list_parent_indices", [tags]).filter(fits).to_pylist()
    for row, text in zip(rows, texts.filter(fits).to_pylist(), strict=True):
        if len(text) > len(before) + len(after):
            yield row, text[len(before) : len(text) - len(after)]


def _payload(text: str | None) -> dict[str, Any]:
    value = None if text is None else json.loads(text)
    return value if isinstance(value, dict) else {}


def _reason(payload: dict[str, Any]) -> str | None:
    is_told = isinstance(payload.get("sessionId"), str)
    return "initial" if is_told and payload.get("previousRunId") is None else None


def _tell_lost(owners: list[str | None], tag: str) -> None:
    lost = owners.count(None)
    if lost:
        message = (
            f"runs: {lost:,} of {len(owners):,} runs name no known session by a tag like {tag!r}, "
            "so their session_id is missing; pass sessions=, or tag= as your triggerConfig has it"
        )
        warnings.warn(message, DataWarning, stacklevel=level_of_caller())
