"""The readable engine tells the same story as an independent SimPy simulation of the rules."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

import session_lab as sl
from session_lab.simulator.model.randomness import crash_uniform
from tests.oracles.simpy_model import Policy, simulate
from tests.strategies import ORIGIN, drawn, events_frame, histories, instants, policies, settings_of

SEED = 5


def milliseconds(value: Any) -> int | None:
    """Turn what a frame holds into what the oracle says."""
    if pd.isna(value):
        return None
    if isinstance(value, pd.Timestamp):
        return (value - pd.Timestamp(0, tz="UTC")) // pd.Timedelta(1, unit="ms")
    return value // pd.Timedelta(1, unit="ms")


def or_none(value: Any) -> Any:
    return None if pd.isna(value) else value


def operation_rows(replay: sl.Replay) -> list[dict[str, Any]]:
    """Say the operations frame as the oracle does, runs numbered within their session."""
    numbers = replay.runs.groupby("session_id", sort=False).cumcount()
    number_of = dict(zip(replay.runs["run_id"], numbers, strict=True))
    return [
        {
            "at": milliseconds(row.at),
            "op": row.op,
            "external_id": row.external_id,
            "status_code": row.status_code,
            "refused": not pd.isna(row.error),
            "is_cached": or_none(row.is_cached),
            "run": number_of.get(or_none(row.run_id)),
            "start_kind": or_none(row.start_kind),
            "waited": milliseconds(row.waited),
        }
        for row in replay.operations.itertuples()
    ]


def run_rows(replay: sl.Replay) -> list[dict[str, Any]]:
    """Say the runs frame as the oracle does."""
    external_ids = dict(
        zip(replay.sessions["session_id"], replay.sessions["external_id"], strict=True)
    )
    numbers = replay.runs.groupby("session_id", sort=False).cumcount()
    return [
        {
            "external_id": external_ids[row.session_id],
            "number": number,
            "reason": row.reason,
            "triggered_at": milliseconds(row.triggered_at),
            "ended_at": milliseconds(row.ended_at),
            "end_cause": row.end_cause,
            "turns": row.turns,
            "resumes": row.resumes,
            "active": milliseconds(row.active),
            "idle": milliseconds(row.idle),
            "suspended": milliseconds(row.suspended),
            "status": row.status,
        }
        for number, row in zip(numbers, replay.runs.itertuples(), strict=True)
    ]


@given(events=histories(), policy=policies, until=st.none() | instants)
def test_every_operation_and_run_is_as_the_oracle_says(
    events: list[dict[str, Any]], policy: Policy, until: int | None
):
    horizon = None if until is None else ORIGIN + until
    operations, runs = simulate(
        events,
        policy,
        until=horizon,
        crash=partial(crash_uniform, SEED),
        draw=drawn(policy, SEED),
    )
    for row in operations:
        row["refused"] = row.pop("error") is not None
    slots = [slot for row in runs for slot in row.pop("slots")]

    replay = sl.replay(
        events_frame(events),
        **settings_of(policy),
        seed=SEED,
        until=None if horizon is None else pd.Timestamp(horizon, unit="ms", tz="UTC"),
    )

    def by_session(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return sorted(rows, key=lambda row: (row["external_id"], row["number"]))

    assert operation_rows(replay) == operations
    assert by_session(run_rows(replay)) == by_session(runs)
    found = replay.concurrency()
    executing = np.concatenate([[0], found.executing])
    for at in {instant for slot in slots for instant in slot if instant not in {None, horizon}}:
        expected = sum(taken <= at and (given is None or at < given) for taken, given in slots)
        assert executing[np.searchsorted(found.time, at, side="right")] == expected
    assert found.peak_executing <= found.peak
