"""Runs per session, gaps, transitions and rates, against their definitions in plain Python."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import session_lab as sl
from session_lab.analysis import churn
from session_lab.analysis.churn.order.successors import chain_by_passes, chain_by_sorting, counts_of
from session_lab.errors import DataError, DataWarning
from session_lab.frames import NAT, RUNS, empty, to_instants
from tests.strategies import ORIGIN, events_frame, histories, policies, replays, settings_of

if TYPE_CHECKING:
    from tests.oracles.simpy_model import Policy

Row = dict[str, Any]

CAUSES = ["turn_timeout", "crash", "session_closed"]

rows_of_runs = st.lists(
    st.fixed_dictionaries(
        {
            "session_id": st.sampled_from(["a", "b", "c"]),
            "triggered_at": st.integers(0, 20),
            "lasting": st.none() | st.integers(0, 9),
            "reason": st.sampled_from(["initial", "continuation"]),
            "end_cause": st.sampled_from(CAUSES),
        }
    ),
    max_size=15,
)


def runs_frame(rows: list[Row]) -> pd.DataFrame:
    triggered = np.array([ORIGIN + row["triggered_at"] for row in rows], dtype=np.int64)
    ends = [
        NAT if row.get("lasting") is None else at + row["lasting"]
        for row, at in zip(rows, triggered.tolist(), strict=True)
    ]
    frame = pd.DataFrame(
        {
            "session_id": pd.array([row["session_id"] for row in rows], dtype="string[pyarrow]"),
            "triggered_at": to_instants(triggered),
            "ended_at": to_instants(np.array(ends, dtype=np.int64)),
            "reason": pd.Categorical([row.get("reason") for row in rows]),
            "end_cause": pd.Categorical(
                ["open" if row.get("lasting") is None else row.get("end_cause") for row in rows]
            ),
        }
    )
    newest = max([*triggered.tolist(), *ends], default=ORIGIN)
    frame.attrs["observed_at"] = pd.Timestamp(newest, unit="ms", tz="UTC")
    return frame


def by_session(rows: list[Row]) -> dict[str, list[int]]:
    """Each session's rows, in order of trigger; Python's sort keeps ties in order."""
    sessions: dict[str, list[int]] = {}
    for place in sorted(range(len(rows)), key=lambda place: rows[place]["triggered_at"]):
        sessions.setdefault(rows[place]["session_id"], []).append(place)
    return sessions


def run(session: str, at: int, lasting: int | None = 1, **more: Any) -> Row:
    return {"session_id": session, "triggered_at": at, "lasting": lasting, **more}


@given(rows=rows_of_runs)
def test_gaps_are_those_between_each_run_and_the_one_before_it(rows: list[Row]):
    expected: list[int | None] = [None] * len(rows)
    waiting, alive, after_open = [], 0, 0
    last_known = max((row["triggered_at"] + (row["lasting"] or 0) for row in rows), default=-ORIGIN)
    for places in by_session(rows).values():
        for before, after in itertools.pairwise(places):
            if rows[before]["lasting"] is None:
                after_open += 1
            else:
                end = rows[before]["triggered_at"] + rows[before]["lasting"]
                expected[after] = rows[after]["triggered_at"] - end
        last = rows[places[-1]]
        closed = any(
            rows[place]["end_cause"] == "session_closed" and rows[place]["lasting"] is not None
            for place in places
        )
        if last["lasting"] is None:
            alive += 1
        elif not closed:
            waiting.append(last_known - last["triggered_at"] - last["lasting"])
    found = churn.gaps(runs_frame(rows))
    assert [None if gap == NAT else gap for gap in found.gap.tolist()] == expected
    assert sorted(found.waiting.tolist()) == sorted(waiting)
    assert (found.first, found.after_open, found.alive) == (
        len(by_session(rows)),
        after_open,
        alive,
    )
    known = [gap for gap in expected if gap is not None]
    summary = found.summary()
    assert summary["gaps"] == len(known)
    assert summary["overlaps"] == sum(gap < 0 for gap in known)
    assert found.to_frame()["gaps"].sum() == len(known)
    assert found.to_frame()["waiting"].sum() == len(waiting)


@given(
    rows=st.lists(
        st.tuples(st.integers(-1, 3), st.integers(0, 9), st.none() | st.integers(0, 9)),
        max_size=200,
    ),
    in_order=st.booleans(),
    many=st.booleans(),
)
def test_compiled_passes_say_what_sorting_says(
    rows: list[tuple[int, int, int | None]],
    *,
    in_order: bool,
    many: bool,
):
    if in_order:
        rows = sorted(rows, key=lambda row: row[1])
    # Sessions of different buckets, or all in one.
    step = 1_100 if many else 1
    codes = np.array([code * step if code > 0 else code for code, _, _ in rows], dtype=np.int32)
    triggered = np.array([at for _, at, _ in rows], dtype=np.int64)
    ended = np.array([NAT if end is None else end for _, _, end in rows], dtype=np.int64)
    n_sessions = 4 * step
    by_passes = chain_by_passes(codes, triggered, ended, n_sessions)
    by_sorting = chain_by_sorting(codes, triggered, ended, n_sessions)
    assert by_passes.gap.tolist() == by_sorting.gap.tolist()
    assert by_passes.last_end.tolist() == by_sorting.last_end.tolist()


def test_a_large_frame_is_counted_as_a_small_one_and_in_any_order():
    rng = np.random.default_rng(7)
    n, n_sessions = 300_000, 2_000
    codes = rng.integers(-1, n_sessions, n)
    triggered = rng.integers(0, 10**9, n)
    ended = np.where(rng.random(n) < 0.1, NAT, triggered + rng.integers(0, 10**6, n))
    assert counts_of(codes, n_sessions).tolist() == [
        int(count) for count in np.bincount(codes + 1, minlength=n_sessions + 1)[1:]
    ]
    frame = pd.DataFrame(
        {
            "session_id": pd.Categorical.from_codes(codes, categories=range(n_sessions)),
            "triggered_at": to_instants(triggered + ORIGIN),
            "ended_at": to_instants(np.where(ended == NAT, NAT, ended + ORIGIN)),
        }
    )
    frame.attrs["observed_at"] = pd.Timestamp("2026-06-01T00:00Z")
    ordered = frame.sort_values("triggered_at", kind="stable")
    with pytest.warns(DataWarning, match="have no session_id"):
        gap = churn.gaps(frame).to_series()
    with pytest.warns(DataWarning, match="have no session_id"):
        again = churn.gaps(ordered).to_series().set_axis(ordered.index).sort_index()
    expected = chain_by_sorting(codes, triggered, ended, n_sessions).gap
    assert gap.to_numpy().view(np.int64).tolist() == expected.tolist()
    assert again.to_numpy().view(np.int64).tolist() == expected.tolist()


@given(rows=rows_of_runs, sessions=st.sets(st.sampled_from("abcd")))
def test_runs_are_counted_by_session(rows: list[Row], sessions: set[str]):
    runs = Counter(row["session_id"] for row in rows)
    alone = churn.runs_per_session(runs_frame(rows)).to_frame()
    assert dict(zip(alone["runs"], alone["sessions"], strict=True)) == Counter(runs.values())
    owned = [row for row in rows if row["session_id"] in sessions]
    frame = pd.DataFrame({"session_id": pd.array(sorted(sessions), dtype="string[pyarrow]")})
    whole = churn.runs_per_session(runs_frame(owned), frame)
    found = whole.to_frame()
    counts = [runs[session] for session in sessions]
    assert dict(zip(found["runs"], found["sessions"], strict=True)) == Counter(counts)
    assert whole.mean == pytest.approx(np.mean(counts) if counts else 0)
    if counts:
        ranked = sorted(counts)
        assert whole.summary()["median"] == ranked[(len(ranked) - 1) // 2]
        assert whole.summary()["most"] == ranked[-1]


@given(rows=rows_of_runs)
def test_transitions_pair_each_end_with_the_next_reason(rows: list[Row]):
    expected: Counter[tuple[str, str]] = Counter()
    for places in by_session(rows).values():
        for place, after in zip(places, [*places[1:], None], strict=True):
            cause = "open" if rows[place]["lasting"] is None else rows[place]["end_cause"]
            expected[cause, "no next run" if after is None else rows[after]["reason"]] += 1
    found = churn.transitions(runs_frame(rows))
    frame = found.to_frame()
    pairs = zip(frame["end_cause"], frame["next_reason"], strict=True)
    assert dict(zip(pairs, frame["runs"], strict=True)) == expected
    assert frame.groupby("end_cause")["share"].sum().to_numpy() == pytest.approx(1)
    assert found.matrix().to_numpy().sum() == len(rows)


spans = st.lists(
    st.tuples(st.integers(0, 300), st.none() | st.integers(0, 200)), min_size=1, max_size=6
)


@given(sessions=spans, runs=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 500))))
def test_the_churn_rate_relates_handovers_to_hours_alive(
    sessions: list[tuple[int, int | None]], runs: list[tuple[int, int]]
):
    """In hours, over days of 24 hours."""
    hour, until = 3_600_000, 400
    runs = [(session, at) for session, at in runs if session < len(sessions)]
    frame = pd.DataFrame(
        {
            "session_id": [f"s{session}" for session, _ in runs],
            "triggered_at": to_instants(
                np.array([ORIGIN + at * hour for _, at in runs], dtype=np.int64)
            ),
        }
    )
    created = np.array([ORIGIN + start * hour for start, _ in sessions], dtype=np.int64)
    ended = np.array(
        [NAT if span is None else ORIGIN + (start + span) * hour for start, span in sessions],
        dtype=np.int64,
    )
    sessions_frame = pd.DataFrame(
        {
            "session_id": [f"s{place}" for place in range(len(sessions))],
            "created_at": to_instants(created),
            "ended_at": to_instants(ended),
        }
    )
    observed_at = pd.Timestamp(ORIGIN + until * hour, unit="ms", tz="UTC")
    found = churn.rate(frame, sessions_frame, observed_at=observed_at).to_frame()

    alive: Counter[int] = Counter()
    for start, span in sessions:
        for moment in range(start, until if span is None else min(start + span, until)):
            alive[moment // 24] += 1
    later: Counter[int] = Counter()
    for place in range(len(sessions)):
        for at in sorted(at for session, at in runs if session == place)[1:]:
            if at <= until:
                later[at // 24] += 1
    days = ((found["period"] - pd.Timestamp(ORIGIN, unit="ms", tz="UTC")).dt.days).tolist()
    assert found["session_hours"].tolist() == [alive[day] for day in days]
    assert found["handovers"].tolist() == [later[day] for day in days]
    assert found["handovers"].sum() == sum(later.values())
    assert found["rate"].isna().tolist() == [alive[day] == 0 for day in days]


@replays
@given(events=histories(), policy=policies)
def test_a_replays_runs_and_operations_tell_one_story(events: list[Row], policy: Policy):
    replay = sl.replay(events_frame(events), **settings_of(policy))
    runs, sessions, operations = replay.runs, replay.sessions, replay.operations
    counted = churn.runs_per_session(runs, sessions)
    assert counted.summary()["sessions"] == len(sessions)
    assert counted.summary()["runs"] == len(runs)
    reasons = churn.reasons(runs)
    assert reasons.reasons.get("initial", 0) == runs["session_id"].nunique()
    assert reasons.summary()["handovers"] == churn.transitions(runs).summary()["followed"]
    gaps = churn.gaps(runs)
    assert (gaps.known >= 0).all()
    assert gaps.first + len(gaps.known) == len(runs)
    kinds = churn.start_kinds(operations)
    assert dict(kinds.turns) == replay.summary().start_kinds
    assert sum(kinds.turns.values()) == runs["turns"].sum()


def test_overlapping_runs_have_a_gap_below_zero():
    found = churn.gaps(runs_frame([run("a", 0, 10), run("a", 4, 1)]))
    assert found.known.tolist() == [-6]
    assert found.to_frame().set_index("gap")["gaps"]["before the end"] == 1


def test_sessions_still_waiting_are_censored_at_the_observation():
    runs = runs_frame([run("a", 0, 5), run("b", 0, None)])
    found = churn.gaps(runs, observed_at=pd.Timestamp(ORIGIN + 60_005, unit="ms", tz="UTC"))
    assert (found.waiting.tolist(), found.alive) == ([60_000], 1)
    runs.attrs["observed_at"] = pd.Timestamp(ORIGIN + 30_005, unit="ms", tz="UTC")
    assert churn.gaps(runs).waiting.tolist() == [30_000]


def test_the_order_of_rows_does_not_matter_to_what_is_not_tied():
    rows = [run("a", 0, 1), run("b", 3, 2), run("a", 5, 1), run("b", 9, None), run("a", 20, 1)]
    frame = runs_frame(rows)
    mixed = frame.sample(frac=1, random_state=3)
    gap = churn.gaps(mixed).to_series().set_axis(mixed.index).sort_index()
    assert gap.equals(churn.gaps(frame).to_series())


@pytest.mark.parametrize(
    "runs",
    [
        empty(RUNS),
        runs_frame([run("a", 0, 1)]),
        runs_frame([run("a", 0, None), run("b", 0, None)]),
    ],
    ids=["empty", "one session", "all open"],
)
def test_small_frames_have_plain_answers(runs: pd.DataFrame):
    n = len(runs)
    assert churn.runs_per_session(runs).to_frame()["sessions"].tolist() == [n] * (n > 0)
    assert len(churn.gaps(runs).known) == 0
    assert churn.transitions(runs).summary()["followed"] == 0
    assert sum(churn.reasons(runs).end_causes.values()) == n
    sessions = pd.DataFrame(
        {
            "session_id": runs["session_id"],
            "created_at": runs["triggered_at"],
            "ended_at": runs["ended_at"],
        }
    )
    assert churn.rate(runs, sessions).summary()["handovers"] == 0
    for result in (churn.gaps(runs), churn.reasons(runs), churn.transitions(runs)):
        assert result.title in repr(result)


@pytest.mark.parametrize("ask", [churn.gaps, churn.transitions, churn.runs_per_session])
def test_a_missing_column_is_named_with_those_there_are(ask: Any):
    with pytest.raises(DataError, match=r"session_id: the column is missing; the frame has x"):
        ask(pd.DataFrame({"x": [1]}))


@pytest.mark.parametrize(
    "ask",
    [
        churn.gaps,
        churn.transitions,
        churn.runs_per_session,
        churn.reasons,
        churn.start_kinds,
        churn.cohorts,
        churn.identities,
    ],
)
def test_what_is_no_frame_is_refused(ask: Any):
    with pytest.raises(DataError, match="list is not a frame of pandas, Polars"):
        ask([{"session_id": "a"}])


def test_times_must_have_a_zone_and_triggers_must_have_times():
    runs = runs_frame([run("a", 0, 1), run("a", 5, 1)])
    naive = runs.assign(triggered_at=runs["triggered_at"].dt.tz_localize(None))
    with pytest.raises(DataError, match="triggered_at: the column holds datetime64"):
        churn.gaps(naive)
    runs.loc[1, "triggered_at"] = pd.NaT
    with pytest.raises(DataError, match="row 1, triggered_at: the time is missing"):
        churn.gaps(runs)


def test_runs_without_a_session_are_left_out_with_a_warning():
    runs = runs_frame([run("a", 0, 1), run("a", 5, 1)])
    runs.loc[1, "session_id"] = pd.NA
    with pytest.warns(DataWarning, match="1 rows have no session_id and are left out"):
        assert churn.runs_per_session(runs).to_frame()["runs"].tolist() == [1]


def test_runs_of_sessions_that_are_not_there_are_left_out_with_a_warning():
    runs = runs_frame([run("a", 0, 1), run("b", 5, 1)])
    with pytest.warns(DataWarning, match="1 runs belong to sessions that are not in the"):
        found = churn.runs_per_session(runs, pd.DataFrame({"session_id": ["a"]}))
    assert found.to_frame()["sessions"].tolist() == [1]


def test_a_session_may_stand_only_once_in_the_sessions_frame():
    with pytest.raises(DataError, match="row 1, session_id: the session 'a' stands here a second"):
        churn.runs_per_session(runs_frame([]), pd.DataFrame({"session_id": ["a", "a"]}))
