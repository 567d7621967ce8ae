"""Rules of choosing, against looking at every policy one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_lab.analysis.replays.rules import Rule

tables = st.integers(1, 5).flatmap(
    lambda n: st.lists(
        st.tuples(*[st.lists(st.integers(0, 6).map(float), min_size=n, max_size=n)] * 2),
        min_size=1,
        max_size=3,
    )
)


def arrays(rows: list[tuple[list[float], list[float]]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([wait for wait, _ in rows]), np.array([cost for _, cost in rows])


def chosen_one_by_one(kind: str, number: float, wait: np.ndarray, cost: np.ndarray) -> int:
    """Look at one policy after the other; of equals the one better in the other, then the first."""
    limited, weighed = (wait, cost) if kind == "at_most" else (cost, wait)
    within = [n for n in range(len(wait)) if limited[n] <= number]
    if within:
        return min(within, key=lambda n: (weighed[n], limited[n], n))
    return min(range(len(wait)), key=lambda n: (limited[n], limited[n], n))


@pytest.mark.parametrize("kind", ["at_most", "budget"])
@given(rows=tables, number=st.integers(0, 6).map(float))
def test_the_best_within_a_limit_is_chosen(
    kind: str, rows: list[tuple[list[float], list[float]]], number: float
):
    wait, cost = arrays(rows)
    found = Rule(kind, number).choose(wait, cost, wait)
    for place, (waits, costs) in enumerate(zip(wait, cost, strict=True)):
        expected = chosen_one_by_one(kind, number, waits, costs)
        limited, weighed = (waits, costs) if kind == "at_most" else (costs, waits)
        assert limited[found[place]] == limited[expected]
        if (limited <= number).any():
            assert weighed[found[place]] == weighed[expected]


@given(rows=tables, price=st.integers(0, 3).map(float))
def test_a_price_of_waiting_adds_up(rows: list[tuple[list[float], list[float]]], price: float):
    wait, cost = arrays(rows)
    found = Rule("waited_second", price).choose(wait, cost, 10 * wait)
    sums = cost + price * 10 * wait
    assert (sums[np.arange(len(sums)), found] == sums.min(axis=1)).all()


@given(rows=tables)
def test_the_knee_lies_on_the_front(rows: list[tuple[list[float], list[float]]]):
    wait, cost = arrays(rows)
    found = Rule("knee").choose(wait, cost, wait)
    for place, (waits, costs) in enumerate(zip(wait, cost, strict=True)):
        one = found[place]
        assert not ((waits <= waits[one]) & (costs < costs[one])).any()
        assert not ((waits < waits[one]) & (costs <= costs[one])).any()


@given(rows=tables, kind=st.sampled_from(["at_most", "budget", "waited_second", "knee"]))
def test_what_is_chosen_is_as_good_as_the_best(
    rows: list[tuple[list[float], list[float]]], kind: str
):
    wait, cost = arrays(rows)
    rule = Rule(kind, 3.0)
    found = rule.choose(wait, cost, wait)
    for place, one in enumerate(found):
        assert rule.nearly(wait, cost, wait, policy=int(one))[place]


def test_a_policy_that_is_hardly_dearer_is_as_good_and_one_beyond_the_limit_is_not():
    wait, cost = np.array([[1.0, 1.0, 1.0, 2.1]]), np.array([[100.0, 101.0, 103.0, 1.0]])
    rule = Rule("at_most", 2.0)
    assert [bool(rule.nearly(wait, cost, wait, policy=n)[0]) for n in range(4)] == [
        True,
        True,
        False,
        False,
    ]


def test_policies_that_are_not_considered_are_never_chosen():
    wait, cost = np.array([[np.nan, 5.0]]), np.array([[np.nan, 9.0]])
    for kind in ("at_most", "budget", "waited_second", "knee"):
        assert Rule(kind, 1.0).choose(wait, cost, wait).tolist() == [1]
