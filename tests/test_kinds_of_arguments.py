"""An argument of another kind is refused by its name, wherever it is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

import session_lab as sl

if TYPE_CHECKING:
    from collections.abc import Callable

EVENTS = sl.traffic.read(sl.traffic.sample_path("chats.ndjson"))
REPLAY = sl.replay(EVENTS)
SESSIONS, RUNS = REPLAY.sessions, REPLAY.runs
LOG = pd.DataFrame({"at": ["2026-01-01T00:00Z"], "external_id": ["chat"]})
GRID = {"idle_timeout": ["5s"]}
CLIENT = sl.Simulator().client()
WORKLOAD = sl.ChatWorkload(duration="1h")
CHOICES: dict[str, Callable[[Any], object]] = {
    "client of record": sl.record,
    "client of replay_live": lambda given: sl.replay_live(EVENTS, given),
    "concurrency of record": lambda given: sl.record(CLIENT, concurrency=given),
    "rate of record": lambda given: sl.record(CLIENT, rate=given),
    "folder of record": lambda given: sl.record(CLIENT, folder=given),
    "tag of record": lambda given: sl.record(CLIENT, tag=given),
    "run_tag of record": lambda given: sl.record(CLIENT, run_tag=given),
    "prefix of replay_live": lambda given: sl.replay_live(EVENTS, CLIENT, prefix=given),
    "journal of replay_live": lambda given: sl.replay_live(EVENTS, CLIENT, journal=given),
    "as_of of prices": sl.prices,
    "per_second of prices": lambda given: sl.prices(per_second=given),
    "prices of cost": lambda given: sl.churn.cost(RUNS, given),
    "prices of sweep": lambda given: sl.sweep(EVENTS, GRID, prices=given),
    "port of LocalServer": lambda given: sl.LocalServer(port=given),
    "secret_key of Simulator": lambda given: sl.Simulator(secret_key=given),
    "profile of Simulator": lambda given: sl.Simulator(profile=given),
    "type of select": lambda given: sl.select(SESSIONS, type=given),
    "top of cooccurrence": lambda given: sl.tags.cooccurrence(SESSIONS, top=given),
    "top of drift": lambda given: sl.tags.drift(SESSIONS, top=given),
    "at of drift": lambda given: sl.tags.drift(SESSIONS, at=given),
    "separator of namespaces": lambda given: sl.tags.namespaces(SESSIONS, separator=given),
    "day of cohorts": lambda given: sl.churn.cohorts(SESSIONS, day=given),
    "retention of cohorts": lambda given: sl.churn.cohorts(SESSIONS, retention=given),
    "covariates of cox": lambda given: sl.lifetimes.cox(SESSIONS, given),
    "workload of generate": lambda given: sl.traffic.generate(given, 1),
    "workload of closeness": lambda given: sl.traffic.closeness(given, EVENTS),
    "format of read": lambda given: sl.traffic.read("chats.ndjson", given),
    "zone of from_messages": lambda given: sl.traffic.from_messages(LOG, zone=given),
    "columns of from_messages": lambda given: sl.traffic.from_messages(LOG, columns=given),
    "columns' name of from_messages": lambda given: sl.traffic.from_messages(
        LOG, columns={"at": given}
    ),
    "constants of from_messages": lambda given: sl.traffic.from_messages(LOG, constants=given),
    "constants' name of from_messages": lambda given: sl.traffic.from_messages(
        LOG, constants={given if isinstance(given, (int, float)) else "turn": 5}
    ),
    "salt of anonymise": lambda given: sl.traffic.anonymise(EVENTS, given),
    "whole of window": lambda given: sl.traffic.window(
        EVENTS, "2026-01-01T00:00Z", "2026-01-02T00:00Z", whole=given
    ),
}
KINDS = [-1.5, [1, 2], object(), pd.NaT]


@pytest.mark.parametrize("given", KINDS, ids=[type(kind).__name__ for kind in KINDS])
@pytest.mark.parametrize("name", CHOICES)
def test_an_argument_of_another_kind_is_refused_by_name(name: str, given: object):
    use = CHOICES[name]
    with pytest.raises(sl.DataError) as caught:
        use(given)
    assert str(caught.value)


def test_numbers_of_workloads_may_come_out_of_a_frame():
    chats, turns = np.int64(12), np.float32(3.5)
    workload = sl.ChatWorkload(chats_per_hour=chats, turns_per_chat=turns)  # type: ignore[arg-type]
    assert workload == sl.ChatWorkload(chats_per_hour=12, turns_per_chat=3.5)
    assert repr(workload) == repr(sl.ChatWorkload(chats_per_hour=12, turns_per_chat=3.5))
