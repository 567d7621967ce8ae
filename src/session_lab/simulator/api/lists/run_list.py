"""The list of runs: filters, pages and cursors.

Its rules differ from those of the list of sessions: filters take values joined with commas, without
a time filter the list looks back seven days, and a cursor holds an instant and an id. (Files
``apps/webapp/app/presenters/v3/ApiRunListPresenter.server.ts`` and
``apps/webapp/app/services/runsRepository`` of the open-source server.)
"""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from session_lab.simulator.api.javascript.json_text import Json, parse_json, render_json
from session_lab.simulator.api.javascript.periods import period_milliseconds
from session_lab.simulator.model.run_payload import tags_of
from session_lab.wire.limits import DEFAULT_RUNS_PAGE_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from session_lab.simulator.world.state import RunRecord
    from session_lab.simulator.world.world import World

__all__ = ["ListedRuns", "RunListRequest", "run_list_request", "run_page"]

_PREFIX = "run_"
_DEFAULT_PERIOD = 7 * 86_400_000
_ABSENT_FEATURES = ("bulkAction", "schedule", "batch", "error")

Key = tuple[int, str]
"""A run's place in the list: its trigger and its id without the prefix."""


@dataclass(frozen=True, slots=True)
class RunListRequest:
    """What is asked of the list of runs.

    Attributes
    ----------
    size : int
        Rows per page.
    cursor : tuple of (int, str) or None
        The row beside the page.
    backward : bool
        Whether the page lies before the cursor, towards newer runs.
    earliest, latest : float
        First and last trigger.
    wanted : mapping of str to frozenset of str
        The values that each filter takes, by the filter's name; statuses in internal names.
    has_none : bool
        Whether something is asked for that no run of a session has.
    """

    size: int
    cursor: Key | None
    backward: bool
    earliest: float
    latest: float
    wanted: Mapping[str, frozenset[str]]
    has_none: bool


@dataclass(frozen=True, slots=True)
class ListedRuns:
    """One page, newest first, with its cursors under their names on the wire."""

    runs: list[RunRecord]
    pagination: dict[str, str]


def run_list_request(query: Mapping[str, Json], now: int) -> RunListRequest:
    """Read what a parsed query asks (see ``RUNS_QUERY``)."""
    before = query.get("page[before]") or None
    cursor = before or query.get("page[after]") or None
    earliest, latest = _window(query, now)
    filters = {name: query.get(f"filter[{name}]") for name in ("status", "version", *_VALUES)}
    return RunListRequest(
        size=int(query.get("page[size]", DEFAULT_RUNS_PAGE_SIZE)),
        cursor=None if cursor is None else _decoded(cursor),
        backward=before is not None,
        earliest=earliest,
        latest=latest,
        wanted={name: values for name, values in filters.items() if values is not None},
        has_none=any(query.get(f"filter[{name}]") for name in _ABSENT_FEATURES)
        or "true" in query.get("filter[isTest]", ()),
    )


def _window(query: Mapping[str, Json], now: int) -> tuple[float, float]:
    period = query.get("filter[createdAt][period]")
    if period:
        return now - (period_milliseconds(period) or float("inf")), now
    earliest = query.get("filter[createdAt][from]") or None
    latest = query.get("filter[createdAt][to]") or None
    if earliest is None and latest is None:
        return now - _DEFAULT_PERIOD, now
    return earliest or float("-inf"), min(latest or now, now)


def run_page(world: World, environment: str, asked: RunListRequest, by: int) -> ListedRuns:
    """Cut one page out of an environment's runs.

    A page reached backward has a ``next`` even when it is not full.

    Parameters
    ----------
    world : World
        Whose runs they are.
    environment : str
        The environment.
    asked : RunListRequest
        What is asked.
    by : int
        The last trigger that the list knows of, in milliseconds since 1970.
    """
    found = list(islice(_matching(world, environment, asked, by), asked.size + 1))
    window, has_more = found[: asked.size], len(found) > asked.size
    if asked.cursor is not None and asked.backward:
        window.reverse()
        previous, following = window[:1] if has_more else [], window[-1:]
    else:
        previous = window[:1] if asked.cursor is not None else []
        following = window[-1:] if has_more else []
    cursors = {"next": following, "previous": previous}
    return ListedRuns(window, {name: _encoded(runs[0]) for name, runs in cursors.items() if runs})


def _matching(
    world: World, environment: str, asked: RunListRequest, by: int
) -> Iterator[RunRecord]:
    """Iterate over the runs that fit the filters from the cursor on, as they stand now."""
    if asked.has_none:
        return
    lasting = [(values, _VALUES[name]) for name, values in asked.wanted.items() if name in _VALUES]
    versions, statuses = asked.wanted.get("version"), asked.wanted.get("status")
    # Deploys decide which version a run has that names none.
    has_deploys = world.platform is not None and bool(world.platform.deploys)
    wanted = {
        name: some for name, some in asked.wanted.items() if name != "version" or not has_deploys
    }
    backward = asked.backward and asked.cursor is not None
    cursor = None if asked.cursor is None else (asked.cursor[0], _PREFIX + asked.cursor[1])
    for record in world.newest_runs(
        environment=environment,
        by=by if asked.latest > by else math.floor(asked.latest),
        wanted=wanted,
        beside=cursor,
        backward=backward,
    ):
        if record.run.triggered_at < asked.earliest:
            if backward:
                continue
            return
        if versions is not None and world.version(record) not in versions:
            continue
        if all(not values.isdisjoint(values_of(record)) for values, values_of in lasting):
            found = world.seen(record)
            if statuses is None or found.run.status in statuses:
                yield found


_VALUES: Mapping[str, Callable[[RunRecord], Sequence[str | None]]] = {
    "taskIdentifier": lambda record: [record.task_identifier],
    "tag": lambda record: tags_of(record.options),
    "queue": lambda record: [record.options.get("queue", {}).get("name")],
    "region": lambda record: [record.options.get("region")],
    "machine": lambda record: [record.options.get("machine")],
}


def _key(record: RunRecord) -> Key:
    return record.run.triggered_at, record.run_id.removeprefix(_PREFIX)


def _encoded(record: RunRecord) -> str:
    at, run_id = _key(record)
    return base64.urlsafe_b64encode(render_json({"c": at, "r": run_id})).rstrip(b"=").decode()


def _decoded(cursor: str) -> Key | None:
    """Read a cursor; one that the API never gave out counts as none."""
    try:
        content = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        place = parse_json(content.decode())
        return int(place["c"]), str(place["r"])
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None
