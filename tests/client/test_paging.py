from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_lab.errors import APIResponseError, DataError

if TYPE_CHECKING:
    from collections.abc import Callable

Row = dict[str, Any]
TYPES, TAGS = ("chat", "task"), ("a", "b", "c")


SOME_TAGS = ([], ["a"], ["b"], ["a", "b"], ["c", "a", "b"])

# What each row is: its type, its tags, whether it is closed, and whether a second look takes it off
# its page.
worlds = st.lists(
    st.tuples(st.sampled_from(TYPES), st.sampled_from(SOME_TAGS), st.booleans(), st.integers(0, 3)),
    max_size=12,
)


def serve(world: Any, list_server: Any, row: Callable[..., Row]) -> tuple[Any, list[Row]]:
    """Return the server, and the rows that are to be seen, newest first."""
    rows = [
        row(number, type=kind, tags=tags, closedAt="2026-01-02T00:00:00Z" if closed else None)
        for number, (kind, tags, closed, _) in enumerate(world)
    ]
    unlisted = {item["id"] for item, facts in zip(rows, world, strict=True) if facts[-1] == 0}
    seen = [item for item in reversed(rows) if item["id"] not in unlisted]
    return list_server(rows, unlisted), seen


def ids(rows: Any) -> list[str]:
    return [item["id"] if isinstance(item, dict) else item.id for item in rows]


sizes = st.integers(1, 5)


@given(world=worlds, size=sizes)
def test_a_walk_sees_every_row_once_newest_first(
    *, connect_blocking: Any, list_server: Any, row: Any, world: Any, size: int
):
    server, expected = serve(world, list_server, row)

    rows = connect_blocking(server).collect(lambda client: client.sessions.list(limit=size))

    assert ids(rows) == ids(expected)


@given(world=worlds, size=sizes, number=st.integers(0, 12))
def test_a_walk_from_a_cursor_goes_on_behind_it(
    *, connect_blocking: Any, list_server: Any, row: Any, world: Any, size: int, number: int
):
    server, expected = serve(world, list_server, row)
    cursor = f"c{number:04d}"

    rows = connect_blocking(server).collect(
        lambda client: client.sessions.list(limit=size, after=cursor)
    )

    assert ids(rows) == [name for name in ids(expected) if name < f"session_{cursor}"]


@given(world=worlds, size=sizes, number=st.integers(0, 12))
def test_a_walk_back_from_a_cursor_sees_every_newer_row_once_nearest_first(
    *, connect_blocking: Any, list_server: Any, row: Any, world: Any, size: int, number: int
):
    server, expected = serve(world, list_server, row)
    cursor = f"c{number:04d}"

    rows = connect_blocking(server).collect(
        lambda client: client.sessions.list(limit=size, before=cursor)
    )

    assert ids(rows) == [name for name in reversed(ids(expected)) if name > f"session_{cursor}"]


filters = st.sampled_from(
    [
        {"type": ["task", "chat"]},
        {"tag": ["b", "a"]},
        {"tag": ["a", "b", "c"], "type": "chat"},
        {"status": ["CLOSED", "ACTIVE"], "tag": ["a", "b"]},
        {"type": ["chat", "task"], "tag": ["c", "b"], "status": ["ACTIVE", "CLOSED"]},
        {"tag": "a"},
    ]
)


def matches(item: Row, wanted: dict[str, Any]) -> bool:
    status = "CLOSED" if item["closedAt"] else "ACTIVE"
    return (
        item["type"] in wanted.get("type", TYPES)
        and ("tag" not in wanted or bool(set(wanted["tag"]) & set(item["tags"])))
        and status in wanted.get("status", ("ACTIVE", "CLOSED"))
    )


@given(world=worlds, size=sizes, wanted=filters)
def test_several_values_are_merged_newest_first_without_duplicates(
    *,
    connect_blocking: Any,
    list_server: Any,
    row: Any,
    world: Any,
    size: int,
    wanted: dict[str, Any],
):
    server, rows = serve(world, list_server, row)
    expected = ids(item for item in rows if matches(item, wanted))
    bench = connect_blocking(server)

    found = bench.collect(lambda client: client.sessions.list(limit=size, **wanted))
    pages = bench.collect(lambda client: client.sessions.list(limit=size, **wanted).pages())

    assert ids(found) == expected
    assert ids(item for page in pages for item in page.data) == expected


