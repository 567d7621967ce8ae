"""Identifiers: unique, rising with creation, and the same for the same seed."""

from __future__ import annotations

import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from session_lab.simulator.model.ids import IdScheme, base36
from tests.strategies import ORIGIN

seeds = st.integers(-(2**70), 2**70)
LAST_OF_EIGHT = 36**8 - 1
"""2059-05-25, the last day whose milliseconds fit the eight digits of the platform's ids."""
SHAPE = re.compile(r"c[0-9a-z]{24}")


@given(st.integers(0, 36**12))
def test_base_36_reads_back_as_the_number(number: int):
    text = base36(number, 4)
    assert int(text, 36) == number
    assert len(text) >= 4


def test_base_36_is_padded_to_its_width():
    assert [base36(number, 4) for number in (0, 35, 36, 36**4 - 1)] == [
        "0000",
        "000z",
        "0010",
        "zzzz",
    ]


def test_ids_are_always_the_same_for_a_seed():
    scheme = IdScheme.from_seed(7)
    assert scheme.session(3, created_at=ORIGIN, rank=2) == "session_cmjuohs00000296y3lqva0ri2"
    assert scheme.run(3, number=1, triggered_at=ORIGIN) == "run_cmjuohs00000196y3lqva0ri2"


@given(seeds)
def test_ids_have_the_shape_of_the_platform(seed: int):
    scheme = IdScheme.from_seed(seed)
    for name in (
        scheme.session(0, created_at=ORIGIN, rank=0),
        scheme.session(2**31, created_at=ORIGIN, rank=36**4 - 1),
    ):
        prefix, _, tail = name.partition("_")
        assert prefix == "session"
        assert SHAPE.fullmatch(tail)
    assert scheme.run(0, number=0, triggered_at=ORIGIN).startswith("run_c")


@given(seeds, st.lists(st.integers(0, 2**32 - 1), unique=True, min_size=2, max_size=40))
def test_no_two_sessions_share_a_tail(seed: int, ordinals: list[int]):
    scheme = IdScheme.from_seed(seed)
    names = {scheme.session(n, created_at=ORIGIN, rank=0) for n in ordinals}
    assert len(names) == len(ordinals)


@given(
    seeds,
    st.lists(st.tuples(st.integers(0, LAST_OF_EIGHT), st.integers(0, 36**4 - 1)), min_size=2),
)
def test_ids_rise_with_time_and_then_with_their_rank(seed: int, moments: list[tuple[int, int]]):
    scheme = IdScheme.from_seed(seed)
    moments = sorted(set(moments))
    sessions = [scheme.session(0, created_at=at, rank=rank) for at, rank in moments]
    runs = [scheme.run(0, number=rank, triggered_at=at) for at, rank in moments]
    assert sessions == sorted(sessions)
    assert runs == sorted(runs)


def test_another_seed_makes_other_ids():
    made = {IdScheme.from_seed(seed).session(0, created_at=0, rank=0) for seed in range(100)}
    assert len(made) == 100


@given(
    seed=st.integers(0, 2**32),
    rows=st.lists(
        st.tuples(st.integers(0, 2**31), st.integers(0, 36**8 + 10), st.integers(0, 36**4 + 10)),
        max_size=20,
    ),
)
def test_ids_made_together_are_those_made_one_by_one(seed: int, rows: list[tuple[int, int, int]]):
    scheme = IdScheme.from_seed(seed)
    ordinals, instants, counters = np.array(rows, dtype=np.int64).reshape(-1, 3).T
    together = scheme.sessions(ordinals, instants, counters)
    assert [name.decode() for name in together] == [
        scheme.session(ordinal, created_at=at, rank=rank) for ordinal, at, rank in rows
    ]
    together = scheme.runs(ordinals, counters, instants)
    assert [name.decode() for name in together] == [
        scheme.run(ordinal, number=number, triggered_at=at) for ordinal, at, number in rows
    ]
