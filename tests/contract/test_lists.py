"""Lists, page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.test_sessions import start

if TYPE_CHECKING:
    from tests.contract.conftest import Lab


@pytest.fixture
def seven(lab: Lab) -> list[str]:
    """Seven sessions, a minute apart; their external ids, newest first."""
    names = [f"chat-{number}" for number in range(7)]
    for name in names:
        lab.call(start(name, tags=["even" if name[-1] in "0246" else "odd"]))
        lab.advance(minutes=1)
    return names[::-1]


def names(rows: list[Any]) -> list[str]:
    return [row.external_id for row in rows]


@pytest.mark.parametrize("limit", [1, 3, 7, 100])
def test_a_list_is_all_sessions_newest_first_whatever_its_pages(
    lab: Lab, seven: list[str], limit: int
):
    assert names(lab.collect(lambda client: client.sessions.list(limit=limit))) == seven


def test_pages_lead_forward_and_back(lab: Lab, seven: list[str]):
    pages = lab.collect(lambda client: client.sessions.list(limit=3).pages())
    assert [names(page.data) for page in pages] == [seven[:3], seven[3:6], seven[6:]]
    back = lab.call(lambda _: pages[2].previous_page())
    assert names(back.data) == seven[3:6]
    assert names(lab.call(lambda _: back.next_page()).data) == seven[6:]


def test_a_list_before_a_cursor_goes_towards_newer_rows(lab: Lab, seven: list[str]):
    *_, last = lab.collect(lambda client: client.sessions.list(limit=3).pages())
    newer = lab.collect(lambda client: client.sessions.list(limit=2, before=last.previous_cursor))
    assert names(newer) == seven[5::-1]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"tag": "odd"}, [5, 3, 1]),
        ({"tag": ["odd", "even"]}, [6, 5, 4, 3, 2, 1, 0]),
        ({"external_id": "chat-2"}, [2]),
        ({"status": "CLOSED"}, [4, 1]),
        ({"status": ["ACTIVE", "CLOSED"], "tag": "even"}, [6, 4, 2, 0]),
        ({"period": "150s"}, [6, 5]),
        ({"from_": "2026-01-01T00:02:00Z", "to": "2026-01-01T00:04:00Z"}, [4, 3, 2]),
        ({"type": "other"}, []),
    ],
    ids=str,
)
@pytest.mark.usefixtures("seven")
def test_filters_leave_out_rows(lab: Lab, asked: dict[str, Any], expected: list[int]):
    for name in ("chat-1", "chat-4"):
        lab.call(lambda client, name=name: client.sessions.close(name))
    found = lab.collect(lambda client: client.sessions.list(limit=2, **asked))
    assert names(found) == [f"chat-{number}" for number in expected]


def test_runs_are_listed_and_read_with_their_payload(lab: Lab):
    session = lab.call(start())
    run = lab.call(lambda client: client.runs.retrieve(session.run_id))
    assert (run.status, run.is_final) == ("QUEUED", False)
    assert run.payload == {"topic": "tea", "sessionId": session.id}
    assert [row.id for row in lab.collect(lambda client: client.runs.list())] == [run.id]


def test_an_append_after_a_cancelled_run_starts_another(lab: Lab):
    session = lab.call(start())
    lab.call(lambda client: client.runs.cancel(session.run_id))
    assert lab.call(lambda client: client.runs.retrieve(session.run_id)).status == "CANCELED"
    lab.advance(minutes=1)
    lab.call(lambda client: client.sessions.append("chat-1", "anybody there?"))
    current = lab.call(lambda client: client.sessions.retrieve("chat-1")).current_run_id
    assert current != session.run_id
    run = lab.call(lambda client: client.runs.retrieve(current))
    assert run.payload["previousRunId"] == session.run_id
    listed = lab.collect(lambda client: client.runs.list(limit=1))
    assert [row.id for row in listed] == [current, session.run_id]
    ended = lab.collect(lambda client: client.runs.list(status=["CANCELED", "FAILED"]))
    assert [row.id for row in ended] == [session.run_id]
