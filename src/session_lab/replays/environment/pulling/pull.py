"""A pull: what is missing is asked for, piece by piece, until nothing is.

Whatever is written down already is not asked for again, so a pull that was cut off goes on where it
was, and a later one brings what is new. What was over is settled and never asked for again; of open
sessions and runs each pass brings the newest.
"""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from session_lab.errors import APIStatusError, APITimeoutError, BadRequestError
from session_lab.replays.environment.assembling.assemble import (
    runs_behind_gaps,
    unsure_starts,
)
from session_lab.replays.environment.assembling.tables import is_final
from session_lab.replays.environment.evidence.owners import owners_of
from session_lab.timing import instant_text, to_instant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from session_lab.replays.environment.evidence.pieces import Pieces
    from session_lab.replays.environment.pulling.asking import Asking, Piece

__all__ = ["Pull"]

_NO_QUERY = {400, 401, 403, 404, 405, 501}
_SHORTEST_WINDOW, _LONGEST_WINDOW = 3_600_000, 31 * 86_400_000


class Pull:
    """One pass over an environment.

    Parameters
    ----------
    pieces : Pieces
        What is known, and where news are written down.
    asking : Asking
        How to ask.
    run_tag : str
        The tag by which a run names its session.
    concurrency : int
        How many requests may be under way at once.
    shows_progress : bool
        Whether bars are shown on standard error.
    """

    def __init__(
        self,
        pieces: Pieces,
        asking: Asking,
        *,
        run_tag: str,
        concurrency: int,
        shows_progress: bool,
    ) -> None:
        self._pieces, self._facts = pieces, pieces.facts
        self._asking = asking
        self._run_tag = run_tag
        self._concurrency = concurrency
        self._quiet = not shows_progress

    def run(self, from_: int | None, to: int | None, period: int | None) -> int:
        """Ask for everything that is missing; go on with a pass that was cut off.

        Returns
        -------
        int
            The instant that the facts are complete up to, in milliseconds since 1970.
        """
        progress = self._facts.progress
        if not progress or progress.get("is_done"):
            began = self._asking.now()
            first = from_ if period is None else began - period
            question = self._facts.question
            if first is not None and "from" in question:
                # What a pass before this one asked for is brought up to date too.
                first = None if question["from"] is None else min(first, question["from"])
            self._pieces.add({"question": question | {"from": first, "to": to}})
            self._pieces.add({"progress": {"began": began, "is_done": False}})
        self._list_sessions()
        self._list_runs()
        self._find_owners()
        self._read_chats()
        self._fill_gaps()
        self._ask_unsure_starts()
        began = self._facts.progress["began"]
        observed_at = self._observed_at(began, self._asking.now())
        self._pieces.add({"progress": {"began": began, "is_done": True, "until": observed_at}})
        return observed_at

    def _observed_at(self, began: int, ended: int) -> int:
        """Return until when what is known is complete.

        The server tells whole seconds. A pass that took longer knows all that was there when it
        began; one within a second knows all that it has seen.
        """
        newest = max(
            itertools.chain(
                (arrival.at for all_ in self._facts.arrivals.values() for arrival in all_),
                (_newest(row) for row in self._facts.sessions.values()),
                (_newest(row) for row in self._facts.runs.values()),
            ),
            default=began,
        )
        return max(began, min(newest, began + 999)) if ended <= began else began

    def _list_sessions(self) -> None:
        place = self._facts.progress.get("sessions", {})
        if place.get("is_done"):
            return
        question = self._facts.question
        asked = {name: question[name] for name in ("type", "tag", "task_identifier")}
        window = {"from_": question.get("from"), "to": question.get("to")}
        asked |= {k: None if v is None else instant_text(v) for k, v in window.items()}
        with self._bar(" sessions", "sessions") as bar:
            for page in self._asking.session_pages(asked, place.get("cursor")):
                place = {"cursor": page.cursor, "is_done": page.cursor is None}
                self._pieces.add_rows("sessions", page.rows, {"sessions": place})
                bar.update(len(page.rows))

    def _list_runs(self) -> None:
        """List the runs of the sessions' tasks: by query where the key may, else page by page."""
        rows = self._facts.sessions.values()
        if not rows:
            return
        tasks = sorted({row["taskIdentifier"] for row in rows})
        first = min(to_instant(row["createdAt"]) for row in rows)
        last = self._facts.progress["began"] + 999
        with self._bar(" runs", "runs") as bar:
            if not self._query_runs(tasks, first, last, bar):
                self._page_runs(tasks, (first, last), bar)

    def _query_runs(self, tasks: list[str], first: int, last: int, bar: Any) -> bool:  # noqa: ANN401
        """Ask the query API window by window; return whether the key may.

        A query that takes too long is refused, so it is asked again for half the time.
        """
        place = self._facts.progress.get("query", {})
        if place.get("is_refused"):
            return False
        begin, span = place.get("until", first), _LONGEST_WINDOW
        while begin <= last:
            until = min(begin + span - 1, last)
            try:
                rows = self._asking.queried_runs(tasks, (begin, until))
            except (APIStatusError, APITimeoutError) as error:
                if isinstance(error, APIStatusError) and error.status_code not in _NO_QUERY:
                    raise
                span = (until - begin + 1) // 2
                is_slow = isinstance(error, (BadRequestError, APITimeoutError))
                if is_slow and span >= _SHORTEST_WINDOW:
                    continue
                self._pieces.add({"note": _no_query(error)})
                self._pieces.add_rows("runs", [], {"query": {"is_refused": True}})
                return False
            begin = until + 1
            self._pieces.add_rows("runs", rows, {"query": {"until": begin}})
            bar.update(len(rows))
        return True

    def _page_runs(self, tasks: list[str], window: tuple[int, int], bar: Any) -> None:  # noqa: ANN401
        place = self._facts.progress.get("runs", {})
        if place.get("is_done"):
            return
        for page in self._asking.run_pages(tasks, window, place.get("cursor")):
            place = {"cursor": page.cursor, "is_done": page.cursor is None}
            self._pieces.add_rows("runs", page.rows, {"runs": place})
            bar.update(len(page.rows))

    def _find_owners(self) -> None:
        """Retrieve runs whose session nothing else tells, and those that no list told any more.

        Where a payload does not tell it either, as one that is stored elsewhere, a trace may.
        """
        facts = self._facts
        unsure = owners_of(facts, self._run_tag).unsure
        unread = [run for run in unsure if run not in facts.payloads]
        self._work(" payloads", unread, self._asking.payload)
        current = (row.get("currentRunId") for row in facts.sessions.values())
        asked = dict.fromkeys([*(run for run in current if run is not None), *facts.runs])
        missing = [run for run in asked if self._is_missing(run)]
        self._work(" payloads", missing, self._walk_back)
        unsure = owners_of(facts, self._run_tag).unsure
        untraced = [run for run in unsure if run not in facts.traces]
        self._work(" traces", untraced, lambda run: [self._trace(run)])

    def _is_missing(self, run: str) -> bool:
        """Return whether no list had a run, or a pass before this one knew it, when it was open."""
        row = self._facts.runs.get(run)
        if row is None:
            return run not in self._facts.payloads
        return run not in self._facts.listed and not is_final(row)

    def _trace(self, run: str) -> Piece:
        return self._asking.trace(run, is_over=is_final(self._facts.runs[run]))

    def _fill_gaps(self) -> None:
        """Retrieve runs that no list had and that came before others of their sessions."""
        owners = owners_of(self._facts, self._run_tag)
        runs = runs_behind_gaps(self._facts, owners, self._facts.progress["began"] + 999)
        if runs:
            self._work(" payloads", runs, self._walk_back_from)
            self._read_chats()

    def _walk_back_from(self, run: str) -> Iterator[Piece]:
        told, _ = self._asking.retrieved(run)
        yield told
        yield from self._walk_back(told["previous"])

    def _walk_back(self, run: str | None) -> Iterator[Piece]:
        """Retrieve a run and those before it, until one is known."""
        seen: set[str] = set()
        while run is not None and run not in seen and self._is_missing(run):
            seen.add(run)
            told, rows = self._asking.retrieved(run)
            yield from rows
            yield told
            run = told["previous"]

    def _read_chats(self) -> None:
        """Read what came on ``in`` of each session, and the traces of its runs."""
        runs: dict[str, list[str]] = {name: [] for name in self._facts.sessions}
        for run, owner in owners_of(self._facts, self._run_tag).known.items():
            runs[owner].append(run)
        done = self._facts.settled
        wanted = [
            name for name, own in runs.items() if name not in done or not done.issuperset(own)
        ]
        self._work(" sessions", wanted, lambda name: self._read_chat(name, runs[name]))

    def _read_chat(self, name: str, runs: list[str]) -> Iterator[Piece]:
        facts, fresh, settled = self._facts, self._facts.fresh, self._facts.settled
        known = facts.arrivals.get(name)
        is_quiet = known is not None and settled.issuperset(runs)
        if name not in settled and name not in fresh and not is_quiet:
            row, began = facts.sessions[name], facts.progress["began"]
            expires = row.get("expiresAt")
            is_over = row.get("closedAt") is not None
            is_over |= expires is not None and to_instant(expires) < began
            after = known[-1].seq if known else None
            yield self._asking.arrivals(name, after=after, is_over=is_over)
        for run in runs:
            if run not in settled and run not in fresh:
                yield self._trace(run)

    def _ask_unsure_starts(self) -> None:
        owners = owners_of(self._facts, self._run_tag)
        runs = unsure_starts(self._facts, owners, self._facts.progress["began"] + 999)
        self._work(" payloads", runs, self._asking.payload)

    def _work(self, unit: str, names: list[str], ask: Callable[[str], Iterable[Piece]]) -> None:
        """Ask for many things at once, and write each answer down as it comes."""
        waiting, turn = iter(names), threading.Lock()
        is_over = threading.Event()

        def work() -> None:
            while not is_over.is_set():
                with turn:
                    name = next(waiting, None)
                if name is None:
                    return
                for piece in ask(name):
                    self._pieces.add(piece)
                    if is_over.is_set():
                        return
                bar.update()

        with (
            self._bar(unit, unit.strip(), total=len(names)) as bar,
            ThreadPoolExecutor(self._concurrency) as pool,
        ):
            workers = [pool.submit(work) for _ in range(min(self._concurrency, len(names)))]
            try:
                for done in as_completed(workers):
                    done.result()
            finally:
                # What is under way is still written down, also after an interrupt.
                is_over.set()

    def _bar(self, unit: str, what: str, total: int | None = None) -> Any:  # noqa: ANN401
        hidden = self._quiet or total == 0
        return tqdm(unit=unit, desc=f"pull {what}", total=total, delay=1, disable=hidden)


def _newest(row: dict[str, Any]) -> int:
    texts = [row.get(name) for name in ("updatedAt", "createdAt", "finishedAt")]
    texts += [
        row[name].replace(" ", "T") + "Z"
        for name in ("triggered_at", "completed_at")
        if row.get(name)
    ]
    return max((to_instant(text) for text in texts if text), default=0)


def _no_query(error: APIStatusError | APITimeoutError) -> str:
    told = "did not answer in time"
    if isinstance(error, APIStatusError):
        told = f"was refused with status {error.status_code}"
    return (
        f"the query API {told}, so runs come from the list: it tells neither machines nor warm starts "
        "nor how long they were queued"
    )
