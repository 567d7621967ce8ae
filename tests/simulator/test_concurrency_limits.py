"""Concurrency limits say what they come to, and refuse in words what makes no sense."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pandas as pd
import pytest

import session_lab as sl


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"base": 0}, "a limit of 0 would let no run execute; the lowest is 1"),
        ({"base": -3}, "-3 is not a limit of 1 or more"),
        ({"base": True}, "True is not a limit"),
        ({"base": 2.5}, "2.5 is not a limit"),
        ({"base": "50"}, "'50' is not a limit"),
        ({"base": 5, "burst_factor": 0.5}, "0.5 is not a factor from 1"),
        ({"base": 5, "burst_factor": float("nan")}, "nan is not a factor from 1"),
        ({"base": 5, "burst_factor": "2"}, "'2' is not a factor from 1"),
        ({"base": pd.NA}, "<NA> is not a limit"),
        ({"base": 5, "per_task": {"a": 0}}, "a limit of 0, given for 'a', would let no run"),
        ({"base": 5, "per_task": {"a": 6}}, "the limit of 6 for 'a' lies above the base of 5"),
        ({"base": 5, "per_task": {3: 1}}, "3 is not a task identifier"),
        ({"base": 5, "per_task": 3}, "3 is not a mapping such as"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: dict[str, Any], message: str):
    with pytest.raises(sl.DataError, match=message.replace("(", r"\(")):
        sl.ConcurrencyLimits(**arguments)


def test_a_plan_or_an_environment_that_is_not_known_is_named():
    with pytest.raises(sl.DataError, match="'team' is not a known plan; those of 2026-10 are free"):
        sl.ConcurrencyLimits.plan("team")
    with pytest.raises(sl.DataError, match="is not a known plan"):
        sl.ConcurrencyLimits.plan(["pro"])  # type: ignore[arg-type]
    with pytest.raises(sl.DataError, match="<NA> is not a known plan"):
        sl.ConcurrencyLimits.plan(pd.NA)
    with pytest.raises(sl.DataError, match="'prod' is not an environment of a plan; they are prod"):
        sl.ConcurrencyLimits.plan("pro", environment="prod")


def test_plans_have_their_published_limits():
    limits = sl.ConcurrencyLimits.plan
    assert [limits(plan).base for plan in ("free", "hobby", "pro")] == [20, 50, 200]
    assert limits("hobby", environment="staging").base == 25
    assert limits("pro", environment="development", burst_factor=1).total == 25


def test_a_single_task_never_profits_from_the_burst_and_the_repr_says_so():
    limits = sl.ConcurrencyLimits(25, 1.5, {"a": 4})
    assert (limits.total, limits.of_task("a"), limits.of_task("b")) == (37, 4, 25)
    assert "at most 25 runs of one task at once, 37 of several" in repr(limits)
    assert "a single task never profits from the burst" in repr(limits)
    assert "burst;" not in repr(sl.ConcurrencyLimits(25, 1))


def test_limits_are_values():
    limits = sl.ConcurrencyLimits(25, 1.5, {"a": 4})
    for other in (
        copy.deepcopy(limits),
        pickle.loads(pickle.dumps(limits)),  # noqa: S301 (its own)
        sl.ConcurrencyLimits(**limits.to_dict()),
    ):
        assert other == limits
        assert hash(other) == hash(limits)
    assert limits != sl.ConcurrencyLimits(25, 1.5)
