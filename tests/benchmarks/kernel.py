"""The columnar kernel against C, against a simulation, against itself, and against dask."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import fields
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

import session_lab as sl
from session_lab.traffic.columnar import GroupedLog, SweptLog
from session_lab.traffic.engine.engine_result import NAT, OPS, EngineResult
from session_lab.traffic.played_shards import play_shards
from tests.benchmarks.harness import Benchmark, Side
from tests.benchmarks.logs import DAY, MIDNIGHT, chats
from tests.benchmarks.peer import hashes_of, play_in_c, sum_in_c
from tests.benchmarks.replays import (
    DEFAULT,
    DEPLOYS,
    as_log,
    of_engine,
    played_by_engine,
    simpy_side,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from session_lab.simulator import Timings
    from session_lab.traffic.columnar.sums import OutcomeSums
    from tests.oracles.simpy_model import Policy

__all__ = ["BENCHMARKS", "Columns", "columns", "copies", "write_shards"]

PLAIN = sl.RunPolicy().timings()
BUSY = sl.RunPolicy(
    idle_timeout="60s", turn_timeout="30m", max_turns=20, on_deploy="hand_over"
).timings(
    sl.Platform(
        boot_time="2s500ms",
        resume_time="400ms",
        deploys=[
            pd.Timestamp(MIDNIGHT + hour * DAY // 24, unit="ms", tz="UTC") for hour in (8, 14, 20)
        ],
    )
)
FRAIL = sl.RunPolicy(max_duration="10m").timings(sl.Platform(crash_rate=0.05))


class Columns(NamedTuple):
    """A log as whole numbers."""

    at: np.ndarray
    op: np.ndarray
    chat: np.ndarray
    turn_duration: np.ndarray
    expires_at: np.ndarray

    def grouped(self) -> GroupedLog:
        return GroupedLog(
            self.at,
            self.op,
            self.chat,
            turn_duration=self.turn_duration,
            expires_at=self.expires_at,
        )


def columns(n_events: int, n_chats: int, seed: int = 2026) -> Columns:
    """Make a day of chats: as :func:`tests.benchmarks.logs.chats`, but all at once."""
    random = np.random.default_rng(seed)
    sizes = 1 + random.multinomial(n_events - n_chats, np.full(n_chats, 1 / n_chats))
    chat = np.repeat(np.arange(n_chats, dtype=np.int64), sizes)
    is_first = np.diff(chat, prepend=-1) != 0
    begins = MIDNIGHT + np.sort((random.beta(4.0, 3.0, n_chats) * DAY).astype(np.int64))
    gaps = np.where(is_first, 0, random.lognormal(10.4, 1.3, n_events).astype(np.int64))
    elapsed = gaps.cumsum()
    at = np.repeat(begins - elapsed[is_first], sizes) + elapsed
    later = random.choice(len(OPS), n_events, p=[0.12, 0.76, 0.04, 0.08])
    op = np.where(is_first, OPS.index("start"), later).astype(np.int8)
    asks = (op == OPS.index("message")) | (is_first & (random.random(n_events) < 0.8))
    lasting = random.lognormal(8.7, 0.8, n_events).astype(np.int64)
    expires = is_first & (random.random(n_events) < 0.05)
    order = np.argsort(at, kind="stable")
    return Columns(
        at[order],
        op[order],
        chat[order],
        np.where(asks, lasting, NAT)[order],
        np.where(expires, at + 2 * 3_600_000, NAT)[order],
    )


def copies(unit: Columns, n: int) -> Columns:
    """Say a log n times, each time by other chats and later than all before."""
    span, n_chats = int(unit.at.max()) - int(unit.at.min()) + 1, int(unit.chat.max()) + 1
    shift = np.repeat(np.arange(n, dtype=np.int64), len(unit.at))
    return Columns(
        np.tile(unit.at, n) + shift * span,
        np.tile(unit.op, n),
        np.tile(unit.chat, n) + shift * n_chats,
        np.tile(unit.turn_duration, n),
        np.tile(unit.expires_at, n) + np.where(np.tile(unit.expires_at, n) == NAT, 0, shift * span),
    )


def played(log: Columns, timings: Timings) -> EngineResult:
    """Group and play on one core: the whole of the kernel's work."""
    return log.grouped().play([timings], once=True, workers=1)


