"""Expected answers against those that came."""

from __future__ import annotations

import matplotlib as mpl
import pandas as pd
import pytest

import session_lab as sl
from session_lab.analysis.replays.fidelity import agreement
from tests.stories import close, message, play, start

mpl.use("Agg")

OPERATIONS = play(start(0), start(1), message(2), close(3), message(4)).replay.operations


def expecting(status: list[int | None], cached: list[bool | None]) -> pd.DataFrame:
    return pd.DataFrame(
        {"status_code": pd.array(status, "Int64"), "is_cached": pd.array(cached, "boolean")}
    )


def test_equal_answers_agree():
    found = agreement(OPERATIONS, OPERATIONS, basis="simulated")
    assert found.share == 1
    assert found.differing.tolist() == []
    assert found.to_frame()["agrees"].all()
    assert found.to_frame()["expected"].tolist() == ["200", "200", "409", "200 cached", "201"]


def test_a_differing_answer_is_told_with_its_row_and_comes_first():
    wanted = expecting([201, 201, 200, 200, 400], [False, False, None, None, None])
    found = agreement(OPERATIONS, wanted, basis="recorded")
    assert found.differing.tolist() == [1, 4]
    assert found.share == 0.6
    assert found.to_frame().head(2).to_numpy().tolist() == [
        ["message", "400", "409", 1, False],
        ["start", "201", "200 cached", 1, False],
    ]
    assert found.by_operation().to_numpy().tolist() == [
        ["close", 1, 0],
        ["message", 1, 1],
        ["start", 1, 1],
    ]
    assert repr(found).startswith("3 of 5 answers are as recorded\n")
    assert "3 of 5 answers are as recorded" in found.to_html()


def test_is_cached_counts_only_where_both_know_it():
    unknown = agreement(OPERATIONS, expecting([201, 200, 200, 200, 409], [None] * 5), basis="x")
    assert unknown.share == 1
    wrong = expecting([201, 200, 200, 200, 409], [False, False, None, None, None])
    assert agreement(OPERATIONS, wrong, basis="x").differing.tolist() == [1]


def test_operations_without_an_expectation_are_left_out_and_counted():
    found = agreement(OPERATIONS, expecting([201, None, None, None, 500], [None] * 5), basis="x")
    assert found.summary() == {
        "basis": "x",
        "compared": 2,
        "left out": 3,
        "differing": 1,
        "share": 0.5,
    }
    assert "3 without an expectation" in repr(found)


def test_no_operations_have_no_share():
    found = agreement(OPERATIONS.iloc[:0], OPERATIONS.iloc[:0], basis="x")
    assert found.compared == 0
    assert pd.isna(found.share)


def test_another_number_of_expectations_is_refused():
    with pytest.raises(sl.DataError, match="3 expected answers for 5 operations"):
        agreement(OPERATIONS, OPERATIONS.iloc[:3], basis="x")


def test_the_picture_says_what_it_shows():
    ax = agreement(
        OPERATIONS, expecting([201, 201, 200, 200, 409], [None] * 5), basis="recorded"
    ).plot()
    assert ax.get_label() == (
        "Answers by operation: close 1 as recorded and 0 otherwise, message 2 as recorded and "
        "0 otherwise, start 1 as recorded and 1 otherwise."
    )
