"""What is asked of an environment, one request after the other, and the piece each answer makes."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from session_lab.errors import APIResponseError, APIStatusError
from session_lab.frames.values import decoded
from session_lab.replays.environment.evidence.arrivals import read_arrival
from session_lab.replays.environment.evidence.spans import read_trace
from session_lab.timing import instant_text, to_instant

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from session_lab.client import Client
    from session_lab.client.pages.paging import PlainPage
    from session_lab.replays.environment.pulling.rate import Rate

__all__ = ["Asking"]

_PAGE = 100
_RUNS = (
    "SELECT run_id, task_identifier, status, queue, region, triggered_at, queued_at, dequeued_at, "
    "executed_at, completed_at, expired_at, delay_until, execution_duration, total_duration, "
    "queued_duration, usage_duration, compute_cost, invocation_cost, total_cost, tags, "
    "task_version, machine, is_test, is_warm_start, concurrency_key, max_duration, attempt_count FROM runs "
    "WHERE task_identifier IN ({tasks}) AND run_id > {after} ORDER BY run_id LIMIT 10000"
)
_GONE = {404, 410}
_CARRIERS = frozenset({"submit-message", "regenerate-message"})

Piece = dict[str, Any]


class Asking:
    """The requests of a pull, each of which waits until the rate allows it; threads may share it.

    Parameters
    ----------
    client : Client
        Whom to ask.
    rate : Rate
        How often.
    """

    def __init__(self, client: Client, rate: Rate) -> None:
        self._client = client
        self._rate = rate

    def now(self) -> int:
        """Return what time it is at the server, to the second, in milliseconds since 1970."""
        self._rate.take()
        headers = self._client.with_raw_response.sessions.list(limit=1).headers
        try:
            return to_instant(parsedate_to_datetime(headers["date"]))
        except (KeyError, ValueError):
            return self._client.clock.milliseconds()

    def session_pages(self, question: Mapping[str, Any], cursor: str | None) -> Iterator[PlainPage]:
        """Iterate over pages of the list of sessions."""
        listing = self._client.sessions.list(**question, limit=_PAGE, after=cursor)
        return self._paced(listing.plain_pages())

    def run_pages(
        self, tasks: list[str], window: tuple[int, int], cursor: str | None
    ) -> Iterator[PlainPage]:
        """Iterate over pages of the list of runs."""
        first, last = map(instant_text, window)
        listing = self._client.runs.list(
            task_identifier=tasks, from_=first, to=last, limit=_PAGE, after=cursor
        )
        return self._paced(listing.plain_pages())

    def _paced(self, pages: Iterator[PlainPage]) -> Iterator[PlainPage]:
        while True:
            self._rate.take()
            page = next(pages, None)
            if page is None:
                return
            yield page
            if page.cursor is None:
                return

    def queried_runs(self, tasks: list[str], window: tuple[int, int]) -> list[dict[str, Any]]:
        """Ask the query API for the runs of a window; rows have an ``id`` too."""
        first, last = map(instant_text, window)
        named = ", ".join(_literal(task) for task in tasks)
        sql = _RUNS.replace("{tasks}", named)
        self._rate.take()
        rows = self._client.query(sql, from_=first, to=last, page_by="run_id")
        if not all(isinstance(row.get("run_id"), str) for row in rows):
            message = "the query API gave rows of runs without their run_id"
            raise APIResponseError(message, status_code=200, body="")
        return [{"id": row["run_id"], **row} for row in rows]

    def trace(self, run: str, *, is_over: bool) -> Piece:
        """Read a run's trace; it is final once the run is over and nothing in it goes on."""
        self._rate.take()
        try:
            reply = self._client.with_raw_response.runs.trace(run)
        except APIStatusError as error:
            _check_gone(error)
            return {"trace": run, "facts": None, "settled": is_over}
        try:
            facts = read_trace(decoded(reply.content))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            message = f"the trace of {run} is not what the API documents: {error!r}"
            raise APIResponseError(message, status_code=reply.status_code, body="") from None
        ends = [turn.ended_at for turn in facts.turns] + [wait.ended_at for wait in facts.waits]
        return {"trace": run, "facts": facts, "settled": is_over and None not in ends}

    def arrivals(self, session: str, *, after: int | None, is_over: bool) -> Piece:
        """Read what came on a session's ``in`` behind a record, with its times."""
        self._rate.take()
        stream = self._client.sessions.stream
        try:
            records = stream(session, io="in", last_event_id=after, follow=False)
            found = [read_arrival(record) for record in records]
        except APIStatusError as error:
            _check_gone(error)
            return {"in": session, "records": None, "settled": is_over}
        kept = [arrival for arrival in found if arrival is not None]
        return {"in": session, "records": kept, "settled": is_over}

    def retrieved(self, run: str) -> tuple[Piece, list[Piece]]:
        """Retrieve a run: what its payload tells beside the texts, and its row if there is one."""
        self._rate.take()
        told: Piece = {"payload": run, "session": None, "previous": None, "carries": None}
        try:
            reply = self._client.with_raw_response.runs.retrieve(run)
        except APIStatusError as error:
            _check_gone(error)
            return told, []
        row = decoded(reply.content)
        payload = row.get("payload") if isinstance(row, dict) else None
        if isinstance(payload, dict):
            for name, key in (("session", "sessionId"), ("previous", "previousRunId")):
                told[name] = payload[key] if isinstance(payload.get(key), str) else None
            told["carries"] = "message" in payload or payload.get("trigger") in _CARRIERS
        return told, [{"rows": [_without_payload(row)], "of": "runs"}]

    def payload(self, run: str) -> list[Piece]:
        """Retrieve what the payload of a run that was listed tells beside the texts."""
        return [self.retrieved(run)[0]]


def _check_gone(error: APIStatusError) -> None:
    """Raise an error again, unless it says that there is no such thing, or not any more."""
    if error.status_code not in _GONE:
        raise error


def _without_payload(row: dict[str, Any]) -> dict[str, Any]:
    left_out = {"payload", "payloadPresignedUrl", "output", "outputPresignedUrl", "error"}
    left_out |= {"relatedRuns", "attempts", "schedule"}
    return {name: value for name, value in row.items() if name not in left_out}


def _literal(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
