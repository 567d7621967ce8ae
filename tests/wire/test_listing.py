from __future__ import annotations

from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_lab.errors import DataError
from session_lab.wire import RunQuery, SessionQuery, encode_query
from session_lab.wire.listing import percent_encode


def test_no_options_make_no_query():
    assert SessionQuery().pairs() == []
    assert RunQuery().pairs() == []


def test_a_session_query_is_written_in_the_names_of_the_wire():
    query = SessionQuery(
        type=("chat",),
        tag=("vip",),
        task_identifier=("support",),
        external_id=("chat-1",),
        status=("ACTIVE",),
        period="7d",
        from_=1_767_225_600_000,
        to=1_767_312_000_000,
        limit=50,
        after="c1",
    )

    assert query.pairs() == [
        ("filter[type]", "chat"),
        ("filter[tags]", "vip"),
        ("filter[taskIdentifier]", "support"),
        ("filter[externalId]", "chat-1"),
        ("filter[status]", "ACTIVE"),
        ("filter[createdAt][period]", "7d"),
        ("filter[createdAt][from]", "1767225600000"),
        ("filter[createdAt][to]", "1767312000000"),
        ("page[size]", "50"),
        ("page[after]", "c1"),
    ]


def test_a_run_query_joins_values_with_commas():
    query = RunQuery(
        status=("QUEUED", "EXECUTING"), tag=("a",), batch="batch_1", is_test=False, before="c"
    )

    assert query.pairs() == [
        ("filter[status]", "QUEUED,EXECUTING"),
        ("filter[tag]", "a"),
        ("filter[batch]", "batch_1"),
        ("filter[isTest]", "false"),
        ("page[before]", "c"),
    ]


def test_a_bound_at_the_epoch_is_not_mistaken_for_no_bound():
    assert SessionQuery(from_=0, to=0).pairs() == [
        ("filter[createdAt][from]", "1"),
        ("filter[createdAt][to]", "1"),
    ]


def test_turning_a_page_drops_the_other_cursor():
    query = SessionQuery(tag=("a",), limit=5, before="c2")

    assert query.page_after("c1") == SessionQuery(tag=("a",), limit=5, after="c1")
    assert query.page_before("c3") == SessionQuery(tag=("a",), limit=5, before="c3")


def test_several_values_split_into_every_combination():
    query = SessionQuery(type=("a", "b"), tag=("x",), status=("ACTIVE", "CLOSED"), limit=3)

    parts = query.split()

    assert [(part.type, part.tag, part.status) for part in parts] == [
        (("a",), ("x",), ("ACTIVE",)),
        (("a",), ("x",), ("CLOSED",)),
        (("b",), ("x",), ("ACTIVE",)),
        (("b",), ("x",), ("CLOSED",)),
    ]
    assert all(part.limit == 3 for part in parts)
    assert SessionQuery().split() == [SessionQuery()]


@pytest.mark.parametrize(
    ("build", "column"),
    [
        (lambda: SessionQuery(after="a", before="b"), "before"),
        (lambda: SessionQuery(after=""), "after"),
        (lambda: SessionQuery(limit=0), "limit"),
        (lambda: RunQuery(limit=101), "limit"),
        (lambda: SessionQuery(type=("",)), "type"),
        (lambda: SessionQuery(status=("active",)), "status"),
        (lambda: SessionQuery(tag=("a", "b")).pairs(), "tag"),
        (lambda: RunQuery(tag=("a,b",)), "tag"),
        (lambda: RunQuery(period="1d", from_=1), "period"),
    ],
)
def test_a_query_the_api_would_refuse_or_misread_is_refused(build: object, column: str):
    with pytest.raises(DataError) as caught:
        build()  # type: ignore[operator]

    assert caught.value.column == column


def test_a_comma_in_a_session_filter_is_part_of_the_value():
    assert SessionQuery(tag=("a,b",)).pairs() == [("filter[tags]", "a,b")]


@given(st.lists(st.tuples(st.text(min_size=1), st.text(min_size=1)), max_size=4))
def test_a_query_string_decodes_to_what_was_encoded(pairs: list[tuple[str, str]]):
    text = encode_query(pairs)

    assert text.isascii()
    assert parse_qsl(text, keep_blank_values=True, strict_parsing=bool(pairs)) == pairs


def test_blanks_slashes_and_brackets_are_percent_encoded():
    assert percent_encode("a/b [c]+é", name="id") == "a%2Fb%20%5Bc%5D%2B%C3%A9"


def test_half_a_surrogate_pair_is_refused_by_name():
    with pytest.raises(DataError, match=r"tag: .* not valid Unicode"):
        percent_encode("\ud83d", name="tag")
