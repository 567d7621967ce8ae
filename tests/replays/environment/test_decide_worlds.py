"""Decisions in worlds whose best policy is known: how much they cost, and how sure they may be."""

from __future__ import annotations

import sys

import pytest

from tests.replays.environment.decision_worlds import Summary, Truth, decided, drawn, summary_of


def worlds(seeds: range, *, truth: int, draws: int, resamples: int) -> list[Truth]:
    found = (drawn(seed, truth=truth) for seed in seeds)
    return [decided(one, draws=draws, resamples=resamples) for one in found if one is not None]


def shown(summary: Summary) -> str:
    regret = f"{summary.regret:.2%} dearer than the best on average"
    beyond = f"{summary.beyond:.1%} beyond the limit, by {summary.excess:.1%} on average"
    head = f"{summary.worlds} worlds: right in {summary.right:.1%}; {regret}; {beyond}"
    lines = [f"sure {sure:.1%}, right {right:.1%} ({n})" for sure, right, n in summary.said]
    return "\n".join([head, *lines])


def test_decisions_in_a_few_worlds_are_good_and_not_surer_than_right():
    found = summary_of(worlds(range(1000, 1020), truth=6_000, draws=3, resamples=100))
    assert found.worlds >= 6, shown(found)
    # Of these worlds, which are the same every time, most are settled by what was recorded.
    assert found.right >= 0.6, shown(found)
    assert found.regret <= 0.5, shown(found)
    sure = sum(mean * n for mean, _, n in found.said) / found.worlds
    assert abs(sure - found.right) <= 0.3, shown(found)


@pytest.mark.long
def test_what_decisions_say_of_their_certainty_is_true():
    found = summary_of(worlds(range(1000, 1300), truth=25_000, draws=20, resamples=400))
    sys.stdout.write(f"\n{shown(found)}\n")
    assert found.worlds >= 150
    sure = sum(mean * n for mean, _, n in found.said) / found.worlds
    assert abs(sure - found.right) <= 0.06
    # Where it says some nine in ten, and where it is all but certain.
    about_90 = [(right, n) for mean, right, n in found.said if 0.85 <= mean < 0.95]
    assert sum(right * n for right, n in about_90) / sum(n for _, n in about_90) >= 0.8
    assert found.said[-1][1] >= 0.95
    assert found.regret <= 0.15
    assert found.excess <= 0.15
