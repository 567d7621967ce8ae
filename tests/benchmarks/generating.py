"""Generated traffic against the same workload written as a SimPy simulation."""

from __future__ import annotations

import math
import random
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import simpy

from session_lab.timing import to_instant, to_milliseconds
from session_lab.traffic import ChatWorkload, generate
from session_lab.traffic.workload.chat_statistics import chat_statistics
from tests.benchmarks.harness import Benchmark, Side
from tests.strategies import events_frame

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

__all__ = ["BENCHMARKS", "as_asked", "simulated"]

WORKLOAD = ChatWorkload(duration="10h", chats_per_hour=2_000)
_FIELDS = ("at", "op", "external_id", "turn_duration")


@contextmanager
def whole_log(workload: ChatWorkload) -> Iterator[tuple[Side, Side]]:
    """From a workload to its events in order of time."""
    yield (
        Side("sl.traffic.generate", lambda: generate(workload, 1), partial(as_asked, workload)),
        Side(
            "SimPy model",
            lambda: simulated(workload, 1),
            lambda events: as_asked(workload, _frame(events)),
        ),
    )


BENCHMARKS = (Benchmark("generate-simpy", partial(whole_log, WORKLOAD), "B/A", 10),)


def simulated(workload: ChatWorkload, seed: int) -> list[tuple[Any, ...]]:
    """Draw the events of a workload, each chat a process of its own."""
    environment, draw = simpy.Environment(), random.Random(seed)
    events: list[tuple[Any, ...]] = []
    model = _Model(environment, draw, events, workload)
    environment.process(_arrive(model))
    environment.run()
    return events


class _Model(NamedTuple):
    environment: simpy.Environment
    draw: random.Random
    events: list[tuple[Any, ...]]
    workload: ChatWorkload

    def note(self, op: str, chat: str, turn_duration: float | None = None) -> None:
        self.events.append((self.environment.now, op, chat, turn_duration))

    def lasting(self, median: float, spread: float) -> float:
        return median * math.exp(spread * self.draw.gauss(0.0, 1.0))


def _arrive(model: _Model) -> Iterator[simpy.Event]:
    workload, environment = model.workload, model.environment
    gap, end = 3_600_000 / workload.chats_per_hour, to_milliseconds(workload.duration)
    number = 0
    while True:
        yield environment.timeout(model.draw.expovariate(1 / gap))
        if environment.now >= end:
            return
        environment.process(_chat(model, f"chat-{number:06d}"))
        number += 1


def _chat(model: _Model, chat: str) -> Iterator[simpy.Event]:
    workload, draw, environment = model.workload, model.draw, model.environment
    think_time = to_milliseconds(workload.think_time)
    return_after = to_milliseconds(workload.return_after)
    turn_time = to_milliseconds(workload.turn_duration)
    op, more = "start", True
    while more:
        turn = model.lasting(turn_time, workload.turn_spread)
        model.note(op, chat, turn)
        if op == "start" and draw.random() < workload.duplicate_start_share:
            environment.process(_reload(model, chat, draw.random() * turn))
        if draw.random() < workload.return_share:
            think = model.lasting(return_after, workload.return_spread)
        else:
            think = model.lasting(think_time, workload.think_spread)
        yield environment.timeout(turn + think)
        op, more = "message", draw.random() >= 1 / workload.turns_per_chat
    if draw.random() < workload.close_share:
        model.note("close", chat)
        if draw.random() < workload.late_message_share:
            yield environment.timeout(model.lasting(think_time, workload.think_spread))
            model.note("message" if draw.random() < 0.5 else "start", chat)


def _reload(model: _Model, chat: str, after: float) -> Iterator[simpy.Event]:
    yield model.environment.timeout(after)
    model.note("start", chat)


def _frame(events: list[tuple[Any, ...]]) -> pd.DataFrame:
    """Round to whole milliseconds, and date what was simulated from zero on."""
    start = to_instant(WORKLOAD.start)
    rows = [dict(zip(_FIELDS, event, strict=True)) for event in events]
    for row in rows:
        row["at"] = start + int(row["at"])
        row["turn_duration"] = None if row["turn_duration"] is None else round(row["turn_duration"])
    frame = events_frame([{**row, "expires_at": None} for row in rows])
    return frame.drop(columns="expires_at")


def as_asked(workload: ChatWorkload, events: pd.DataFrame) -> dict[str, object]:
    """Hold what was drawn against what was asked for; five standard errors are as asked.

    A number that is further off stands for itself, and so makes the two sides differ.
    """
    chats = chat_statistics(events)
    n = len(chats.arrived_at)
    hours = to_milliseconds(workload.duration) / 3_600_000
    expected, turns = workload.chats_per_hour * hours, workload.turns_per_chat
    turn_logs = np.log(chats.turn_durations / to_milliseconds(workload.turn_duration))
    # Returns aside: few short thinks reach an hour, and few returns do not.
    thinks = chats.thinks[chats.thinks < 3_600_000]
    think_logs = np.log(np.maximum(thinks, 1) / to_milliseconds(workload.think_time))
    shares = {
        "closed": (chats.closed, workload.close_share),
        "reloaded": (chats.reloaded, workload.duplicate_start_share),
        "late": (chats.late[chats.closed] > 0, workload.late_message_share),
    }
    return {
        "chats": _near(n, expected, math.sqrt(expected)),
        "turns": _near(chats.turns.mean(), turns, math.sqrt(turns * (turns - 1) / n)),
        "turn": _near(turn_logs.mean(), 0, workload.turn_spread / math.sqrt(len(turn_logs))),
        "think": _near(np.median(think_logs), 0, 0.05),
        **{
            name: _near(values.mean(), share, math.sqrt(share * (1 - share) / len(values)))
            for name, (values, share) in shares.items()
        },
    }


def _near(value: float, expected: float, error: float) -> object:
    return "as asked" if abs(value - expected) < 5 * error else value
