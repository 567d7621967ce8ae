from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_lab.simulator.api.lists.session_list import ListRequest, list_request, page_of
from session_lab.simulator.api.validation import LIST_QUERY, Invalid

NOW = 1_767_225_600_000
DAY = 86_400_000


@dataclass(frozen=True)
class Row:
    session_id: str
    created_at: int = NOW
    type: str = "chat"
    task_identifier: str = "agent"
    tags: tuple[str, ...] = ()
    external_id: str | None = None
    closed_at: int | None = None
    expires_at: int | None = None


def rows_named(names: str, **fields: Any) -> list[Row]:
    """Make rows newest first, each created a second after the next."""
    return [
        Row(f"session_{name}", NOW - 1000 * place, **fields)
        for place, name in enumerate(names.split())
    ]


SEVEN = rows_named("c7 c6 c5 c4 c3 c2 c1")


def ask(rows: list[Row], now: int = NOW, **query: str) -> tuple[str, str | None, str | None]:
    """List with a query whose names are shortened, and show ids and cursors without prefix."""
    names = {
        "size": "page[size]",
        "after": "page[after]",
        "before": "page[before]",
        "external_id": "filter[externalId]",
        "task": "filter[taskIdentifier]",
        "period": "filter[createdAt][period]",
        "from_": "filter[createdAt][from]",
        "to": "filter[createdAt][to]",
    }
    parsed = LIST_QUERY.safe_parse({names.get(n, f"filter[{n}]"): v for n, v in query.items()})
    assert not isinstance(parsed, Invalid)
    page = page_of(rows, list_request(parsed, now), now)
    shown = " ".join(row.session_id.removeprefix("session_") for row in page.rows)
    return shown, page.next, page.previous


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ("c7 c6 c5 c4 c3 c2 c1", None, None)),
        ({"size": "7"}, ("c7 c6 c5 c4 c3 c2 c1", None, None)),
        ({"size": "3"}, ("c7 c6 c5", "c5", None)),
        ({"size": "3", "after": "c5"}, ("c4 c3 c2", "c2", "c4")),
        ({"size": "3", "after": "c2"}, ("c1", None, "c1")),
        ({"size": "3", "after": "c1"}, ("", None, None)),
        ({"size": "3", "before": "c1"}, ("c4 c3 c2", "c2", "c4")),
        ({"size": "3", "before": "c4"}, ("c7 c6 c5", "c5", None)),
        ({"size": "3", "before": "c5"}, ("c7 c6", None, None)),
        ({"size": "3", "before": "c7"}, ("", None, None)),
        ({"size": "1", "before": "c6"}, ("c7", "c7", None)),
    ],
)
def test_pages_follow_their_cursors(
    query: dict[str, str], expected: tuple[str, str | None, str | None]
) -> None:
    assert ask(SEVEN, **query) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"after": "session_c4"}, ("c7 c6 c5", "c5", "c7")),
        ({"after": "zzz"}, ("c7 c6 c5", "c5", "c7")),
        ({"after": "c45"}, ("c4 c3 c2", "c2", "c4")),
        ({"after": "0"}, ("", None, None)),
        ({"before": "session_c4"}, ("", None, None)),
        ({"before": "0"}, ("c3 c2 c1", "c1", "c3")),
        ({"after": ""}, ("c7 c6 c5", "c5", None)),
        ({"before": ""}, ("c7 c6 c5", "c5", None)),
        ({"after": "c5", "before": ""}, ("c4 c3 c2", "c2", "c4")),
    ],
)
def test_a_cursor_that_was_never_given_out_is_only_compared(
    query: dict[str, str], expected: tuple[str, str | None, str | None]
) -> None:
    assert ask(SEVEN, size="3", **query) == expected


def test_an_empty_after_drops_the_before_and_turns_the_cursors_around() -> None:
    assert ask(SEVEN, size="3", after="", before="c2") == ("c7 c6 c5", "c7", "c5")


def test_rows_of_one_millisecond_are_shown_by_descending_id() -> None:
    rows = [Row(f"session_{name}") for name in ("c3", "c2", "c1")]
    assert ask(rows, size="2", before="c1") == ("c3 c2", "c2", None)


