"""Rules about what goes wrong, as users write them."""

from __future__ import annotations

import copy
import json
import pickle
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_lab.errors import DataError
from session_lab.simulator.faults.calls import IncomingCall
from session_lab.simulator.faults.rules import FaultRule
from session_lab.wire.run.run_status import FINAL_INTERNAL_STATUSES

NOW = 1_767_225_600_000
"""2026-01-01T00:00:00Z, when the rules are set."""


def call(name: str | None = "sessions.append", at: int = NOW, path: str = "/", method: str = "GET"):
    return IncomingCall(name, method, path, at)


# Reading and writing


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (FaultRule(latency="250ms"), "FaultRule('*', latency='250 ms')"),
        (
            FaultRule("sessions.append", nth=3, status=429, reset="2s"),
            "FaultRule('sessions.append', nth=3, status=429, reset='2 s')",
        ),
        (
            FaultRule("POST /api/*", every=2, from_="5m", until=timedelta(minutes=90), lost=True),
            "FaultRule('POST /api/*', every=2, from_='5 min', until='1 h 30 min', lost=True)",
        ),
        (
            FaultRule(from_=datetime(2026, 1, 1, tzinfo=UTC), probability=0.5, refused=True),
            "FaultRule('*', probability=0.5, from_='2026-01-01T00:00:00.000Z', refused=True)",
        ),
        (FaultRule(nth=iter([3, 1, 3]), status=500), "FaultRule('*', nth=(1, 3), status=500)"),
        (FaultRule(nth=[2], status=500), "FaultRule('*', nth=2, status=500)"),
    ],
)
def test_a_rule_shows_how_it_would_be_written_again(rule: FaultRule, text: str):
    assert repr(rule) == text
    assert eval(text) == rule  # noqa: S307 -- the representations written above


def test_a_rule_is_written_in_json_as_what_differs_from_the_defaults():
    rule = FaultRule("sessions.start", nth=[2, 1], from_="5m", run_status="CRASHED")
    assert json.dumps(rule.to_dict()) == (
        '{"match": "sessions.start", "nth": [1, 2], "from": "5 min", "run_status": "CRASHED"}'
    )


effects = st.sampled_from(
    [
        {"latency": "250ms"},
        {"status": 503},
        {"status": 429, "reset": "2s"},
        {"refused": True},
        {"lost": True},
        {"run_status": "TIMED_OUT"},
        {"list_lag": "2s"},
    ]
)
rhythms = st.sampled_from(
    [{}, {"nth": 3}, {"nth": [1, 2]}, {"every": 2}, {"probability": 0.25}, {"probability": 0}]
)
windows = st.sampled_from(
    [{}, {"from": "5m"}, {"until": "90s"}, {"from": "1s", "until": "2026-01-01T00:00:00.000Z"}]
)
rules = st.tuples(effects, rhythms, windows).map(lambda parts: parts[0] | parts[1] | parts[2])


@given(document=rules, match=st.sampled_from(["*", "sessions.*", "GET /api/*"]))
def test_a_rule_comes_back_from_json_as_it_was(document: dict[str, Any], match: str):
    rule = FaultRule.from_dict({"match": match, **document})
    assert FaultRule.from_dict(json.loads(json.dumps(rule.to_dict()))) == rule
    assert pickle.loads(pickle.dumps(rule)) == copy.deepcopy(rule) == rule  # noqa: S301 -- its own bytes
    assert hash(rule) == hash(copy.deepcopy(rule))


# What makes no sense


