"""The table of the sessions selected: windows of rows, in any order, with links."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

import session_lab as sl
from session_lab.widgets import IndexedSessions, Selection, TagExplorer
from session_lab.widgets.data.session_table import MOST_ROWS, SessionTable
from session_lab.widgets.parts.rows_table import RowsTable
from tests.widgets.looking import text, tree
from tests.widgets.sessions import AWKWARD, sessions_frame

SESSIONS = sessions_frame()
LINK = "https://example.com/p/{type}/sessions/{session_id}"


@pytest.fixture(scope="module")
def table() -> SessionTable:
    return SessionTable(IndexedSessions(SESSIONS), LINK)


def column(table: SessionTable, name: str, rows: list[list[str]]) -> list[str]:
    place = table.columns.index(name)
    return [row[place] for row in rows]


@pytest.mark.parametrize("order", ["ascending", "descending"])
@pytest.mark.parametrize("by", ["created_at", "lifetime", "session_id", "status", "closed_at"])
def test_rows_come_in_the_order_of_a_column_missing_values_last(
    table: SessionTable, by: str, order: str
):
    selection, descending = Selection(status=("ACTIVE", "CLOSED")), order == "descending"
    rows, _ = table.window(selection, 0, MOST_ROWS, by=by, descending=descending)
    chosen = sl.select(SESSIONS, **selection.criteria)
    values = chosen.set_index("session_id", drop=False)[by]
    values = values.astype(str) if by == "status" else values
    expected = values.sort_values(ascending=not descending, na_position="last")[: len(rows)]
    found = values.loc[column(table, "session_id", rows)]
    pd.testing.assert_series_equal(
        found.reset_index(drop=True), expected.reset_index(drop=True), check_names=False
    )


def test_tags_are_sorted_by_their_number(table: SessionTable):
    rows, _ = table.window(Selection(), 0, 50, by="tags", descending=True)
    sizes = SESSIONS.set_index("session_id")["tags"].map(
        lambda tags: len(tags) if hasattr(tags, "__len__") else 0
    )
    found = sizes.loc[column(table, "session_id", rows)].tolist()
    assert found == sorted(sizes, reverse=True)[:50]


def test_windows_of_a_selection_are_its_rows_one_after_the_other(table: SessionTable):
    selection = Selection(status="CLOSED")
    ids = sl.select(SESSIONS, status="CLOSED")["session_id"].tolist()
    parts = [
        column(table, "session_id", table.window(selection, at, at + 7)[0])
        for at in range(0, len(ids), 7)
    ]
    assert [one for part in parts for one in part] == ids
    assert table.window(selection, len(ids), len(ids) + 10)[0] == []
    assert len(table.window(Selection(), 0, 10**9)[0]) == MOST_ROWS


def test_links_hold_values_that_cannot_leave_their_place():
    df = pd.DataFrame({"session_id": ["a/../b?x=1#", '"><script>'], "tags": [[], AWKWARD[:1]]})
    link = "https://example.com/sessions/{session_id}"
    _, links = SessionTable(IndexedSessions(df), link).window(Selection(), 0, 2)
    assert links == [
        "https://example.com/sessions/a%2F..%2Fb%3Fx%3D1%23",
        "https://example.com/sessions/%22%3E%3Cscript%3E",
    ]


@pytest.mark.parametrize(
    ("link", "told"),
    [
        ("javascript:alert({session_id})", "does not begin with https://"),
        ("{session_id}", "does not begin with https://"),
        ("https://example.com/{sesion_id}", "did you mean 'session_id'"),
        ("https://example.com/{", "is not an address"),
    ],
)
def test_a_link_that_is_none_is_refused(link: str, told: str):
    with pytest.raises(sl.DataError, match=told):
        sl.explore(SESSIONS, link=link)


def test_the_table_follows_the_selection_and_answers_what_it_is_asked():
    explorer = TagExplorer(SESSIONS)
    shown = next(one for one in tree(explorer.widget) if isinstance(one, RowsTable))
    sent: list[Any] = []
    shown.send = sent.append
    explorer.pick("vip")
    assert shown.total == len(explorer.rows()) < len(SESSIONS)
    question = {"window": [0, 5], "by": "created_at", "descending": True}
    shown._on_message(None, question, [])
    newest = explorer.rows().sort_values("created_at", ascending=False)["session_id"].head(5)
    place = shown.columns.index("session_id")
    assert [row[place] for row in sent[0]["rows"]] == newest.tolist()
    assert sent[0]["version"] == shown.version
    shown._on_message(None, question | {"by": "creatd_at"}, [])
    assert "did you mean 'created_at'" in sent[1]["problem"]
    explorer.close()


def test_buttons_write_beside_the_notebook_and_never_over_a_file(tmp_path: Any, monkeypatch: Any):
    monkeypatch.chdir(tmp_path)
    explorer = TagExplorer(SESSIONS)
    for kind in ("code", "code", "svg", "csv"):
        explorer._view._on_message(None, {"export": kind}, [])
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "tags-2.py", "tags.csv", "tags.py", "tags.svg",
    ]  # fmt: skip
    assert "Written to tags.csv" in text(explorer)
    explorer._view._on_message(None, {"export": "xlsx"}, [])
    assert "is not one of" in text(explorer)
    explorer.close()