MIXED = [
    Row("session_c4", NOW - 1, type="a,b", tags=("x", "y"), external_id="seven"),
    Row("session_c3", NOW - DAY, type="a", tags=("y",), task_identifier="other"),
    Row("session_c2", NOW - 2 * DAY, type="b", tags=("",)),
    Row("session_c1", NOW - 3 * DAY, type="a"),
]


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ({"type": "a"}, "c3 c1"),
        ({"type": "a,b"}, "c4"),
        ({"type": ""}, ""),
        ({"tags": "y"}, "c4 c3"),
        ({"tags": "x,y"}, ""),
        ({"tags": ""}, "c2"),
        ({"task": "other"}, "c3"),
        ({"task": ""}, ""),
        ({"external_id": "seven"}, "c4"),
        ({"external_id": "Seven"}, ""),
        ({"external_id": ""}, "c4 c3 c2 c1"),
        ({"type": "a", "tags": "y"}, "c3"),
        ({"period": "1d"}, "c4 c3"),
        ({"period": "23h"}, "c4"),
        ({"period": "nonsense"}, "c4 c3 c2 c1"),
        ({"period": ""}, "c4 c3 c2 c1"),
        ({"period": "0d"}, "c4 c3 c2 c1"),
        ({"period": "-1d"}, ""),
        ({"from_": str(NOW - 2 * DAY)}, "c4 c3 c2"),
        ({"from_": str(NOW - 2 * DAY + 1)}, "c4 c3"),
        ({"to": str(NOW - 2 * DAY)}, "c2 c1"),
        ({"from_": "0", "to": ""}, "c4 c3 c2 c1"),
        ({"from_": "-1", "to": "1e300", "period": "bad"}, None),
        ({"period": "1d", "from_": str(NOW - DAY + 1)}, "c4"),
        ({"period": "1d", "to": str(NOW - DAY)}, "c3"),
        ({"from_": "9223372036854775807"}, "c4 c3 c2 c1"),
        ({"from_": "99999999999999999999"}, ""),
        ({"period": "1e400"}, None),
        ({"period": "-9e15"}, None),
    ],
)
def test_filters_keep_what_fits_all_of_them(query: dict[str, str], shown: str | None) -> None:
    if shown is None:
        with pytest.raises(OverflowError, match="64-bit integer"):
            ask(MIXED, **query)
    else:
        assert ask(MIXED, **query) == (shown, None, None)


EXPIRING = [
    Row("session_c5", NOW - 1),
    Row("session_c4", NOW - 2, expires_at=NOW + 10),
    Row("session_c3", NOW - 3, closed_at=NOW - 1, expires_at=NOW + 10),
    Row("session_c2", NOW - 4, closed_at=NOW - 1),
    Row("session_c1", NOW - 5, expires_at=NOW + 11),
]


@pytest.mark.parametrize(
    ("later", "active", "expired"),
    [(9, "c5 c4 c1", ""), (10, "c5 c1", ""), (11, "c5", "c4"), (12, "c5", "c4 c1")],
)
def test_at_the_instant_of_expiry_a_session_is_neither_active_nor_expired(
    later: int, active: str, expired: str
) -> None:
    now = NOW + later
    assert ask(EXPIRING, now, status="ACTIVE")[0] == active
    assert ask(EXPIRING, now, status="EXPIRED")[0] == expired
    assert ask(EXPIRING, now, status="CLOSED")[0] == "c3 c2"
    assert ask(EXPIRING, now)[0] == "c5 c4 c3 c2 c1"


def test_the_second_look_at_the_status_shortens_a_page_and_keeps_its_cursor() -> None:
    rows = [replace(row, expires_at=NOW) for row in SEVEN]
    assert ask(rows, size="2", status="EXPIRED") == ("", "c6", None)


def test_the_reply_names_only_the_cursors_there_are() -> None:
    page = page_of(SEVEN, ListRequest(size=3, after="c5"), NOW)
    assert page.pagination == {"next": "c2", "previous": "c4"}
    assert page_of(SEVEN, ListRequest(size=7), NOW).pagination == {}


@given(st.integers(0, 30), st.integers(1, 8))
def test_walking_forward_shows_every_row_once_and_in_order(count: int, size: int) -> None:
    rows = [Row(f"session_{n:03}", NOW + n) for n in reversed(range(count))]
    walked: list[Row] = []
    after: str | None = "999"
    while after is not None:
        page = page_of(rows, ListRequest(size=size, after=after), NOW)
        walked += page.rows
        after = page.next
    assert walked == rows


@given(st.integers(1, 30), st.integers(1, 8))
def test_walking_backward_shows_every_row_above_once(count: int, size: int) -> None:
    rows = [Row(f"session_{n:03}", NOW + n) for n in reversed(range(count))]
    walked: list[Row] = []
    before: str | None = "000"
    while before is not None:
        page = page_of(rows, ListRequest(size=size, before=before), NOW)
        walked = page.rows + walked
        before = page.previous
    assert walked == rows[:-1]
