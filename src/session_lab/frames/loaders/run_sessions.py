"""Which session a run belongs to: by its payload, by its tags, or by walking back."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from session_lab.errors import DataError, DataWarning
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
    owners: list[str | None] = []
    reasons: list[str | None] = []
    n = table.num_rows
    payloads = table["payload"].to_pylist() if "payload" in table.column_names else [None] * n
    columns = zip(table["tags"].to_pylist(), payloads, strict=True)
    for row, (tags, payload_text) in enumerate(columns):
        payload = _payload(payload_text)
        owner = payload.get("sessionId")
        if not isinstance(owner, str):
            ids = [
                t[len(before) : len(t) - len(after)] for t in tags or () if _fits(t, before, after)
            ]
            named = {known.get(id_, id_ if id_.startswith(_SESSION) else None) for id_ in ids}
            owners_named = sorted(named - {None}, key=str)
            if len(owners_named) > 1:
                message = f"its tags name several sessions: {', '.join(map(str, owners_named))}"
                raise DataError(message, source="runs", row=row, column="tags")
            owner = owners_named[0] if owners_named else None
        owners.append(owner)
        reasons.append(_reason(payload))
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


def _fits(tag: str, before: str, after: str) -> bool:
    is_long_enough = len(tag) > len(before) + len(after)
    return is_long_enough and tag.startswith(before) and tag.endswith(after)


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