def of_played(made: EngineResult) -> dict[str, object]:
    columns = {field.name: getattr(made, field.name) for field in fields(EngineResult)}
    return {name: column.tolist() for name, column in columns.items() if column is not None}


@contextmanager
def against_c(timings: Timings) -> Iterator[tuple[Side, Side]]:
    log = columns(1_000_000, 100_000)
    hashes = hashes_of(log.chat)
    yield (
        _by_cpu("columnar kernel, 1,000,000 events", partial(played, log, timings), of_played),
        _by_cpu("a loop in C", partial(play_in_c, *log, timings, hashes), of_played),
    )


@contextmanager
def swept_against_c(timings: Timings) -> Iterator[tuple[Side, Side]]:
    """One policy of a sweep on one core, over the same grouped columns."""
    log = columns(1_000_000, 100_000)
    swept, hashes = SweptLog(log.grouped()), hashes_of(log.chat)
    yield (
        _by_cpu(
            "a policy of a sweep, 1,000,000 events",
            lambda: swept.outcome([timings], keep_waits=False).tally,
            _of_sums,
        ),
        _by_cpu("a loop in C", lambda: sum_in_c(swept.columns, hashes, timings), _of_sums),
    )


def _by_cpu(
    label: str, run: Callable[[], Any], outcome: Callable[[Any], Mapping[str, object]]
) -> Side:
    """Time the processor, core for core: others that want it at the same time do not count."""

    def timed() -> tuple[float, Any]:
        start = time.process_time()
        made = run()
        return time.process_time() - start, made

    return Side(label, timed, lambda pair: outcome(pair[1]), seconds=lambda pair: pair[0])


def _of_sums(sums: OutcomeSums) -> dict[str, object]:
    return {name: counts.tolist() for name, counts in sums._asdict().items()}


@contextmanager
def against_simpy(policy: Policy) -> Iterator[tuple[Side, Side]]:
    events = chats(10_000)
    log = as_log(events, policy)
    label = f"columnar kernel, {len(events):,} events"
    yield (
        Side(label, lambda: GroupedLog.of(log).play(log.timings), of_engine),
        simpy_side(events, policy),
    )


@contextmanager
def against_readable(policy: Policy) -> Iterator[tuple[Side, Side]]:
    log = as_log(chats(10_000), policy)
    yield (
        Side("columnar kernel", lambda: GroupedLog.of(log).play(log.timings), of_engine),
        Side("readable engine", partial(played_by_engine, log), of_engine),
    )


@contextmanager
def from_text_to_frames() -> Iterator[tuple[Side, Side]]:
    """From an events frame with text ids to the three frames, against the kernel alone."""
    log, timings = columns(1_000_000, 100_000), PLAIN
    frame = events_frame(log)
    yield (
        Side("sl.replay from text ids to frames", lambda: sl.replay(frame), _counts_of_replay),
        Side("columnar kernel", partial(played, log, timings), _counts_of_played),
    )


def events_frame(log: Columns) -> pd.DataFrame:
    """Say columns as an events frame with ids as long as people's are."""
    return pd.DataFrame(
        {
            "at": pd.to_datetime(log.at, unit="ms", utc=True).as_unit("ms"),
            "op": pd.Categorical.from_codes(log.op, list(OPS)),
            "external_id": pd.Series(
                [f"chat-{number:08}" for number in log.chat.tolist()], dtype="string[pyarrow]"
            ),
            "turn_duration": log.turn_duration.view("timedelta64[ms]"),
            "expires_at": pd.DatetimeIndex(log.expires_at.view("datetime64[ms]"), tz="UTC"),
        }
    )


@contextmanager
def growing(n: int) -> Iterator[tuple[Side, Side]]:
    """The time for 100,000 events in a log of many, against that in a log of so few."""
    unit = columns(100_000, 10_000)
    many = copies(unit, n)
    yield _per_copy(many, n), _per_copy(unit, 1)


