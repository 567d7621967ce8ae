"""A client against the simulated API in any order of calls, compared with a model of a few lines."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from itertools import islice
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import session_lab as sl
from session_lab.wire.run.run_status import FINAL_INTERNAL_STATUSES

if TYPE_CHECKING:
    from collections.abc import Callable

STATUSES = ["ACTIVE", "CLOSED", "EXPIRED"]
NAMES = ["a", "b", "c d/é"]
TAGS = ["x", "y"]
KINDS = ["chat", "mail"]
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def milliseconds(count: int) -> timedelta:
    return timedelta(milliseconds=count)


places = st.integers(0, 99)
"""Which session or run is meant, counted round and round."""
tag_lists = st.lists(st.sampled_from(TAGS), unique=True)
starts = st.fixed_dictionaries(
    {
        "external_id": st.sampled_from(NAMES) | st.none(),
        "type": st.sampled_from(KINDS),
        "task_identifier": st.sampled_from(KINDS),
        "tags": tag_lists,
        "expires_in": st.none() | st.integers(-2, 20).map(milliseconds),
    }
)
waits = (st.integers(0, 9) | st.just(86_400_000)).map(milliseconds)
run_statuses = st.sampled_from(["EXECUTING", "WAITING_TO_RESUME", *sorted(FINAL_INTERNAL_STATUSES)])


def filters_by(choice: Callable[[list[str]], st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    """Any of the filters, with values of some choice."""
    values = {
        "type": [*KINDS, "unknown"],
        "task_identifier": KINDS,
        "tag": [*TAGS, "unknown"],
        "external_id": NAMES,
        "status": STATUSES,
    }
    instants = st.integers(-3, 30).map(lambda ms: BEGIN + milliseconds(ms))
    times = {
        "from_": instants,
        "to": instants,
        "period": st.integers(1, 30).map(milliseconds),
    }
    optional = {name: choice(texts) for name, texts in values.items()} | times
    return st.fixed_dictionaries({}, optional=optional)


filters_of_one_value = filters_by(st.sampled_from)
filters = filters_by(
    lambda texts: (
        st.sampled_from(texts)
        | st.lists(st.sampled_from(texts), min_size=1, max_size=3, unique=True)
    )
)


@dataclass
class Chat:
    """What is expected of a session."""

    id: str | None
    external_id: str | None
    type: str
    task_identifier: str
    tags: list[str]
    created_at: datetime
    expires_at: datetime | None
    closed_at: datetime | None = None
    closed_reason: str | None = None
    current_run_id: str | None = None

    def status_at(self, now: datetime) -> str:
        if self.closed_at is not None:
            return "CLOSED"
        return "EXPIRED" if self.expires_at is not None and self.expires_at < now else "ACTIVE"

    def is_on_the_brink(self, now: datetime) -> bool:
        """At the very millisecond of its expiry an open session is listed under no status."""
        return self.closed_at is None and self.expires_at == now


seen = attrgetter(*(field.name for field in fields(Chat)))
"""What a client sees of a session, expected or real."""


class AnyClient(RuleBasedStateMachine):
    """Ask a simulated API anything and compare it with what is expected."""

    @initialize(seed=st.integers(0, 2**32), first=st.lists(starts, min_size=1, max_size=5))
    def begin(self, seed: int, first: list[dict[str, Any]]):
        self.sim = sl.Simulator(seed=seed, now=BEGIN)
        self.client = self.sim.client(max_retries=0)
        self.chats: list[Chat] = []
        self.live: set[str] = set()
        self.known_runs: list[str] = []
        for asked in first:
            self.start(asked=asked)

    # What is asked

    @rule(asked=starts)
    def start(self, *, asked: dict[str, Any]):
        expires_in = asked["expires_in"]
        expires_at = None if expires_in is None else self.now + expires_in
        given = {**asked, "trigger_config": {"base_payload": {}}, "expires_at": expires_at}
        del given["expires_in"]
        name = given["external_id"]
        chat = next((chat for chat in self.chats if name and chat.external_id == name), None)
        is_new = chat is None
        if chat is None:
            task, tags = given["task_identifier"], given["tags"]
            chat = Chat(None, name, given["type"], task, tags, self.now, expires_at)
            self.chats.append(chat)
        status = chat.status_at(self.now)
        if status != "ACTIVE":
            error = sl.SessionClosedError if status == "CLOSED" else sl.SessionExpiredError
            with pytest.raises(error):
                self.client.sessions.start(**given)
            if is_new:  # A start whose expiry is past is refused, and yet leaves its row behind.
                chat.id = next(iter(self.client.sessions.list())).id
            return
        session = self.client.sessions.start(**given)
        chat.id = chat.id or session.id
        self.expect_run(chat, session.run_id)
        assert seen(session) == seen(chat)
        assert session.is_cached is not is_new

    @precondition(lambda self: self.chats)
    @rule(place=places, by_name=st.booleans())
    def append(self, *, place: int, by_name: bool):
        chat = self.chat(place)
        key = self.key(chat, by_name=by_name)
        status = chat.status_at(self.now)
        if status == "ACTIVE":
            self.client.sessions.append(key, "hello")
            self.expect_run(chat, self.client.sessions.retrieve(key).current_run_id)
            return
        error = sl.SessionClosedError if status == "CLOSED" else sl.BadRequestError
        with pytest.raises(error):
            self.client.sessions.append(key, "hello")

    @precondition(lambda self: self.chats)
    @rule(place=places, by_name=st.booleans(), tags=tag_lists)
    def update(self, *, place: int, by_name: bool, tags: list[str]):
        chat = self.chat(place)
        updated = self.client.sessions.update(self.key(chat, by_name=by_name), tags=tags)
        chat.tags = tags
        assert seen(updated) == seen(chat)

    @precondition(lambda self: self.chats)
    @rule(place=places, by_name=st.booleans(), reason=st.none() | st.sampled_from(["one", "two"]))
    def close(self, *, place: int, by_name: bool, reason: str | None):
        chat = self.chat(place)
        closed = self.client.sessions.close(self.key(chat, by_name=by_name), reason=reason)
        if chat.closed_at is None:
            chat.closed_at, chat.closed_reason = self.now, reason
        assert seen(closed) == seen(chat)

    @precondition(lambda self: self.known_runs)
    @rule(place=places, run=st.none() | places)
    def end_and_continue(self, *, place: int, run: int | None):
        """Hand over from the current run, or from any run that there ever was."""
        chat = self.chat(place)
        caller = chat.current_run_id if run is None else None
        caller = caller or self.known_runs[(run or 0) % len(self.known_runs)]

        def end_and_continue() -> Any:
            return self.client.sessions.end_and_continue(
                chat.id, calling_run_id=caller, reason="upgrade"
            )

        if chat.status_at(self.now) != "ACTIVE":
            with pytest.raises(sl.BadRequestError):
                end_and_continue()
            return
        swap = end_and_continue()
        assert swap.swapped is (caller == chat.current_run_id)
        if swap.swapped:
            self.expect_new_run(chat, swap.run_id)
        assert swap.run_id == chat.current_run_id

    @precondition(lambda self: self.known_runs)
    @rule(place=places)
    def cancel(self, place: int):
        run_id = self.known_runs[place % len(self.known_runs)]
        assert self.client.runs.cancel(run_id).id == run_id
        self.live.discard(run_id)

    @precondition(lambda self: self.live)
    @rule(place=places, status=run_statuses)
    def force_a_run(self, place: int, status: str):
        run_id = sorted(self.live)[place % len(self.live)]
        self.sim.set_run_status(run_id, status)
        if status in FINAL_INTERNAL_STATUSES:
            self.live.remove(run_id)

    @rule(wait=waits)
    def wait(self, wait: timedelta):
        self.sim.clock.advance(wait)

    @precondition(lambda self: any(self.expiries()))
    @rule(is_past=st.booleans())
    def append_at_the_next_expiry(self, *, is_past: bool):
        """Append in the last millisecond in which that can succeed, or in the one after it."""
        expiry = min(self.expiries())
        place = next(at for at, chat in enumerate(self.chats) if chat.expires_at == expiry)
        self.sim.clock.advance(expiry - self.now + milliseconds(is_past))
        self.append(place=place, by_name=False)

    # What is looked at

    @rule(asked=filters, limit=st.integers(1, 4) | st.none())
    def look_at_a_list(self, asked: dict[str, Any], limit: int | None):
        """Several values for a filter show what each of them shows, each row once."""
        rows = self.client.sessions.list(limit=limit, **asked)
        assert [seen(row) for row in rows] == [seen(chat) for chat in self.matching(asked)]

    @rule(asked=filters_of_one_value, limit=st.integers(1, 4))
    def walk_over_pages_and_back(self, asked: dict[str, Any], limit: int):
        pages = list(self.client.sessions.list(limit=limit, **asked).pages())
        expected = [chat.id for chat in self.matching(asked)]
        assert [row.id for page in pages for row in page.data] == expected
        page, back = pages[-1], [pages[-1]]
        while (page := page.previous_page()) is not None:
            back.append(page)
        assert [row.id for page in reversed(back) for row in page.data] == expected

    @precondition(lambda self: self.chats)
    @rule(asked=filters, limit=st.integers(1, 4), pages=st.integers(0, 2))
    def go_on_from_a_page(self, asked: dict[str, Any], limit: int, pages: int):
        """Whatever is asked for lies on both sides of a page, each row once, the nearest first."""
        walk = self.client.sessions.list(limit=limit).pages()
        page = list(islice(walk, pages + 1))[-1]
        everything = [chat.id for chat in self.chats]
        oldest, newest = (everything.index(page.data[end].id) for end in (-1, 0))
        matching = [chat.id for chat in self.matching(asked)]
        if page.next_cursor is not None:
            rows = self.client.sessions.list(limit=limit, after=page.next_cursor, **asked)
            older = [id for id in matching if everything.index(id) < oldest]
            assert [row.id for row in rows] == older
        if page.previous_cursor is not None:
            rows = self.client.sessions.list(limit=limit, before=page.previous_cursor, **asked)
            newer = [id for id in matching if everything.index(id) > newest]
            assert [row.id for row in rows] == newer[::-1]

    @invariant()
    def each_session_has_one_status(self):
        listed = {
            status: [row.id for row in self.client.sessions.list(status=status)]
            for status in STATUSES
        }
        for status, found in listed.items():
            assert found == [chat.id for chat in self.matching({"status": status})]
        together = [id for found in listed.values() for id in found]
        on_the_brink = [chat.id for chat in self.chats if chat.is_on_the_brink(self.now)]
        everything = [row.id for row in self.client.sessions.list()]
        assert sorted([*together, *on_the_brink]) == sorted(everything)

    @invariant()
    def exactly_the_expected_runs_live(self):
        runs = self.client.runs.list(from_=BEGIN)
        live = [row.id for row in runs if not row.is_final]
        assert sorted(live) == sorted(self.live)

    # What is expected

    @property
    def now(self) -> datetime:
        return self.sim.clock.now

    def chat(self, place: int) -> Chat:
        return self.chats[place % len(self.chats)]

    def key(self, chat: Chat, *, by_name: bool) -> str:
        return chat.external_id if by_name and chat.external_id else chat.id

    def expiries(self) -> list[datetime]:
        expiries = (chat.expires_at for chat in self.chats)
        return [expiry for expiry in expiries if expiry is not None and expiry > self.now]

    def expect_run(self, chat: Chat, run_id: str):
        """A live run stays the session's; in the place of a dead one comes another."""
        if chat.current_run_id in self.live:
            assert run_id == chat.current_run_id
        else:
            self.expect_new_run(chat, run_id)

    def expect_new_run(self, chat: Chat, run_id: str):
        assert run_id not in self.known_runs
        assert self.client.runs.retrieve(run_id).payload["sessionId"] == chat.id
        self.known_runs.append(run_id)
        self.live.add(run_id)
        chat.current_run_id = run_id

    def matching(self, asked: dict[str, Any]) -> list[Chat]:
        """The sessions that a list shows, newest first."""
        return [chat for chat in reversed(self.chats) if self.matches(chat, asked)]

    def matches(self, chat: Chat, asked: dict[str, Any]) -> bool:
        tests: dict[str, Callable[[Any], bool]] = {
            "type": lambda value: value == chat.type,
            "task_identifier": lambda value: value == chat.task_identifier,
            "tag": lambda value: value in chat.tags,
            "external_id": lambda value: value == chat.external_id,
            "status": lambda value: (
                chat.status_at(self.now) == value and not chat.is_on_the_brink(self.now)
            ),
            "from_": lambda value: chat.created_at >= value,
            "to": lambda value: chat.created_at <= value,
            "period": lambda value: chat.created_at >= self.now - value,
        }
        return all(
            any(map(tests[name], value if isinstance(value, list) else [value]))
            for name, value in asked.items()
        )


TestAnyClient = AnyClient.TestCase
TestAnyClient.settings = settings(max_examples=settings().max_examples // 4, stateful_step_count=25)
