"""A simulator's journal as a frame of operations."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from session_lab.errors import DataError
from session_lab.frames import NAT, OPERATIONS, build
from session_lab.mistyped import answer_mistyped
from session_lab.wire.limits import RESERVED_ID_PREFIX

if TYPE_CHECKING:
    import pandas as pd

    from session_lab.simulator.world.journal import Entry

__all__ = ["from_journal"]

_OPS = {
    "append": "message",
    "close": "close",
    "message": "message",
    "retrieve": "retrieve",
    "start": "start",
}


@answer_mistyped
def from_journal(journal: Iterable[Entry]) -> pd.DataFrame:
    """Make an operations frame of a simulator's journal.

    Starts, closes and retrievals are taken, and appends to ``in`` as messages; the rest is left
    out. The journal should be one environment's.

    Raises
    ------
    DataError
        This is not a journal.

    Examples
    --------
    >>> from session_lab.simulator import World
    >>> world = World(seed=1)
    >>> asked = [world.start("chat-1"), world.close("chat-1"), world.start("chat-1")]
    >>> from_journal(asked)[["op", "external_id", "status_code"]]
          op external_id  status_code
    0  start      chat-1          201
    1  close      chat-1          200
    2  start      chat-1          409
    """
    entries = [entry for entry in _checked(journal) if _is_of_a_session(entry)]
    replies = [entry.reply for entry in entries]
    data = {
        "at": [entry.at for entry in entries],
        "op": [_OPS[entry.op] for entry in entries],
        "external_id": [_external_id(entry) for entry in entries],
        "status_code": [reply.status_code for reply in replies],
        "error": [reply.error for reply in replies],
        "is_cached": [-1 if reply.is_cached is None else reply.is_cached for reply in replies],
        "session_id": [entry.session_id for entry in entries],
        "run_id": [entry.run_id for entry in entries],
        "start_kind": [reply.start_kind for reply in replies],
        "waited": [
            NAT if entry.reply.start is None else entry.reply.start - entry.at for entry in entries
        ],
    }
    return build(OPERATIONS, data, n=len(entries))


def _checked(journal: Iterable[Entry]) -> Iterable[Entry]:
    given: object = journal
    if not isinstance(given, Iterable):
        message = f"{type(journal).__name__} is not the journal of a simulator"
        raise DataError(message, source="operations")
    for entry in journal:
        if not hasattr(entry, "asked"):
            message = (
                f"{type(entry).__name__} is not an entry of a journal; pass an operations frame, or "
                "the journal of a simulator"
            )
            raise DataError(message, source="operations")
        yield entry


def _is_of_a_session(entry: Entry) -> bool:
    return entry.op in _OPS and dict(entry.asked).get("io", "in") == "in"


def _external_id(entry: Entry) -> str | None:
    if entry.before is not None:
        return entry.before.external_id
    return None if entry.key.startswith(RESERVED_ID_PREFIX) else entry.key
