"""Random numbers whose bits never change."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_lab.simulator.model.randomness import (
    RandomStream,
    crash_uniform,
    exponential,
    fnv1a,
    logarithm,
)

seeds = st.integers(-(2**70), 2**70)


def test_a_stream_gives_the_same_words_for_ever():
    assert RandomStream(0, "ids").words(3).tolist() == [
        3385110869022200750,
        11780410212211797276,
        5857168719813473680,
    ]
    assert RandomStream(2**64, "workload").words(2).tolist() == [
        6708426983656423380,
        14177670518846557614,
    ]


def test_a_stream_gives_the_same_uniform_numbers_for_ever():
    assert RandomStream(7, "example").uniforms(2).tolist() == [
        0.6045248685064172,
        0.6615640341561407,
    ]


def test_the_number_that_decides_a_crash_is_the_same_for_ever():
    assert crash_uniform(0, "a", 0) == 0.4990370367121798
    assert crash_uniform(5, "ü", 3) == 0.3921880477141855
    assert crash_uniform(-1, "", 2**40) == 0.9185404186978084


def test_text_hashes_as_published():
    # The test vectors of the FNV authors' own test suite (64 bit, FNV-1a).
    assert fnv1a("") == 0xCBF29CE484222325
    assert fnv1a("foobar") == 0x85944171F73967E8


@given(seeds, st.text(max_size=8), st.integers(1, 20), st.integers(1, 20))
def test_a_stream_does_not_care_how_it_is_cut_up(seed: int, name: str, first: int, second: int):
    whole, parts = RandomStream(seed, name), RandomStream(seed, name)
    cut = [*parts.words(first).tolist(), *parts.words(second).tolist()]
    assert cut == whole.words(first + second).tolist()


@given(seeds, st.integers(0, 300))
def test_uniform_numbers_lie_below_one_on_a_grid_that_every_machine_holds(seed: int, n: int):
    drawn = RandomStream(seed, "any").uniforms(n)
    assert len(drawn) == n
    assert ((drawn >= 0) & (drawn < 1)).all()
    assert (drawn * 2**53 == np.floor(drawn * 2**53)).all()


def test_streams_of_other_names_and_seeds_are_other_streams():
    firsts = {
        int(RandomStream(seed, name).words(1)[0])
        for seed in (0, 1, -1, 2**64)
        for name in ("ids", "crashes", "workload", "faults")
    }
    assert len(firsts) == 16


@given(seeds, st.text(max_size=12), st.integers(0, 2**40))
def test_crash_numbers_are_uniform_numbers_of_their_three_arguments(
    seed: int, external_id: str, accepted: int
):
    drawn = crash_uniform(seed, external_id, accepted)
    assert 0 <= drawn < 1
    assert drawn == crash_uniform(seed, external_id, accepted)


def test_crash_numbers_differ_for_every_turn_chat_and_seed():
    drawn = [
        crash_uniform(seed, chat, n) for seed in range(5) for chat in "abcde" for n in range(40)
    ]
    assert len(set(drawn)) == len(drawn)
    assert sum(value < 0.25 for value in drawn) / len(drawn) == pytest.approx(0.25, abs=0.05)


@given(st.floats(min_value=5e-324, allow_nan=False, allow_infinity=False))
def test_the_logarithm_agrees_with_that_of_the_platform(value: float):
    assert logarithm(np.array([value]))[0] == pytest.approx(math.log(value), rel=1e-15, abs=0)


@given(st.floats(-0.3, 0.45))
def test_the_logarithm_is_as_good_near_one(shift: float):
    value = 1 + shift
    assert logarithm(np.array([value]))[0] == pytest.approx(math.log(value), rel=1e-15, abs=0)


@given(st.floats(-700, 700))
def test_the_exponential_agrees_with_that_of_the_platform(value: float):
    assert exponential(np.array([value]))[0] == pytest.approx(math.exp(value), rel=1e-15, abs=0)


def test_the_logarithm_has_the_same_bits_for_ever():
    values = np.array([1e-300, 0.1, 0.5, 0.7071, 2.0, 3.0, 1e10])
    assert [float(value).hex() for value in logarithm(values)] == [
        "-0x1.5963447f87fb5p+9",
        "-0x1.26bb1bbb55515p+1",
        "-0x1.62e42fefa39efp-1",
        "-0x1.62e6b3842a25ep-2",
        "0x1.62e42fefa39efp-1",
        "0x1.193ea7aad030bp+0",
        "0x1.7069e2aa2aa5bp+4",
    ]


def test_the_exponential_has_the_same_bits_for_ever():
    values = np.array([-700.0, -1.5, -0.1, 0.3, 1.0, 7.25, 700.0])
    assert [float(value).hex() for value in exponential(values)] == [
        "0x1.14f2b0fb9307fp-1010",
        "0x1.c8f87724b5c1dp-3",
        "0x1.cf46d99d52b3ap-1",
        "0x1.599058c8c1a96p+0",
        "0x1.5bf0a8b14576ap+1",
        "0x1.6006b5d53e8d9p+10",
        "0x1.d945df4f8ec8ep+1009",
    ]
