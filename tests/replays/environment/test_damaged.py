"""Recordings whose frames are damaged: an estimate or a sentence, never a foreign error."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

import session_lab as sl

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.filterwarnings("ignore::session_lab.DataWarning")

POLICY = sl.RunPolicy(idle_timeout="45s", turn_timeout="20m", max_turns=6)
PLATFORM = sl.Platform(boot_time="2s", resume_time="800ms", crash_rate=0.02)
FRAMES = ("sessions", "runs", "turns", "waits", "events")


@pytest.fixture(name="recording", scope="module")
def recording_fixture() -> sl.Recording:
    workload = sl.ChatWorkload(duration="2h", chats_per_hour=12, close_share=0.2)
    events = sl.traffic.generate(workload, seed=1)
    replay = sl.replay(events, POLICY, PLATFORM, until="2026-01-01T03:00:00Z")
    return sl.Recording.of_replay(replay, events)


def damaged_rows(frame: pd.DataFrame) -> Iterator[pd.DataFrame]:
    yield frame.sample(frac=1, random_state=1)
    yield pd.concat([frame, frame])
    yield pd.concat([frame, frame.iloc[:, :1]], axis=1)
    yield frame.iloc[:0]
    yield frame.iloc[:1]
    yield pd.DataFrame()


def damaged_columns(frame: pd.DataFrame, name: str) -> Iterator[pd.DataFrame]:
    column, rng = frame[name], np.random.default_rng(len(name))
    nullable = column.astype("Int64") if column.dtype.kind == "i" else column
    values: list[Any] = [
        nullable.mask(rng.random(len(frame)) < 0.5),
        nullable.mask(np.ones(len(frame), dtype=bool)),
        column.astype(object),
        rng.permutation(column.array),
        "junk",
        7,
        [[1]] * len(frame),
    ]
    if column.dtype.kind in "mM":
        values += [column + pd.Timedelta(days=days) for days in (-9_000, 9_000)]
    for one in values:
        yield frame.assign(**{name: one})


def check(recording: sl.Recording, *, calibrated: bool) -> None:
    try:
        found = sl.fit(recording)
        assert repr(found)
        assert len(found.draws(1)) == 1
        if calibrated:
            assert sl.calibrate(recording, POLICY, PLATFORM).sentence
    except sl.DataError as error:
        assert str(error)  # noqa: PT017 (an estimate is as good)


@pytest.mark.parametrize("name", FRAMES)
def test_damaged_rows_give_an_estimate_or_a_sentence(recording: sl.Recording, name: str):
    for frame in damaged_rows(recording.frames[name]):
        check(replace(recording, **{name: frame}), calibrated=True)


@pytest.mark.parametrize("name", FRAMES)
def test_a_damaged_column_gives_an_estimate_or_a_sentence(recording: sl.Recording, name: str):
    # One kind of damage for each column; all of them in the test below.
    for place, column in enumerate(recording.frames[name]):
        kinds = list(damaged_columns(recording.frames[name], column))
        check(replace(recording, **{name: kinds[place % len(kinds)]}), calibrated=False)


@pytest.mark.long
@pytest.mark.parametrize("name", FRAMES)
def test_every_damage_of_every_column_gives_an_estimate_or_a_sentence(
    recording: sl.Recording, name: str
):
    for column in recording.frames[name]:
        for frame in damaged_columns(recording.frames[name], column):
            check(replace(recording, **{name: frame}), calibrated=True)
