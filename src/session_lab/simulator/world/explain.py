"""Why a request was answered as it was, in a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from session_lab.timing import instant_text
from session_lab.wire.limits import RESERVED_ID_PREFIX

if TYPE_CHECKING:
    from session_lab.simulator.model.machine import Row
    from session_lab.simulator.world.journal import Entry

__all__ = ["explain"]

_ADVICE = {
    "start": "so start a new session",
    "message": "so send the message to a new session",
    "append": "so append to a new session",
    "end_and_continue": "so go on in a new session",
}

_STARTED = {
    "initial": "the session was created, and its first run serves the turn that came with the start",
    "queued": "the run was booting, busy or out of turns, so the turn waits",
    "warm": "the run was awake and idle, so the turn started at once",
    "resumed": "the run was suspended and had to be resumed",
    "continuation": "no run was alive, so a continuation was triggered for the turn",
    "upgrade": "a newer version was deployed, so the turn moved to a run of that version",
}

_DONE = {
    "cancel_run": "a run that has not ended is cancelled, and one that has stays as it is",
    "close": "the session is closed from now on; what its run had accepted is still served",
    "close again": "the session was closed before; the first close and its reason stand",
    "end_and_continue": "the calling run was the current one, so a new run took over from it",
    "end_and_continue lost": "the calling run was not the current one, so the new run was cancelled",
    "retrieve": "a session can be read in every state",
    "set_run_status": "the run was put into the status {status} from outside",
    "write_chat_snapshot": "the snapshot of the chat was kept in the place of the one before",
    "write": "what an agent writes goes to its stream past the API, in every state of a session",
    "update": "tags and metadata can be replaced in every state of a session",
}


def explain(entry: Entry) -> str:
    """Explain in a sentence why a request was answered as it was.

    Parameters
    ----------
    entry : Entry
        The request and its answer, as the journal keeps them.
    """
    if entry.reply.error is None:
        why = _accepted(entry)
    else:
        why = _not_written(entry) if entry.op == "write" else _refused(entry)
    return f"{entry.reply.status_code}: {why}"


def _refused(entry: Entry) -> str:
    if entry.session_id is None:
        return _missing(entry.key)
    match entry.reply.status_code:
        case 404:
            caller = dict(entry.asked)["calling_run_id"]
            return f"no run of this environment is called {caller!r}, so none can hand over"
        case 413:
            return _too_large(entry)
        case 422 if entry.op == "update":
            return "an external id can be repeated but not changed, so nothing was changed"
        case 422 | 500:
            return _not_triggered(entry)
        case _:
            return _ended(entry)


def _too_large(entry: Entry) -> str:
    if "per-record" in (entry.reply.error or ""):
        return "the record is larger than a channel takes, so make it smaller or split it"
    return "the channel is full; trim it, or go on in another session"


def _not_written(entry: Entry) -> str:
    if entry.reply.status_code == 412:
        return "the stream is not where its writer took it to be, so nothing was written"
    return f"nothing was written: {entry.reply.error}"


def _missing(key: str) -> str:
    if key.startswith(RESERVED_ID_PREFIX):
        return f"this environment has no session {key!r}"
    return f"nothing was ever started under the external id {key!r}"


def _not_triggered(entry: Entry) -> str:
    if entry.op == "start":
        return (
            "its run was made to fail when it was triggered; the session is there without a live "
            "run, and the same start sent again triggers one"
        )
    if entry.events:
        return "the session has no run that could hand over, so the new run was cancelled"
    return "the new run was made to fail when it was triggered, so nothing was handed over"


def _ended(entry: Entry) -> str:
    row = entry.before
    if row is None:
        expiry = dict(entry.asked)["expires_at"]
        end = f"the start asked for the expiry {expiry}, which was past already; the row stays"
    else:
        end = _end_of(row)
    advice = _ADVICE[entry.op]
    if row is not None and row.external_id is None:
        return f"{end}, {advice}"
    return f"{end} and the external id is spent, {advice} under another external id"


def _end_of(row: Row) -> str:
    if row.closed_at is not None:
        return f"the session was closed at {instant_text(row.closed_at)}; closing is final"
    expiry = "" if row.expires_at is None else f" at {instant_text(row.expires_at)}"
    return f"the session expired{expiry}; expiry is final"


def _accepted(entry: Entry) -> str:
    if entry.reply.start_kind is not None:
        return _STARTED[entry.reply.start_kind]
    if entry.op == "start":
        return _started(entry)
    if entry.op in {"message", "append"}:
        return _sent(entry)
    outcome = entry.op
    if entry.op == "close" and entry.before is not None and entry.before.closed_at is not None:
        outcome = "close again"
    if entry.reply.swapped is False:
        outcome = "end_and_continue lost"
    return _DONE[outcome].format(**dict(entry.asked))


def _started(entry: Entry) -> str:
    if not entry.reply.is_cached:
        new = "no external id was given" if entry.key == entry.session_id else "the id was new"
        return f"{new}, so the session was created and its first run triggered"
    if entry.events:
        return "the session was there but no run was alive, so a continuation was triggered"
    return (
        "the session was there and its run alive, so only its trigger_config was replaced; a "
        "start that finds its session delivers no turn"
    )


def _sent(entry: Entry) -> str:
    if entry.op == "append" and entry.reply.seq is None:
        return "the part id was used less than five minutes before, so nothing was stored"
    if "channel" in dict(entry.asked):
        return "the session was open, and what goes to a side channel wakes no run"
    if entry.run_id is None:
        return "no run was alive and triggering one was made to fail, which no sender is told"
    if entry.events:
        return "the session was open but no run was alive, so a continuation was triggered"
    return "the session was open and its run alive, so no run had to be triggered"