@given(world=worlds, size=sizes, wanted=filters, number=st.integers(0, 3))
def test_several_values_are_merged_backwards_too(
    *,
    connect_blocking: Any,
    list_server: Any,
    row: Any,
    world: Any,
    size: int,
    wanted: dict[str, Any],
    number: int,
):
    server, rows = serve(world, list_server, row)
    cursor = f"c{number:04d}"
    expected = [
        item["id"]
        for item in reversed(rows)
        if matches(item, wanted) and item["id"] > f"session_{cursor}"
    ]

    found = connect_blocking(server).collect(
        lambda client: client.sessions.list(limit=size, before=cursor, **wanted)
    )

    assert ids(found) == expected


starts = st.one_of(
    st.just({}),
    st.integers(0, 12).map(lambda number: {"after": f"c{number:04d}"}),
    st.integers(0, 12).map(lambda number: {"before": f"c{number:04d}"}),
)


@given(
    world=worlds,
    size=sizes,
    start=starts,
    steps=st.lists(st.sampled_from(["next_page", "previous_page"]), max_size=8),
)
def test_a_step_and_the_step_back_lead_to_the_same_page(
    *,
    connect_blocking: Any,
    list_server: Any,
    row: Any,
    world: Any,
    size: int,
    start: dict[str, str],
    steps: list[str],
):
    server, _ = serve(world, list_server, row)
    bench = connect_blocking(server)
    opposite = {"next_page": "previous_page", "previous_page": "next_page"}
    [page] = bench.collect(lambda client: client.sessions.list(limit=size, **start).pages(), most=1)

    for step in steps:
        there = bench.run(lambda _client, page=page, step=step: getattr(page, step)())
        if there is None:
            continue
        back = bench.run(lambda _client, there=there, step=step: getattr(there, opposite[step])())
        assert back is not None
        assert ids(back.data) == ids(page.data)
        page = there


@given(world=worlds, size=sizes, start=starts)
def test_two_cursors_are_never_sent_together(
    *,
    connect_blocking: Any,
    list_server: Any,
    row: Any,
    world: Any,
    size: int,
    start: dict[str, str],
):
    server, _ = serve(world, list_server, row)
    bench = connect_blocking(server)

    bench.collect(lambda client: client.sessions.list(limit=size, **start))

    for _, path in bench.sent():
        assert not ("page%5Bafter%5D" in path and "page%5Bbefore%5D" in path)


@pytest.fixture
def seven(list_server: Any, row: Any) -> Any:
    return list_server([row(number) for number in range(1, 8)])


def names(page: Any) -> list[int]:
    return [int(item.id[-4:]) for item in page.data]


def test_pages_show_their_rows_and_cursors(connect: Any, seven: Any):
    pages = connect(seven).collect(lambda client: client.sessions.list(limit=3).pages())

    assert [names(page) for page in pages] == [[7, 6, 5], [4, 3, 2], [1]]
    assert [page.next_cursor for page in pages] == ["c0005", "c0002", None]
    assert [page.previous_cursor for page in pages] == [None, "c0004", "c0001"]
    assert repr(pages[2]).endswith("(1 rows, next_cursor=None, previous_cursor='c0001')")


def test_pages_go_back_from_a_cursor_with_the_newest_row_first_on_each(connect: Any, seven: Any):
    pages = connect(seven).collect(
        lambda client: client.sessions.list(limit=3, before="c0002").pages()
    )

    assert [names(page) for page in pages] == [[5, 4, 3], [7, 6]]


def test_from_a_short_page_at_the_top_there_is_a_way_forward(connect: Any, seven: Any):
    bench = connect(seven)
    [page] = bench.collect(
        lambda client: client.sessions.list(limit=3, after="c0006").pages(), most=1
    )

    top = bench.run(lambda _client: page.previous_page())
    again = bench.run(lambda _client: top.next_page())

    assert (names(page), names(top), names(again)) == ([5, 4, 3], [7, 6], [5, 4, 3])
    assert top.next_cursor is None


