"""What the page at ``/_lab/`` shows: the newest of a world, and one session in full."""

from __future__ import annotations

from importlib import resources
from itertools import islice
from typing import TYPE_CHECKING, Final

from session_lab.simulator.api.http_types import Response
from session_lab.simulator.control_json import run_view, session_view
from session_lab.simulator.world.journal import to_line
from session_lab.timing import instant_text

if TYPE_CHECKING:
    from session_lab.simulator.api.javascript.json_text import Json
    from session_lab.simulator.backend import Backend
    from session_lab.simulator.model.records import Record

__all__ = ["N_NEWEST", "overview", "page_file", "session_in_full"]

N_NEWEST: Final = 100
"""How many sessions, runs, journal entries and records are shown at most; the newest ones."""

_TYPES: Final = {
    "index.html": "text/html; charset=utf-8",
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
}
_POLICY: Final = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'"


def page_file(name: str) -> Response:
    """Return a file of the page; it may load nothing from elsewhere and run no text as script."""
    body = resources.files("session_lab.simulator").joinpath("page", name).read_bytes()
    headers = {
        "content-type": _TYPES[name],
        "content-security-policy": _POLICY,
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
    }
    return Response(200, headers, body)


def overview(backend: Backend) -> dict[str, Json]:
    """Show a world: its clock, how much there is, the newest sessions and runs, faults, journal."""
    world, now = backend.world, backend.world.now
    sessions: list[Json] = []
    runs: list[Json] = []
    n_sessions = 0
    for environment in backend.environments:
        newest = world.newest_sessions(environment=environment.id)
        n_sessions += len(newest)
        for row in newest[:N_NEWEST]:
            shown = world.shown(row.session_id, environment=environment.id)
            if shown is not None:
                sessions.append(session_view(shown, now))
        records = islice(world.newest_runs(environment=environment.id), N_NEWEST)
        runs.extend(run_view(world.seen(record)) for record in records)
    return {
        "now": instant_text(now),
        "seed": world.seed,
        "clock": "real" if backend.follows_system_clock else "virtual",
        "profile": world.profile.name,
        "followsPolicy": world.policy is not None,
        "agent": None if world.agent is None else world.agent.to_dict(),
        "sessionCount": n_sessions,
        "requestCount": len(world.journal),
        "sessions": sessions,
        "runs": runs,
        "faults": backend.faults.to_dict() | {"trigger": backend.trigger_fault},
        "journal": [to_line(entry) for entry in world.journal[: -N_NEWEST - 1 : -1]],
    }


def session_in_full(backend: Backend, key: str) -> dict[str, Json] | None:
    """Show a session with its runs and the newest records of its channels; None: there is none."""
    world = backend.world
    for environment in backend.environments:
        shown = world.shown(key, environment=environment.id)
        if shown is None:
            continue
        runs = world.runs_of(key, environment=environment.id)
        channels: dict[str, Json] = {}
        for io in ("in", "out"):
            stream = world.stream_key(key, environment.id, io)
            first = max(world.tail(stream).seq - N_NEWEST, 0)
            newest = world.stream_records(stream, first)
            channels[io] = [_record_view(record) for record in newest][::-1]
        return {
            "session": session_view(shown, world.now),
            "runs": [run_view(run) for run in runs[: -N_NEWEST - 1 : -1]],
            "records": channels,
        }
    return None


def _record_view(record: Record) -> Json:
    return {
        "seq": record.seq,
        "at": instant_text(record.at),
        "control": record.control,
        "data": record.data,
    }