@pytest.mark.parametrize(
    ("document", "field", "told"),
    [
        ({}, "", "latency, status, refused, lost, run_status, list_lag; this one has none"),
        ({"refused": False}, "", "this one has none"),
        ({"status": 503, "latency": "1s"}, "status", "latency and status"),
        ({"refused": True, "lost": True}, "lost", "refused and lost"),
        ({"status": 200}, "status", "408, 429, 500, 502, 503, 504"),
        ({"status": 503.0}, "status", "408, 429, 500, 502, 503, 504"),
        ({"status": "503"}, "status", "408, 429, 500, 502, 503, 504"),
        ({"status": [503]}, "status", "408, 429, 500, 502, 503, 504"),
        ({"lost": "yes"}, "lost", "neither true nor false"),
        ({"refused": 1}, "refused", "neither true nor false"),
        ({"latency": 250}, "latency", "with a unit"),
        ({"latency": "0s"}, "latency", "longer than nothing"),
        ({"list_lag": "soon"}, "list_lag", "not a duration"),
        ({"run_status": "EXECUTING"}, "run_status", "COMPLETED_SUCCESSFULLY, COMPLETED_WITH_ERR"),
        ({"run_status": "COMPLETED"}, "run_status", "COMPLETED_SUCCESSFULLY"),
        ({"run_status": ["CRASHED"]}, "run_status", "CRASHED"),
        ({"status": 503, "reset": "1s"}, "reset", "status=429"),
        ({"lost": True, "reset": "1s"}, "reset", "status=429"),
        ({"status": 429, "reset": 5}, "reset", "with a unit"),
        ({"lost": True, "nth": 0}, "nth", "whole number of 1 or more"),
        ({"lost": True, "nth": []}, "nth", "whole number of 1 or more"),
        ({"lost": True, "nth": [1, 2.5]}, "nth", "whole number of 1 or more"),
        ({"lost": True, "nth": True}, "nth", "whole number of 1 or more"),
        ({"lost": True, "nth": "12"}, "nth", "whole number of 1 or more"),
        ({"lost": True, "every": -1}, "every", "whole number of 1 or more"),
        ({"lost": True, "every": "2"}, "every", "whole number of 1 or more"),
        ({"lost": True, "probability": 1.01}, "probability", "from 0 to 1"),
        ({"lost": True, "probability": float("nan")}, "probability", "from 0 to 1"),
        ({"lost": True, "probability": True}, "probability", "from 0 to 1"),
        ({"lost": True, "nth": 2, "probability": 0.5}, "probability", "one of nth, every, prob"),
        ({"lost": True, "nth": 2, "every": 2}, "every", "not nth and every"),
        ({"lost": True, "from": "yesterday"}, "from", "neither an instant"),
        ({"lost": True, "from": None}, "from", "neither an instant"),
        ({"lost": True, "until": 1000}, "until", "neither an instant"),
        ({"lost": True, "until": "2026-01-01T00:00:00"}, "until", "neither an instant"),
        ({"lost": True, "until": "0s"}, "until", "not after its start"),
        ({"lost": True, "from": "2m", "until": "120s"}, "until", "not after its start"),
        (
            {"lost": True, "from": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"},
            "until",
            "not after its start",
        ),
        ({"lost": True, "match": "session.start"}, "match", "sessions.end_and_continue"),
        ({"lost": True, "match": ""}, "match", "a path starts with '/'"),
        ({"lost": True, "match": "FETCH /api/*"}, "match", "DELETE, GET, HEAD, PATCH, POST, PUT"),
        ({"lost": True, "match": "POST api/*"}, "match", "a path starts with '/'"),
        ({"lost": True, "match": 3}, "match", "not text"),
        ({"lost": True, "match": None}, "match", "not text"),
        ({"list_lag": "2s", "match": "sessions.start"}, "match", "runs.list, sessions.list"),
        ({"run_status": "CRASHED", "match": "sessions.list"}, "match", "sessions.append"),
        ({"run_status": "CRASHED", "match": "runs.*"}, "match", "sessions.append"),
        ({"lost": True, "prob": 0.5}, "prob", "probability, from, until, latency"),
        ({"lost": True, "from_": "5m"}, "from_", "there is no such field"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_with_its_field_and_what_is_allowed(
    document: dict[str, Any], field: str, told: str
):
    with pytest.raises(DataError) as caught:
        FaultRule.from_dict(document)
    assert (caught.value.source, caught.value.column) == ("FaultRule", field)
    assert told in str(caught.value)


@pytest.mark.parametrize("document", [None, "lost", 3, [], [("lost", True)]])
def test_what_is_no_object_is_no_rule(document: object):
    with pytest.raises(DataError, match="is not an object"):
        FaultRule.from_dict(document)


@pytest.mark.parametrize("status", sorted(FINAL_INTERNAL_STATUSES))
def test_a_run_can_end_with_every_final_status(status: str):
    assert FaultRule(run_status=status).run_status == status


def test_a_window_may_run_from_an_instant_for_a_time_since_the_rule_was_set():
    rule = FaultRule(lost=True, from_="2026-01-01T00:00:05Z", until="10s")
    seen = [second for second in range(15) if rule.sees(call(at=NOW + second * 1000), NOW)]
    assert seen == [5, 6, 7, 8, 9]


# What a rule sees


@pytest.mark.parametrize(
    ("window", "seen"),
    [
        ({}, [0, 1, 2, 3]),
        ({"from_": "2s"}, [2, 3]),
        ({"until": "2s"}, [0, 1]),
        ({"from_": "1s", "until": "3s"}, [1, 2]),
        ({"from_": "2026-01-01T00:00:01Z", "until": "2026-01-01T00:00:02Z"}, [1]),
        ({"until": "2025-12-31T00:00:00Z"}, []),
    ],
)
def test_a_window_holds_its_first_instant_but_not_its_last(window: Any, seen: list[int]):
    rule = FaultRule(lost=True, **window)
    assert [n for n in range(4) if rule.sees(call(at=NOW + n * 1000), NOW)] == seen


def test_a_lag_is_for_lists_alone():
    rule = FaultRule(list_lag="2s")
    assert rule.sees(call("sessions.list"), NOW)
    assert rule.sees(call("runs.list"), NOW)
    assert not rule.sees(call("sessions.retrieve"), NOW)


def test_a_run_dies_only_at_calls_on_a_session():
    rule = FaultRule(run_status="CRASHED")
    assert rule.sees(call("sessions.append"), NOW)
    assert not rule.sees(call("sessions.list"), NOW)
    assert not rule.sees(call("runs.retrieve"), NOW)
    assert not rule.sees(call(None), NOW)


# Which of the calls it strikes


@pytest.mark.parametrize(
    ("rhythm", "struck"),
    [
        ({}, [1, 2, 3, 4, 5, 6]),
        ({"nth": 3}, [3]),
        ({"nth": (5, 1)}, [1, 5]),
        ({"every": 2}, [2, 4, 6]),
        ({"every": 1}, [1, 2, 3, 4, 5, 6]),
        ({"probability": 0.0}, []),
        ({"probability": 1.0}, [1, 2, 3, 4, 5, 6]),
    ],
)
def test_a_rhythm_picks_calls_by_their_number(rhythm: Any, struck: list[int]):
    rule = FaultRule(lost=True, **rhythm)
    assert [number for number in range(1, 7) if rule.strikes(number, 0.5)] == struck


def test_a_probability_strikes_the_calls_whose_random_number_is_below_it():
    rule = FaultRule(lost=True, probability=0.25)
    assert rule.strikes(1, 0.2499)
    assert not rule.strikes(1, 0.25)