def test_from_a_page_whose_rows_have_gone_there_is_a_way_back(connect: Any, row: Any):
    full = {"data": [row(2)], "pagination": {"next": "c0002"}}
    bench = connect(
        lambda request: httpx.Response(
            200,
            json={"data": [], "pagination": {}} if b"after" in request.url.query else full,
        )
    )
    [page] = bench.collect(lambda client: client.sessions.list(limit=1).pages(), most=1)

    empty = bench.run(lambda _client: page.next_page())
    again = bench.run(lambda _client: empty.previous_page())

    assert (names(page), names(empty), names(again)) == ([2], [], [2])


def test_the_ends_of_a_list_have_no_neighbours(connect: Any, seven: Any):
    bench = connect(seven)
    [page] = bench.collect(lambda client: client.sessions.list(limit=7).pages())

    assert bench.run(lambda _client: page.next_page()) is None
    assert bench.run(lambda _client: page.previous_page()) is None


def test_pages_are_fetched_only_when_their_rows_are_asked_for(connect: Any, seven: Any):
    bench = connect(seven)
    listing = bench.client.sessions.list(limit=3)

    assert bench.requests == []
    bench.collect(lambda _client: listing, most=3)
    assert len(bench.requests) == 1
    bench.collect(lambda _client: listing, most=4)
    assert len(bench.requests) == 3


def test_filters_and_page_size_are_kept_from_page_to_page(connect: Any, seven: Any):
    bench = connect(seven)

    bench.collect(
        lambda client: client.sessions.list(
            limit=3, type="chat", period="7d", from_="2025-01-01T00:00:00Z"
        )
    )

    first = "filter%5Btype%5D=chat&filter%5BcreatedAt%5D%5Bperiod%5D=7d"
    assert len(bench.requests) == 3
    for _, path in bench.sent():
        assert path.startswith(f"/api/v1/sessions?{first}")
        assert "filter%5BcreatedAt%5D%5Bfrom%5D=1735689600000" in path
        assert "page%5Bsize%5D=3" in path


def test_a_cursor_that_leads_nowhere_is_an_error_and_no_endless_walk(connect: Any, row: Any):
    bench = connect(
        lambda _request: httpx.Response(200, json={"data": [row(1)], "pagination": {"next": "c1"}})
    )

    with pytest.raises(APIResponseError, match="does not move on"):
        bench.collect(lambda client: client.sessions.list())

    assert len(bench.requests) == 2


def test_several_values_are_merged_by_either_client(connect: Any, list_server: Any, row: Any):
    tags = {1: ["a"], 2: ["a", "b"], 3: ["b"], 4: [], 5: ["b", "a"]}
    bench = connect(list_server([row(number, tags=found) for number, found in tags.items()]))

    rows = bench.collect(lambda client: client.sessions.list(tag=["a", "b", "a"], limit=1))
    pages = bench.collect(lambda client: client.sessions.list(tag=["b", "a"]).pages())

    assert ids(rows) == [f"session_c000{number}" for number in (5, 3, 2, 1)]
    assert ids(item for page in pages for item in page.data) == ids(rows)
    assert {page.next_cursor for page in pages} == {None}


def test_runs_are_listed_with_their_values_joined(connect: Any):
    bench = connect([httpx.Response(200, json={"data": [], "pagination": {}})])

    rows = bench.collect(
        lambda client: client.runs.list(tag=["chat:1", "chat:2"], period="30d", is_test=False)
    )

    assert rows == []
    assert bench.sent() == [
        (
            "GET",
            "/api/v1/runs?filter%5Btag%5D=chat%3A1%2Cchat%3A2&filter%5BisTest%5D=false&filter%5BcreatedAt%5D%5Bperiod%5D=30d",
        )
    ]


@given(world=worlds, size=sizes)
def test_plain_pages_bring_the_same_rows_as_the_json_they_came_in(
    *, connect_blocking: Any, list_server: Any, row: Any, world: Any, size: int
):
    server, expected = serve(world, list_server, row)

    rows = connect_blocking(server).collect(
        lambda client: [
            row for page in client.sessions.list(limit=size).plain_pages() for row in page.rows
        ]
    )

    assert rows == expected


