"""The calls on sessions: arguments in, operation out."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from session_lab.client.operations.arguments import body, choices, instant, path_id, period_text
from session_lab.client.pages.paging import ListPlan
from session_lab.client.requests import operation_on
from session_lab.errors import DataError
from session_lab.timing import instant_text
from session_lab.wire import limits
from session_lab.wire.bodies import CloseBody, EndAndContinueBody, StartBody, UpdateBody
from session_lab.wire.listing import SessionQuery
from session_lab.wire.sessions import (
    Session,
    SessionPage,
    SessionRow,
    StartedSession,
    SwappedRun,
    TriggerConfig,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from session_lab.client.requests import Operation
    from session_lab.timing import Duration, Instant

__all__ = [
    "UNSET",
    "Unset",
    "close",
    "end_and_continue",
    "list_",
    "retrieve",
    "start",
    "update",
]


class Unset(Enum):
    """Stands for an argument that was not given, where None means ``null``."""

    UNSET = "not given"


UNSET: Final = Unset.UNSET
"""The one value of :class:`Unset`."""


def start(
    *,
    type: str,
    task_identifier: str,
    trigger_config: TriggerConfig | Mapping[str, Any],
    external_id: str | None = None,
    tags: Sequence[str] | None = None,
    metadata: Mapping[str, Any] | None = None,
    expires_at: Instant | None = None,
) -> Operation[StartedSession]:
    """Start a session, or find the one that has this external id.

    A known external id answers with the stored session (``is_cached``): only its ``trigger_config``
    is replaced, and a run is started if none is alive. An external id is never free again: closing
    or expiring its session burns it. An ``expires_at`` in the past burns it at once.
    (Trigger.dev docs: Sessions)

    With ``external_id`` the call is repeated after a lost reply, and may then find the session that
    its first attempt made. Without one every call makes a new session, so it is repeated only where
    the server surely did nothing.

    Parameters
    ----------
    type : str
        Free text, such as ``"chat"``; at most 64 UTF-16 units.
    task_identifier : str
        The task whose runs serve the session.
    trigger_config : TriggerConfig or mapping
        How its runs are triggered; ``base_payload`` is required. Keys of a mapping may be written
        in snake_case or in camelCase.
    external_id : str, optional
        Your own id for the session; blanks around it are cut off.
    tags : sequence of str, optional
        At most 10.
    metadata : mapping, optional
        JSON of your own.
    expires_at : str or datetime, optional
        ISO 8601 text with a zone, or an aware datetime.

    Returns
    -------
    StartedSession
        The session, its run, and a token for this session alone.

    Raises
    ------
    SessionClosedError, SessionExpiredError
        The external id belongs to a session that is over.
    DataError
        A field breaks a documented limit; nothing was sent.

    Examples
    --------
    >>> from session_lab.client import Client
    >>> request = Client("tr_dev_example").dry_run.sessions.start(
    ...     type="chat", task_identifier="support", trigger_config={"base_payload": {}}
    ... )
    >>> request.content
    b'{"type":"chat","taskIdentifier":"support","triggerConfig":{"basePayload":{}}}'
    """
    expiry = instant(expires_at, name="expires_at")
    content = body(
        StartBody,
        limits.MAX_SESSION_BODY_BYTES,
        type=type,
        task_identifier=task_identifier,
        trigger_config=_trigger_fields(trigger_config),
        external_id=external_id,
        tags=tags,
        metadata=metadata,
        expires_at=None if expiry is None else instant_text(expiry),
    )
    return operation_on(
        "sessions.start",
        StartedSession.model_validate,
        content=content,
        idempotent=external_id is not None,
    )


def retrieve(id: str) -> Operation[Session]:
    """Retrieve a session by its own id or its external id.

    An id that begins with ``session_`` is looked up as the API's own id, any other as an external
    id. Its ``current_run_id`` is the last run, which may be over.

    Parameters
    ----------
    id : str
        Either id of the session.

    Returns
    -------
    Session
        The session as it is now; ``status_at`` says whether it is closed or expired.

    Raises
    ------
    NotFoundError
        There is no such session in this environment.
    """
    return operation_on("sessions.retrieve", Session.model_validate, {"session": path_id(id)})


def update(
    id: str,
    *,
    tags: Sequence[str] | Unset = UNSET,
    metadata: Mapping[str, Any] | Unset | None = UNSET,
    external_id: str | Unset | None = UNSET,
) -> Operation[Session]:
    """Replace a session's tags or metadata; closed and expired ones too.

    What is not given stays as it is. ``metadata=None`` clears it.

    Parameters
    ----------
    id : str
        Either id of the session.
    tags : sequence of str, optional
        Replace the stored tags.
    metadata : mapping or None, optional
        Replaces the stored metadata.
    external_id : str or None, optional
        Cannot be changed: anything but the stored value is answered with 422.

    Returns
    -------
    Session
        The session after the change.
    """
    given = {"tags": tags, "metadata": metadata, "external_id": external_id}
    fields = {name: value for name, value in given.items() if value is not UNSET}
    content = body(UpdateBody, limits.MAX_SESSION_BODY_BYTES, **fields)
    return operation_on(
        "sessions.update", Session.model_validate, {"session": path_id(id)}, content=content
    )


def close(
    id: str, *, reason: str | None = None, calling_run_id: str | None = None
) -> Operation[Session]:
    """Close a session for good; its live run is not cancelled.

    The first close counts: a further one answers with the first time and reason.

    Parameters
    ----------
    id : str
        Either id of the session.
    reason : str, optional
        At most 256 UTF-16 units.
    calling_run_id : str, optional
        The session's own run, when that is what closes it; older servers ignore it.

    Returns
    -------
    Session
        The closed session.
    """
    fields = {"reason": reason, "calling_run_id": calling_run_id}
    content = body(CloseBody, limits.MAX_HANDOVER_BODY_BYTES, **fields)
    return operation_on(
        "sessions.close", Session.model_validate, {"session": path_id(id)}, content=content
    )


def end_and_continue(
    id: str,
    *,
    calling_run_id: str,
    reason: str,
    external_deployment_id: str | None = None,
) -> Operation[SwappedRun]:
    """End a session's current run and continue with a new one.

    The calling run is not stopped: it is expected to end by itself. Repeated only where the server
    surely did nothing, since each call triggers a run.

    Parameters
    ----------
    id : str
        Either id of the session.
    calling_run_id : str
        The run that ends; if it is not the session's current run, nothing is swapped.
    reason : str
        ``"continuation"``, ``"upgrade"`` or ``"manual"``; the API takes other text for manual.
    external_deployment_id : str, optional
        The deployment to continue on; older servers ignore it.

    Returns
    -------
    SwappedRun
        The session's run, and whether this call changed it.
    """
    content = body(
        EndAndContinueBody,
        limits.MAX_HANDOVER_BODY_BYTES,
        calling_run_id=calling_run_id,
        reason=reason,
        external_deployment_id=external_deployment_id,
    )
    return operation_on(
        "sessions.end_and_continue",
        SwappedRun.model_validate,
        {"session": path_id(id)},
        content=content,
        idempotent=False,
    )


def list_(
    *,
    type: str | Iterable[str] | None = None,
    tag: str | Iterable[str] | None = None,
    task_identifier: str | Iterable[str] | None = None,
    external_id: str | Iterable[str] | None = None,
    status: str | Iterable[str] | None = None,
    period: Duration | None = None,
    from_: Instant | None = None,
    to: Instant | None = None,
    limit: int | None = None,
    after: str | None = None,
    before: str | None = None,
) -> ListPlan[SessionRow]:
    """List sessions, newest first, over all pages.

    Nothing is asked for before the first row is. Iterate for rows, or over ``.pages()``.

    The API takes one value per filter. Where several are given, each is asked for by itself and
    the answers are merged, newest first and without duplicates; with several values for more than
    one filter, each combination is asked for. A session whose status changes meanwhile can be
    missed or come with the status it had.

    Parameters
    ----------
    type, tag, task_identifier, external_id : str or iterable of str, optional
        Exact values. ``tag`` is a tag of the session itself, not of its ``trigger_config``.
    status : str or iterable of str, optional
        ``"ACTIVE"``, ``"CLOSED"`` or ``"EXPIRED"``.
    period : str or timedelta, optional
        Created at most so long ago, such as ``"7d"``.
    from_, to : str or datetime, optional
        Created in this window, both ends included.
    limit : int, optional
        Rows **per page**, 1 to 100. For the first rows of all use ``itertools.islice``.
    after : str, optional
        A page's ``next_cursor``: go on from there.
    before : str, optional
        A page's ``previous_cursor``: go back from there, towards newer rows. Rows then come oldest
        first, the nearest to the cursor at the beginning; each page still shows its newest first.

    Returns
    -------
    Listing of SessionRow
        Sessions without their ``trigger_config``.
    """
    query = SessionQuery(
        type=choices(type, name="type"),
        tag=choices(tag, name="tag"),
        task_identifier=choices(task_identifier, name="task_identifier"),
        external_id=choices(external_id, name="external_id"),
        status=choices(status, name="status"),
        period=period_text(period),
        from_=instant(from_, name="from_"),
        to=instant(to, name="to"),
        limit=limit,
        after=after,
        before=before,
    )
    return ListPlan(name="sessions.list", page=SessionPage, queries=tuple(query.split()))


def _trigger_fields(config: TriggerConfig | Mapping[str, Any]) -> dict[str, Any]:
    """Read fields as they are from a model, but refuse unknown keys of a mapping as misspelt."""
    if isinstance(config, TriggerConfig):
        return config.model_dump()
    known = {
        spelling
        for name, field in TriggerConfig.model_fields.items()
        for spelling in (name, field.alias)
    }
    for key in config:
        if key not in known:
            message = (
                f"{key!r} is not a known field; those are {', '.join(TriggerConfig.model_fields)}. "
                "To send a newer one, make a TriggerConfig of it"
            )
            raise DataError(message, column="trigger_config")
    return dict(config)
