"""Why a request was answered as it was, in a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from session_lab.timing import instant_text

if TYPE_CHECKING:
    from session_lab.simulator.journal import Entry
    from session_lab.simulator.machine import Row

__all__ = ["explain"]

_ADVICE = {
    "start": "so start a new session under another external id",
    "message": "so send the message to a new session under another external id",
}

_STARTED = {
    "queued": "the run was busy or booting, so the turn waited for it",
    "warm": "the run was awake and idle, so the turn started at once",
    "resumed": "the run was suspended and had to be resumed",
    "initial": "the turn came with the start and had to wait for its run to boot",
    "continuation": "no run was alive, so a continuation was triggered for the turn",
    "upgrade": "a newer version was deployed, so the turn moved to a run of that version",
}


def explain(entry: Entry) -> str:
    """Say in a sentence why a request was answered as it was.

    Parameters
    ----------
    entry : Entry
        The request and its answer, as the journal keeps them.
    """
    return f"{entry.reply.status_code}: {_refused(entry) or _accepted(entry)}"


def _refused(entry: Entry) -> str | None:
    if entry.reply.error is None:
        return None
    before = entry.before
    if before is None and entry.session_id is None:
        return f"nothing was ever started under the external id {entry.key!r}"
    if before is None:
        expiry = dict(entry.asked)["expires_at"]
        return (
            f"the start asked for the expiry {expiry}, which was past already; the session was "
            "stored all the same and the external id is spent, "
            f"{_ADVICE['start']}"
        )
    return f"{_end_of(before)} and the external id is spent, {_ADVICE[entry.op]}"


def _end_of(row: Row) -> str:
    if row.closed_at is not None:
        return f"the session was closed at {instant_text(row.closed_at)}; closing is final"
    expiry = "" if row.expires_at is None else f" at {instant_text(row.expires_at)}"
    return f"the session expired{expiry}; expiry is final"


def _accepted(entry: Entry) -> str:
    reply = entry.reply
    triggered = [event for event in entry.events if event.event == "run_triggered"]
    if reply.start_kind is not None:
        return _STARTED[reply.start_kind]
    if reply.is_cached is False:
        return "the external id was new, so the session was created and its first run triggered"
    if entry.op == "close" and entry.before is not None and entry.before.closed_at is not None:
        return "the session was closed before; the first close and its reason stand"
    if triggered:
        return "the session was there but no run was alive, so a continuation was triggered"
    if reply.is_cached:
        return "the session was there and its run alive, so nothing but the row's time changed"
    return f"the session was there, in a state that allows to {entry.op} it"