@given(world=worlds, size=sizes)
def test_plain_pages_of_several_values_bring_each_row_once(
    *, connect_blocking: Any, list_server: Any, row: Any, world: Any, size: int
):
    server, expected = serve(world, list_server, row)

    rows = connect_blocking(server).collect(
        lambda client: [
            row
            for page in client.sessions.list(tag=TAGS, limit=size).plain_pages()
            for row in page.rows
        ]
    )

    assert sorted(ids(rows)) == sorted(ids(item for item in expected if item["tags"]))


def test_a_plain_page_tells_the_headers_and_where_to_go_on(
    *, connect_blocking: Any, list_server: Any, row: Any
):
    server, _ = serve([("chat", [], False, 1)] * 3, list_server, row)
    bench = connect_blocking(server)
    pages = list(bench.client.sessions.list(limit=2).plain_pages())
    assert [page.cursor is None for page in pages] == [False, True]
    assert all(page.headers["content-type"] == "application/json" for page in pages)
    rest = bench.client.sessions.list(limit=2, after=pages[0].cursor).plain_pages()
    assert [page.rows for page in rest] == [pages[1].rows]


@pytest.mark.parametrize("name", ["after", "before"])
@pytest.mark.parametrize("identifier", ["session_c0003", "run_c0003"])
def test_an_id_is_no_cursor_and_the_way_to_one_is_told(connect: Any, name: str, identifier: str):
    bench = connect([])

    for group in ("sessions", "runs"):
        with pytest.raises(DataError, match=r"is an id and not a cursor.*next_cursor") as caught:
            bench.collect(lambda c, group=group: getattr(c, group).list(**{name: identifier}))
        assert caught.value.column == name
    assert bench.requests == []


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"after": 5}, "after: a cursor is text that a page gives, not int"),
        ({"before": {"id": "a"}}, "before: a cursor is text that a page gives, not dict"),
        ({"limit": "5"}, "limit: a page holds 1 to 100 rows, not '5'"),
        ({"limit": True}, "limit: a page holds 1 to 100 rows, not True"),
        ({"limit": 1.5}, "limit: a page holds 1 to 100 rows, not 1.5"),
    ],
)
def test_what_is_neither_cursor_nor_size_is_refused_by_name(
    connect: Any, given: dict[str, Any], reason: str
):
    bench = connect([])
    for group in ("sessions", "runs"):
        with pytest.raises(DataError, match=reason):
            bench.collect(lambda c, group=group: getattr(c, group).list(**given))
    assert bench.requests == []


WALKS: dict[str, Callable[[Any], Any]] = {
    "rows": lambda client: client.sessions.list(),
    "pages": lambda client: client.sessions.list().pages(),
    "merged rows": lambda client: client.sessions.list(tag=["a", "b"]),
    "back": lambda client: client.sessions.list(before="start"),
}


@pytest.mark.parametrize("walk", WALKS)
@pytest.mark.parametrize("period", [1, 2, 3, 7])
def test_no_walk_follows_a_cursor_twice(connect: Any, walk: str, period: int):
    def answer(request: httpx.Request) -> httpx.Response:
        asked = request.url.params.get("page[after]") or request.url.params.get("page[before]")
        number = int(asked[1:]) + 1 if asked and asked != "start" else 0
        cursor = f"c{number % period}"
        pagination = {"next": cursor, "previous": cursor}
        return httpx.Response(200, json={"data": [], "pagination": pagination})

    bench = connect(answer)

    with pytest.raises(APIResponseError, match="does not move on"):
        bench.collect(WALKS[walk])
    assert len(bench.requests) <= 2 * period + 2


def test_plain_pages_follow_no_cursor_twice(connect_blocking: Any):
    bench = connect_blocking(
        lambda request: httpx.Response(
            200,
            json={
                "data": [],
                "pagination": {
                    "next": "a" if request.url.params.get("page[after]") == "b" else "b"
                },
            },
        )
    )

    with pytest.raises(APIResponseError, match="does not move on"):
        list(bench.client.sessions.list().plain_pages())
    assert len(bench.requests) == 3
