"""What goes wrong with calls, decided by a plan."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_lab.errors import DataError
from session_lab.simulator.api.auth import Environment
from session_lab.simulator.api.http_types import Request, Response
from session_lab.simulator.backend import Backend
from session_lab.simulator.faults.calls import IncomingCall
from session_lab.simulator.faults.plan import (
    ConnectionLost,
    ConnectionRefused,
    FaultPlan,
    Faults,
    FaultState,
)
from session_lab.simulator.faults.rules import FaultRule
from session_lab.wire.run.run_status import FINAL_INTERNAL_STATUSES

NOW = 1_767_225_600_000


def append(at: int = NOW) -> IncomingCall:
    return IncomingCall("sessions.append", "POST", "/realtime/v1/sessions/chat-1/in/append", at)


LIST = IncomingCall("sessions.list", "GET", "/api/v1/sessions", NOW)


def decide_all(plan: FaultPlan, calls: list[IncomingCall], seed: int = 0) -> list[Faults]:
    """Decide a series of calls from the beginning of a plan."""
    state, decided = plan.begin(seed=seed, now=NOW), list[Faults]()
    for call in calls:
        faults, state = plan.decide(call, state)
        decided.append(faults)
    return decided


def decide(*rules: FaultRule, call: IncomingCall | None = None) -> Faults:
    return decide_all(FaultPlan(rules), [call or append()])[0]


def answered(rule: FaultRule) -> Response:
    """Send an append to a backend with this one rule."""
    backend = Backend([Environment("env_lab", "tr_dev_example")], now=NOW, faults=rule)
    path = "/realtime/v1/sessions/chat-1/in/append"
    return backend.handle(Request("POST", path, headers={"authorization": "tr_dev_example"}))


# Every kind of fault


def test_without_faults_a_call_is_handled_and_answered_at_once():
    assert decide() == Faults((), NOW)
    faults = decide()
    assert (faults.is_refused, faults.is_lost, faults.status) == (False, False, None)
    assert (faults.run_status, faults.latency, faults.list_lag) == (None, 0, 0)


def test_latency_delays_the_reply():
    faults = decide(FaultRule("sessions.append", latency="250ms"))
    assert faults.latency == 250
    assert (faults.is_refused, faults.is_lost, faults.status) == (False, False, None)


def test_a_429_stands_in_for_the_effect_with_the_headers_of_the_rate_limit():
    response = answered(FaultRule("sessions.append", status=429, reset="2s"))
    assert response.status == 429
    assert response.headers["x-ratelimit-limit"] == "750"
    assert response.headers["x-ratelimit-remaining"] == "0"
    assert response.headers["x-ratelimit-reset"] == str(NOW + 2_000)
    assert json.loads(response.body)["secondsUntilReset"] == 2


@pytest.mark.parametrize(("reset", "wait"), [(None, 1_000), ("0s", 0), ("1m", 60_000)])
def test_a_429_asks_to_wait_a_second_unless_it_is_told_otherwise(reset: Any, wait: int):
    response = answered(FaultRule(status=429, reset=reset))
    assert response.headers["x-ratelimit-reset"] == str(NOW + wait)


def test_a_500_stands_in_for_the_effect_as_the_api_words_it():
    response = answered(FaultRule("*", status=500))
    assert (response.status, response.body) == (500, b'{"error":"Internal Server Error"}')


@pytest.mark.parametrize(
    ("status", "title"),
    [
        (408, "Request Timeout"),
        (502, "Bad Gateway"),
        (503, "Service Unavailable"),
        (504, "Gateway Timeout"),
    ],
)
def test_what_proxies_answer_is_a_page_for_people(status: int, title: str):
    response = answered(FaultRule("*", status=status))
    assert response.status == status
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert title.encode() in response.body


def test_a_refused_connection_brings_no_reply_and_no_effect():
    faults = decide(FaultRule("sessions.append", refused=True))
    assert faults.is_refused
    assert (faults.is_lost, faults.status) == (False, None)


def test_a_lost_reply_leaves_the_effect():
    faults = decide(FaultRule("sessions.append", lost=True))
    assert faults.is_lost
    assert (faults.is_refused, faults.status) == (False, None)


@pytest.mark.parametrize("status", sorted(FINAL_INTERNAL_STATUSES))
def test_a_run_dies_by_each_final_status_before_the_call(status: str):
    faults = decide(FaultRule("sessions.append", run_status=status))
    assert faults.run_status == status
    assert (faults.is_refused, faults.is_lost, faults.status) == (False, False, None)


def test_a_list_lags():
    assert decide(FaultRule("sessions.list", list_lag="2s"), call=LIST).list_lag == 2_000
    assert decide(FaultRule(list_lag="2s"), call=append()).list_lag == 0


# Several faults at once


def test_faults_of_several_rules_come_together():
    faults = decide(
        FaultRule(latency="250ms"),
        FaultRule(run_status="CRASHED"),
        FaultRule("sessions.*", latency="1s"),
        FaultRule(lost=True),
        FaultRule(run_status="EXPIRED"),
    )
    assert (faults.latency, faults.run_status, faults.is_lost) == (1_250, "CRASHED", True)


def test_the_first_rule_that_ends_a_call_decides_how():
    refused, lost, failed = FaultRule(refused=True), FaultRule(lost=True), FaultRule(status=503)
    ends = [
        (faults.is_refused, faults.is_lost, faults.status is not None)
        for faults in (decide(refused, lost), decide(lost, failed), decide(failed, refused))
    ]
    assert ends == [(True, False, False), (False, True, False), (False, False, True)]


def test_the_longest_lag_counts():
    lags = [FaultRule(list_lag="1s"), FaultRule(list_lag="3s"), FaultRule(list_lag="2s")]
    assert decide(*lags, call=LIST).list_lag == 3_000


# Counting


def test_a_rule_counts_the_calls_that_it_sees_and_no_others():
    plan = FaultPlan([FaultRule("sessions.append", nth=2, from_="1s", lost=True)])
    calls = [append(), LIST, append(NOW + 1_000), LIST, append(NOW + 1_000), append(NOW + 1_000)]
    assert [faults.is_lost for faults in decide_all(plan, calls)] == [
        False,
        False,
        False,
        False,
        True,
        False,
    ]


def test_every_rule_counts_for_itself_whatever_the_others_do():
    plan = FaultPlan(
        [FaultRule(refused=True, nth=1), FaultRule("sessions.append", nth=2, lost=True)]
    )
    decided = decide_all(plan, [append(), append(), append()])
    assert [faults.is_refused for faults in decided] == [True, False, False]
    assert [faults.is_lost for faults in decided] == [False, True, False]


def test_deciding_changes_neither_the_plan_nor_the_state():
    plan = FaultPlan([FaultRule(every=2, lost=True)])
    state = plan.begin(seed=0, now=NOW)
    first, after = plan.decide(append(), state)
    assert plan.decide(append(), state) == (first, after)
    assert state == FaultState(seed=0, since=NOW, counts=(0,))
    assert after == FaultState(seed=0, since=NOW, counts=(1,))


# Chance


def struck(plan: FaultPlan, n: int, seed: int) -> list[int]:
    decided = decide_all(plan, [append()] * n, seed)
    return [number for number, faults in enumerate(decided) if faults.is_lost]


def test_chance_strikes_the_same_calls_for_ever():
    plan = FaultPlan([FaultRule(probability=0.2, lost=True)])
    assert struck(plan, 30, seed=0) == [7, 11, 12, 17, 18]
    assert struck(plan, 30, seed=1) == [5, 7, 13, 14]


def test_chance_strikes_as_often_as_its_probability_says():
    # 2,000 draws at 0.3: the mean is 600 with a standard deviation of 20.5.
    assert 500 < len(struck(FaultPlan([FaultRule(probability=0.3, lost=True)]), 2_000, 0)) < 700


@given(seed=st.integers(-(2**40), 2**70), other=st.sampled_from([0.1, 0.9]))
def test_a_rule_that_is_added_at_the_end_changes_nothing_for_the_others(seed: int, other: float):
    rule = FaultRule(probability=0.5, lost=True)
    alone = struck(FaultPlan([rule]), 20, seed)
    added = FaultRule("sessions.*", probability=other, latency="1s")
    assert struck(FaultPlan([rule, added]), 20, seed) == alone


def test_two_rules_draw_independently():
    plan = FaultPlan(
        [FaultRule(probability=0.5, lost=True), FaultRule(probability=0.5, latency="1s")]
    )
    decided = decide_all(plan, [append()] * 64)
    outcomes = {(faults.is_lost, faults.latency > 0) for faults in decided}
    assert len(outcomes) == 4


names = st.sampled_from(["sessions.append", "sessions.start", "sessions.list"])
plans = st.lists(
    st.sampled_from(
        [
            FaultRule("sessions.append", nth=(2, 3), status=503),
            FaultRule(probability=0.5, latency="1s"),
            FaultRule("sessions.*", probability=0.3, lost=True),
            FaultRule(list_lag="1s", every=2),
            FaultRule(from_="5ms", until="20ms", refused=True),
        ]
    )
).map(FaultPlan)


@given(plan=plans, series=st.lists(st.tuples(names, st.integers(0, 5))), seed=st.integers(0, 9))
def test_a_state_that_is_written_down_and_read_again_goes_on_alike(
    plan: FaultPlan, series: list[tuple[str, int]], seed: int
):
    at, calls = NOW, list[IncomingCall]()
    for name, gap in series:
        at += gap
        calls.append(IncomingCall(name, "POST", "/", at))
    state, decided = plan.begin(seed=seed, now=NOW), list[Faults]()
    for call in calls:
        since_seed, since, counts = json.loads(json.dumps(state))
        plan = FaultPlan.of(json.loads(json.dumps(plan.to_dict())))
        faults, state = plan.decide(call, FaultState(since_seed, since, tuple(counts)))
        decided.append(faults)
    assert decided == decide_all(plan, calls, seed)


# Plans as users write them


def test_a_plan_can_be_given_in_many_forms():
    rule = FaultRule("sessions.append", nth=3, lost=True)
    document = {"match": "sessions.append", "nth": 3, "lost": True}
    plan = FaultPlan([rule])
    assert plan.rules == (rule,)
    for choice in (plan, rule, [rule], (rule,), [document], {"rules": [document]}, plan.to_dict()):
        assert FaultPlan.of(choice) == plan
    assert FaultPlan.of(None) == FaultPlan.of([]) == FaultPlan()


def test_a_plan_shows_its_rules():
    plan = FaultPlan.of([{"match": "sessions.list", "list_lag": "2s"}, {"status": 503}])
    assert repr(plan) == (
        "FaultPlan(rules=(FaultRule('sessions.list', list_lag='2 s'), FaultRule('*', status=503)))"
    )


def test_a_rule_in_a_plan_that_makes_no_sense_is_refused_with_its_place_and_field():
    with pytest.raises(DataError) as caught:
        FaultPlan.of({"rules": [{"lost": True}, {"status": 200}]})
    assert str(caught.value) == "rules[1], status: 200 is not one of 408, 429, 500, 502, 503, 504"


@pytest.mark.parametrize(
    "choice",
    [
        3,
        "lost",
        {},
        {"match": "*", "lost": True},
        {"rules": [], "seed": 3},
        {"rules": None},
        {"rules": {"lost": True}},
        {"rules": "lost"},
        ["lost"],
    ],
)
def test_what_is_no_plan_is_refused(choice: object):
    with pytest.raises(DataError) as caught:
        FaultPlan.of(choice)
    assert (caught.value.source or caught.value.column) in {"rules", "rules[0]"}


@pytest.mark.parametrize("document", [None, [], 3, FaultRule(lost=True).to_dict()])
def test_a_plan_in_json_is_an_object_with_rules(document: object):
    with pytest.raises(DataError, match="is not an object of the form"):
        FaultPlan.from_dict(document)


def test_a_call_without_a_reply_says_whether_it_had_an_effect():
    assert "before the request had any effect" in str(ConnectionRefused())
    assert "after the request had its effect" in str(ConnectionLost())