def _per_copy(log: Columns, n: int) -> Side:
    timings = [PLAIN]

    def run() -> tuple[float, Any]:
        # A log that takes a millisecond is played often enough for the clock.
        rounds = max(1, 20 // n)
        start = time.perf_counter()
        for _ in range(rounds):
            outcome = log.grouped().outcome(timings, workers=None, keep_waits=False)
        return (time.perf_counter() - start) / rounds, outcome

    return Side(
        f"100,000 of {len(log.at):,} events",
        run,
        lambda made: {"billed": made[1].billed // n, "runs": made[1].runs // n},
        seconds=lambda made: made[0] / n,
    )


@contextmanager
def shards(
    n_events: int = 100_000_000, n_chats: int = 10_000_000, n: int = 16
) -> Iterator[tuple[Side, Side]]:
    """All rules over Parquet shards, against dask mapping pandas over them for the gaps alone."""
    with TemporaryDirectory() as folder:
        write_shards(Path(folder), n_events, n_chats, n)
        yield (
            Side(
                f"play_shards, {n_events:,} events of {n_chats:,} sessions in {n} shards",
                lambda: play_shards(folder, sl.RunPolicy(), workers=2),
                lambda made: {"events": made.events, "sessions": made.sessions},
            ),
            Side(
                "dask, two processes, gaps by pandas",
                partial(gaps_by_dask, folder),
                lambda made: {
                    "events": int(made["events"].sum()),
                    "sessions": int(made["sessions"].sum()),
                },
            ),
        )


def write_shards(folder: Path, n_events: int, n_chats: int, n: int) -> None:
    """Write shards of other sessions each, one after the other, so that they never are in memory."""
    for shard in range(n):
        log = columns(n_events // n, n_chats // n, seed=shard)
        pd.DataFrame(
            {
                "at": log.at,
                "op": log.op,
                "external_id": (log.chat + shard * (n_chats // n)).astype(np.int32),
                "turn_duration": pd.Series(log.turn_duration)
                .where(log.turn_duration != NAT)
                .astype("Int32"),
            }
        ).to_parquet(folder / f"part-{shard:02}.parquet", index=False)


def gaps_by_dask(folder: str) -> pd.DataFrame:
    """Sum up the times between the events of each session."""
    import dask.dataframe as dd  # noqa: PLC0415 - it is slow to load, and not always there

    frame = dd.read_parquet(folder, columns=["external_id", "at"], split_row_groups=False)
    meta = pd.DataFrame({"events": [0], "sessions": [0], "gaps": [0.0]})
    return frame.map_partitions(_gaps, meta=meta).compute(scheduler="processes", num_workers=2)


def _gaps(events: pd.DataFrame) -> pd.DataFrame:
    gaps = events.groupby("external_id", sort=False)["at"].diff()
    n = len(events)
    return pd.DataFrame({"events": [n], "sessions": [n - int(gaps.count())], "gaps": [gaps.sum()]})


def _counts_of_replay(replay: sl.Replay) -> dict[str, object]:
    return {
        "events": len(replay.operations),
        "sessions": len(replay.sessions),
        "runs": len(replay.runs),
    }


def _counts_of_played(made: EngineResult) -> dict[str, object]:
    return {
        "events": len(made.status_code),
        "sessions": len(made.created_by),
        "runs": len(made.owner),
    }


BENCHMARKS = (
    Benchmark("kernel-c", partial(against_c, PLAIN), "A/B", 1.3),
    Benchmark("kernel-c-deploys", partial(against_c, BUSY), "A/B", 1.3),
    Benchmark("kernel-c-crashes", partial(against_c, FRAIL), "A/B", 1.3),
    Benchmark("sweep-c", partial(swept_against_c, PLAIN), "A/B", 1.3),
    Benchmark("sweep-c-deploys", partial(swept_against_c, BUSY), "A/B", 1.3),
    Benchmark("sweep-c-crashes", partial(swept_against_c, FRAIL), "A/B", 1.3),
    Benchmark("kernel-simpy", partial(against_simpy, DEFAULT), "B/A", 100),
    Benchmark("kernel-simpy-deploys", partial(against_simpy, DEPLOYS), "B/A", 100),
    Benchmark("kernel-readable", partial(against_readable, DEFAULT), "B/A", None),
    Benchmark("text-to-frames", from_text_to_frames, "A/B", 4),
    Benchmark("kernel-growth-1e7", partial(growing, 100), "A/B", 2),
)
LARGE = (
    Benchmark("kernel-growth-1e8", partial(growing, 1_000), "A/B", 2),
    Benchmark("shards-dask-1e8", shards, "B/A", 2),
)
"""Those that take minutes, gigabytes of memory or disk: only when asked for by name."""
