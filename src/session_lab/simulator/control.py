"""The control API: the paths below ``/_lab``, which only a simulator has.

They move time, end runs, set faults, and show and restore the world. They take no key, so they are
for the machine they run on; a server that can be reached from elsewhere has to guard them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from session_lab.errors import DataError, SimulationError
from session_lab.simulator.api.http_types import Response, json_response
from session_lab.simulator.api.javascript.json_text import Json, parse_json, render_json
from session_lab.simulator.api.paths import path_segments
from session_lab.simulator.control_json import run_view, session_view, status_warning
from session_lab.simulator.faults.plan import FaultPlan
from session_lab.simulator.overview import overview, page_file, session_in_full
from session_lab.simulator.world.journal import to_line
from session_lab.simulator.world.snapshots.snapshot import Snapshot
from session_lab.timing import LONGEST_DURATION, instant_text, to_instant
from session_lab.wire.limits import CHANNEL_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from session_lab.simulator.api.http_types import Request
    from session_lab.simulator.backend import Backend

    Handler = Callable[[Backend, Request, str], Response]

__all__ = ["BELOW", "ROOT", "answer"]

ROOT: Final = "_lab"
BELOW: Final = f"/{ROOT}/"


class _Body(BaseModel):
    """A body of the control API; the descriptions of its fields say what they take."""

    model_config = ConfigDict(extra="forbid", strict=True)


_Body_ = TypeVar("_Body_", bound=_Body)


class _Reset(_Body):
    seed: Annotated[int, Field(description="a whole number")] = 0
    now: Annotated[str | None, Field(description="an instant such as 2026-01-01T00:00:00Z")] = None


class _Advance(_Body):
    ms: Annotated[
        int, Field(ge=0, le=LONGEST_DURATION, description="whole milliseconds, 0 or more")
    ]


class _RunStatus(_Body):
    status: Annotated[
        str, Field(pattern="^[A-Z_]+$", description="the platform's internal name of a status")
    ]


class _Close(_Body):
    reason: Annotated[str | None, Field(description="a text")] = None


class _Written(_Body):
    data: Annotated[Any, Field(description="any JSON, in place of control")] = None
    control: Annotated[
        str | None, Field(min_length=1, description="a text such as turn-complete")
    ] = None
    headers: Annotated[dict[str, str], Field(description="an object of texts, beside control")] = (
        Field(default_factory=dict[str, str])
    )
    channel: Annotated[
        str | None,
        Field(pattern=f"^{CHANNEL_NAME}$", description="the name of a side channel"),
    ] = None


class _Refused(Exception):  # noqa: N818  it carries a response and never reaches a caller
    def __init__(self, error: str, field: str, allowed: str, status: int = 400) -> None:
        super().__init__(error)
        body = {"error": error, "field": field, "allowed": allowed}
        self.response = json_response(body, status)


def answer(backend: Backend, request: Request) -> Response:
    """Answer a request to the control API.

    Parameters
    ----------
    backend : Backend
        Whose world is shown and changed.
    request : Request
        Its path begins with ``/_lab``.

    Returns
    -------
    Response
        400 says what was wrong with which field and what it takes; 404 lists the paths there are,
        405 the methods of the path.
    """
    found = _route(request.path)
    if found is None:
        message = f"there is no {request.path} in the control API"
        return json_response({"error": message, "allowed": list(_ROUTES)}, 404)
    handlers, argument = found
    handler = handlers.get(request.method)
    if handler is None:
        message = f"{request.method} is not a method of {request.path}"
        allowed = {"allow": ", ".join(handlers)}
        return json_response({"error": message, "allowed": list(handlers)}, 405, allowed)
    try:
        return handler(backend, request, argument)
    except _Refused as refused:
        return refused.response


def _route(path: str) -> tuple[Mapping[str, Handler], str] | None:
    try:
        segments = path_segments(path)
    except ValueError:
        return None
    exact = _ROUTES.get(path)
    if exact is not None:
        return exact, ""
    for template, handlers in _ROUTES.items():
        parts = template.split("/")[1:]
        if len(parts) == len(segments) and all(map(_fits, parts, segments)):
            return handlers, next(
                it for part, it in zip(parts, segments, strict=True) if part != it
            )
    return None


def _fits(part: str, segment: str) -> bool:
    """Return whether a segment of a path is that of a template, or its argument."""
    return part == segment or (part.startswith("{") and segment != "")


def _reset(backend: Backend, request: Request, _: str) -> Response:
    body = _read(_Reset, request)
    if body.now is not None:
        _refuse_on_system_clock(backend, "now")
    backend.reset(seed=body.seed, now=_instant(body.now))
    return _show_clock(backend)


def _clock(backend: Backend, _request: Request, _: str) -> Response:
    return _show_clock(backend)


def _advance(backend: Backend, request: Request, _: str) -> Response:
    body = _read(_Advance, request)
    _refuse_on_system_clock(backend, "ms")
    try:
        backend.clock.advance_to(backend.clock.milliseconds() + body.ms)
    except DataError as error:
        raise _Refused(str(error), "ms", "an instant before the year 10000") from None
    return _show_clock(backend)


def _run(backend: Backend, _request: Request, run_id: str) -> Response:
    return json_response(_run_or_404(backend, run_id))


def _force(backend: Backend, request: Request, run_id: str) -> Response:
    body = _read(_RunStatus, request)
    _run_or_404(backend, run_id)
    try:
        backend.world.set_run_status(run_id, body.status)
    except SimulationError as error:
        raise _Refused(str(error), "status", "a status that ends a run") from None
    warning = status_warning(body.status)
    told = {} if warning is None else {"warning": warning}
    return json_response(_run_or_404(backend, run_id) | told)


def _set_faults(backend: Backend, request: Request, _: str) -> Response:
    document = _json(request)
    sets_trigger = isinstance(document, dict) and "trigger" in document
    rest = (
        {key: document[key] for key in document if key != "trigger"} if sets_trigger else document
    )
    try:
        # Read before anything is set, so that a bad plan changes nothing.
        plan = None if sets_trigger and not rest else FaultPlan.of(rest)
        if sets_trigger:
            backend.trigger_fault = document["trigger"]
        if plan is not None:
            backend.faults = plan
    except DataError as error:
        place = ".".join(part for part in (error.source, error.column) if part)
        raise _Refused(str(error), place, _FAULT_FORMS) from None
    return _show_faults(backend)


def _clear_faults(backend: Backend, _request: Request, _: str) -> Response:
    backend.faults = None
    backend.trigger_fault = None
    return _show_faults(backend)


def _faults(backend: Backend, _request: Request, _: str) -> Response:
    return _show_faults(backend)


def _set_agent(backend: Backend, request: Request, _: str) -> Response:
    document = _json(request)
    if not isinstance(document, dict):
        raise _Refused("the body is not a JSON object", "", _AGENT_FORM)
    try:
        backend.agent = document
    except DataError as error:
        raise _Refused(str(error), error.column or "", _AGENT_FORM) from None
    return _show_agent(backend)


def _clear_agent(backend: Backend, _request: Request, _: str) -> Response:
    backend.agent = None
    return _show_agent(backend)


def _agent(backend: Backend, _request: Request, _: str) -> Response:
    return _show_agent(backend)


def _journal(backend: Backend, _request: Request, _: str) -> Response:
    return _lines(to_line(entry).encode() for entry in backend.world.journal)


def _sessions(backend: Backend, _request: Request, _: str) -> Response:
    world = backend.world
    shown = (world.shown(row.session_id, environment=row.environment) for row in world.sessions)
    return _lines(render_json(session_view(each, world.now)) for each in shown if each is not None)


def _session(backend: Backend, _request: Request, key: str) -> Response:
    detail = session_in_full(backend, key)
    if detail is None:
        raise _no_session(key)
    return json_response(detail)


def _close(backend: Backend, request: Request, key: str) -> Response:
    body = _read(_Close, request)
    backend.world.close(key, reason=body.reason, environment=_environment_of(backend, key))
    return _session(backend, request, key)


def _write(backend: Backend, request: Request, key: str) -> Response:
    body = _read(_Written, request)
    if ("data" in body.model_fields_set) is (body.control is not None):
        raise _Refused("give either data or control", "control", _allowed(_Written, "control"))
    if body.headers and body.control is None:
        raise _Refused("headers go with control", "headers", _allowed(_Written, "headers"))
    environment = _environment_of(backend, key)
    world, channel = backend.world, body.channel
    if body.control is None:
        entry = world.write_data(key, body.data, channel=channel, environment=environment)
    else:
        entry = world.write_control(
            key, body.control, body.headers, channel=channel, environment=environment
        )
    if entry.reply.error is not None:
        field = "data" if body.control is None else "headers"
        raise _Refused(
            entry.reply.error, field, "less than a record holds", entry.reply.status_code
        )
    return json_response({"seq": entry.reply.seq})


def _overview(backend: Backend, _request: Request, _: str) -> Response:
    return json_response(overview(backend))


def _to_page(_backend: Backend, _request: Request, _: str) -> Response:
    return Response(308, {"location": BELOW}, b"")


def _page(_backend: Backend, request: Request, _: str) -> Response:
    return page_file(request.path.removeprefix(BELOW) or "index.html")


def _runs(backend: Backend, _request: Request, _: str) -> Response:
    return _lines(render_json(run_view(run)) for run in backend.world.runs)


def _snapshot(backend: Backend, _request: Request, _: str) -> Response:
    body = backend.world.snapshot().to_json().encode()
    return Response(200, {"content-type": "application/json; charset=utf-8"}, body)


def _restore(backend: Backend, request: Request, _: str) -> Response:
    try:
        backend.world.restore(Snapshot.from_json(request.text))
    except DataError as error:
        raise _Refused(str(error), "", "what GET /_lab/snapshot answered") from None
    return _show_clock(backend)


_UNKNOWN_FIELD: Final = "extra_forbidden"
_AGENT_FORM: Final = '{"replies": "echo"}, or {"replies": [REPLY, ...], "pace": "50ms"}'
_FAULT_FORMS: Final = '{"rules": [...]}, {"trigger": "svc_error" | "throw" | null}, or both'
_ROUTES: Final[Mapping[str, Mapping[str, Handler]]] = {
    "/_lab": {"GET": _to_page},
    "/_lab/": {"GET": _page},
    "/_lab/page.css": {"GET": _page},
    "/_lab/page.js": {"GET": _page},
    "/_lab/overview": {"GET": _overview},
    "/_lab/agent": {"GET": _agent, "PUT": _set_agent, "DELETE": _clear_agent},
    "/_lab/clock": {"GET": _clock},
    "/_lab/clock/advance": {"POST": _advance},
    "/_lab/faults": {"GET": _faults, "PUT": _set_faults, "DELETE": _clear_faults},
    "/_lab/journal": {"GET": _journal},
    "/_lab/reset": {"POST": _reset},
    "/_lab/runs": {"GET": _runs},
    "/_lab/runs/{run_id}": {"GET": _run, "POST": _force},
    "/_lab/sessions": {"GET": _sessions},
    "/_lab/sessions/{session}": {"GET": _session},
    "/_lab/sessions/{session}/close": {"POST": _close},
    "/_lab/sessions/{session}/out": {"POST": _write},
    "/_lab/snapshot": {"GET": _snapshot, "PUT": _restore},
}


def _show_agent(backend: Backend) -> Response:
    return json_response(None if backend.agent is None else backend.agent.to_dict())


def _show_faults(backend: Backend) -> Response:
    return json_response(backend.faults.to_dict() | {"trigger": backend.trigger_fault})


def _show_clock(backend: Backend) -> Response:
    now = backend.clock.milliseconds()
    return json_response({"now": instant_text(now), "ms": now, "seed": backend.world.seed})


def _lines(lines: Iterable[bytes]) -> Response:
    body = b"".join(line + b"\n" for line in lines)
    return Response(200, {"content-type": "application/x-ndjson"}, body)


def _run_or_404(backend: Backend, run_id: str) -> dict[str, Any]:
    for environment in backend.environments:
        record = backend.world.run(run_id, environment=environment.id)
        if record is not None:
            return run_view(record)
    raise _Refused(f"there is no run {run_id}", "run_id", "an id of GET /_lab/runs", 404)


def _environment_of(backend: Backend, key: str) -> str:
    for environment in backend.environments:
        if backend.world.session(key, environment=environment.id) is not None:
            return environment.id
    raise _no_session(key)


def _no_session(key: str) -> _Refused:
    return _Refused(f"there is no session {key}", "session", "an id of GET /_lab/sessions", 404)


def _instant(text: str | None) -> int | None:
    try:
        return None if text is None else to_instant(text, name="now")
    except DataError as error:
        raise _Refused(str(error), "now", _allowed(_Reset, "now")) from None


def _refuse_on_system_clock(backend: Backend, field: str) -> None:
    if backend.follows_system_clock:
        message = "time is the machine's here; start the server with --clock virtual to set it"
        raise _Refused(message, field, "nothing under --clock real")


def _json(request: Request) -> Json:
    try:
        return parse_json(request.text or "{}")
    except (ValueError, RecursionError) as error:
        raise _Refused(f"the body is not JSON: {error}", "", "a JSON object") from None


def _read(model: type[_Body_], request: Request) -> _Body_:
    document = _json(request)
    if not isinstance(document, dict):
        raise _Refused("the body is not a JSON object", "", _allowed(model, ""))
    try:
        return model.model_validate(document)
    except ValidationError as error:
        # A field that is not known explains one that is missing.
        issue = max(error.errors(include_url=False), key=lambda it: it["type"] == _UNKNOWN_FIELD)
        field = ".".join(str(step) for step in issue["loc"])
        raise _Refused(f"{field}: {issue['msg']}", field, _allowed(model, field)) from None


def _allowed(model: type[_Body], field: str) -> str:
    """Describe what a field takes, or, where there is no such field, which fields there are."""
    known = model.model_fields.get(field)
    if known is None:
        return f"the fields {', '.join(model.model_fields)}"
    return str(known.description)
