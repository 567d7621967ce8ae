"""The calls on runs: arguments in, operation out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from session_lab.client.operations.arguments import choices, instant, path_id, period_text
from session_lab.client.pages.paging import ListPlan
from session_lab.client.requests import operation_on
from session_lab.wire.listing import RunQuery
from session_lab.wire.run.runs import CanceledRun, RetrievedRun, RunPage, RunRow
from session_lab.wire.run.traces import Trace, TraceReply

if TYPE_CHECKING:
    from collections.abc import Iterable

    from session_lab.client.requests import Operation
    from session_lab.timing import Duration, Instant

__all__ = ["cancel", "list_", "retrieve", "trace"]


def retrieve(id: str) -> Operation[RetrievedRun]:
    """Retrieve a run with its payload.

    The API says of a missing run that asking again may help, so that takes all attempts.

    Parameters
    ----------
    id : str
        Such as ``"run_..."``.

    Returns
    -------
    RetrievedRun
        The run as it is now.

    Raises
    ------
    NotFoundError
        There is no such run in this environment.
    """
    return operation_on("runs.retrieve", RetrievedRun.model_validate, {"run": path_id(id)})


def cancel(id: str) -> Operation[CanceledRun]:
    """Cancel a run; nothing changes where it is over already.

    Parameters
    ----------
    id : str
        Such as ``"run_..."``.

    Returns
    -------
    CanceledRun
        Its id.
    """
    return operation_on("runs.cancel", CanceledRun.model_validate, {"run": path_id(id)})


def trace(id: str) -> Operation[Trace]:
    """Retrieve what a run did, as a tree of timed spans.

    Traces are kept as long as the plan keeps logs: a day, a week or a month.

    Parameters
    ----------
    id : str
        Such as ``"run_..."``.

    Returns
    -------
    Trace
        The root span with its children; ``.spans()`` iterates over all of them.

    Raises
    ------
    NotFoundError
        The run is unknown, or its trace is not kept any more.
    """
    return operation_on("runs.trace", TraceReply.read, {"run": path_id(id)})


def list_(
    *,
    status: str | Iterable[str] | None = None,
    task_identifier: str | Iterable[str] | None = None,
    version: str | Iterable[str] | None = None,
    tag: str | Iterable[str] | None = None,
    queue: str | Iterable[str] | None = None,
    region: str | Iterable[str] | None = None,
    machine: str | Iterable[str] | None = None,
    bulk_action: str | None = None,
    schedule: str | None = None,
    batch: str | None = None,
    error: str | None = None,
    is_test: bool | None = None,
    period: Duration | None = None,
    from_: Instant | None = None,
    to: Instant | None = None,
    limit: int | None = None,
    after: str | None = None,
    before: str | None = None,
) -> ListPlan[RunRow]:
    """List runs, newest first, over all pages.

    **Without** ``period``, ``from_`` and ``to`` **only the last seven days are listed.** The API
    has no filter for the runs of a session; they are found by a tag that the session's
    ``trigger_config`` gives them, by convention ``chat:<external id>``.
    (``apps/webapp/app/presenters/v3/ApiRunListPresenter.server.ts``)

    Parameters
    ----------
    status, task_identifier, version, tag, queue, region, machine : str or iterable, optional
        Any of these values; the API cannot be asked for a value with a comma. It knows the statuses
        of `session_lab.wire.RunStatus`, as ``"EXECUTING"``, and refuses others by name.
    bulk_action, schedule, batch, error : str, optional
        Exactly this value.
    is_test : bool, optional
        Test runs only, or none.
    period : str or timedelta, optional
        Created at most so long ago, such as ``"30d"``; not together with ``from_`` and ``to``.
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
    Listing of RunRow
        Runs without their payload.
    """
    query = RunQuery(
        status=choices(status, name="status"),
        task_identifier=choices(task_identifier, name="task_identifier"),
        version=choices(version, name="version"),
        tag=choices(tag, name="tag"),
        queue=choices(queue, name="queue"),
        region=choices(region, name="region"),
        machine=choices(machine, name="machine"),
        bulk_action=bulk_action,
        schedule=schedule,
        batch=batch,
        error=error,
        is_test=is_test,
        period=period_text(period),
        from_=instant(from_, name="from_"),
        to=instant(to, name="to"),
        limit=limit,
        after=after,
        before=before,
    )
    return ListPlan(name="runs.list", page=RunPage, queries=(query,))
