"""Two replays of the same traffic, event by event and chat by chat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from session_lab.analysis.display import read_duration
from session_lab.analysis.replays.bootstrap import paired_ratio_differences
from session_lab.analysis.results import Result
from session_lab.errors import DataError
from session_lab.frames import NAT, milliseconds

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from session_lab.traffic.engine.engine_frames import Frames

__all__ = ["ReplayComparison", "compare"]

_SIDES = ("first", "second")
_KEY = ["at", "op", "external_id"]
_BLOCK, _FEWEST_BLOCKS = 3_600_000, 20
"""Blocks of time are an hour long, or shorter in a log too short for so many."""
_COLD = ("initial", "continuation", "upgrade")
_MEASURES = {
    "wait per served turn": ("s", "waited", "turns"),
    "cold starts per served turn": ("share", "cold", "turns"),
    "refusals per event": ("share", "refused", "events"),
    "billed time per chat": ("s", "billed", "chats"),
    "runs per chat": ("runs", "runs", "chats"),
}
"""The unit of each measure, and what is divided by what."""


_BY_BLOCKS = (
    "a limit made turns wait for slots, so chats are not independent of each other: here whole "
    "blocks of time are resampled, by when a chat began, in place of chats; assumes that the line "
    "of one block does not reach into the next"
)


@dataclass(frozen=True, repr=False, eq=False)
class ReplayComparison(Result):
    """What a second replay changed.

    Attributes
    ----------
    metrics : DataFrame
        ``metric, unit, first, second, difference, lower, upper``, one row a measure.
    events : DataFrame
        One row per event, in the order of the input: ``at, op, external_id``, then
        ``status_code``, ``start_kind`` and ``waited`` of each replay (``_first``, ``_second``), and
        ``waited_difference`` where both served the turn.
    chats : DataFrame
        One row per external id, in order of appearance: ``waited`` (of all its turns), ``billed``
        and ``runs`` of each replay and the ``_difference`` of each.
    level : float
        The level of the intervals.
    n_resamples : int
        How many resamples they rest on.
    blocks : int or None
        How many blocks of time were resampled, where a limit made turns wait; None where chats were.
    block_length : int
        How long each is, in milliseconds.
    """

    metrics: pd.DataFrame
    events: pd.DataFrame
    chats: pd.DataFrame
    level: float
    n_resamples: int
    blocks: int | None = None
    block_length: int = 0

    title: ClassVar[str] = "Second replay against the first"
    formula: ClassVar[str] = (
        "each measure is a ratio of sums over chats (external ids), difference = second - first; "
        "percentile intervals of a bootstrap of whole chats, both replays of a chat kept together; "
        "assumes that chats are independent of each other"
    )

    @property
    def notes(self) -> tuple[str, ...]:
        """What the intervals rest on."""
        chats = len(self.chats)
        if self.blocks is not None:
            length = read_duration(self.block_length)
            parts = f"{self.n_resamples:,} resamples of {self.blocks:,} blocks of {length}"
            return (f"{self.level:.0%} intervals, {parts}", _BY_BLOCKS)
        return (f"{self.level:.0%} intervals, {self.n_resamples:,} resamples of {chats:,} chats",)

    def to_frame(self) -> pd.DataFrame:
        """Return ``metric, unit, first, second, difference, lower, upper``."""
        return self.metrics.copy()

    def overview(self) -> pd.DataFrame:
        """Return the measures, to be shown each in digits of its own as their units differ."""
        return self.metrics.astype(object)

    def relative(self) -> pd.DataFrame:
        """Return ``metric, difference, lower, upper`` in percent of the first replay's value.

        A measure that is 0 or missing there is left out.
        """
        known = self.metrics[self.metrics["first"] > 0]
        columns = {
            name: 100 * known[name] / known["first"] for name in ("difference", "lower", "upper")
        }
        return pd.DataFrame({"metric": known["metric"], **columns}).reset_index(drop=True)

    def summary(self) -> dict[str, int]:
        """Return how many events and chats there are, and how many of them changed."""
        events, chats = self.events, self.chats
        first, second = (events[f"start_kind_{which}"].astype(object) for which in _SIDES)
        waited, zero = events["waited_difference"], pd.Timedelta(0)
        same = (chats["waited_difference"] == zero) & (chats["billed_difference"] == zero)
        same &= chats["runs_difference"] == 0
        status = events["status_code_first"] != events["status_code_second"]
        return {
            "events": len(events),
            "status changed": int(status.sum()),
            "start kind changed": int((first.fillna("none") != second.fillna("none")).sum()),
            "waited less": int((waited < zero).sum()),
            "waited more": int((waited > zero).sum()),
            "chats": len(chats),
            "chats changed": int((~same).sum()),
        }

    def start_kinds(self) -> pd.DataFrame:
        """Count turns by how they started in the first replay (rows) and in the second (columns).

        A turn that a replay did not serve is ``none``.
        """
        first, second = (
            self.events[f"start_kind_{which}"].astype(object).fillna("none") for which in _SIDES
        )
        served = (first != "none") | (second != "none")
        return pd.crosstab(first[served], second[served], rownames=["first"], colnames=["second"])


def compare(
    first: Frames, second: Frames, *, seed: int = 0, level: float = 0.95, n_resamples: int = 1000
) -> ReplayComparison:
    """Compare two replays of the same events.

    A cold start is one for which a run was triggered: ``initial``, ``continuation`` or
    ``upgrade``. Billed time is active and idle time.

    Parameters
    ----------
    first, second : Frames
        The operations, sessions and runs of each.
    seed : int
        What the bootstrap draws on.
    level : float
        The level of the intervals, between 0 and 1.
    n_resamples : int
        How many resamples; at least 100.

    Raises
    ------
    DataError
        The replays are of different events.

    Warns
    -----
    StatisticalWarning
        There are fewer than two chats, so there are no intervals.
    """
    _refuse_others(first.operations, second.operations)
    chat, names = pd.factorize(first.operations["external_id"])
    sides = [_per_chat(frames, chat, names) for frames in (first, second)]
    sums = np.array(
        [
            [side[part] for side in sides for part in (above, below)]
            for _, above, below in _MEASURES.values()
        ]
    ).transpose(2, 0, 1)
    blocks, block_length = None, 0
    if any(map(_made_wait, (first.operations, second.operations))):
        at = milliseconds(first.operations["at"])
        block, block_length = _blocks(at, chat)
        blocks = int(block.max(initial=-1)) + 1
        sums = np.stack([sums[block == number].sum(axis=0) for number in range(blocks)])
    found = paired_ratio_differences(sums, seed=seed, level=level, n_resamples=n_resamples)
    units = [unit for unit, _, _ in _MEASURES.values()]
    scale = np.array([1000.0 if unit == "s" else 1.0 for unit in units])
    numbers = {name: ends / scale for name, ends in found._asdict().items()}
    metrics = pd.DataFrame({"metric": list(_MEASURES), "unit": units, **numbers})
    return ReplayComparison(
        metrics=metrics,
        events=_events(first.operations, second.operations),
        chats=_chats(names, *sides),
        level=level,
        n_resamples=n_resamples,
        blocks=blocks,
        block_length=block_length,
    )


def _made_wait(operations: pd.DataFrame) -> bool:
    """Check whether a limit made a turn wait."""
    return "queued" in operations and bool((milliseconds(operations["queued"]) > 0).any())


def _blocks(at: NDArray[np.int64], chat: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
    """Return for each chat the block of time in which it began, and how long a block is."""
    began = np.full(int(chat.max(initial=-1)) + 1, np.iinfo(np.int64).max)
    np.minimum.at(began, chat, at)
    span = int(np.ptp(began)) + 1
    length = min(_BLOCK, -(-span // _FEWEST_BLOCKS))
    _, block = np.unique((began - began.min()) // length, return_inverse=True)
    return block, length


def _refuse_others(first: pd.DataFrame, second: pd.DataFrame) -> None:
    if len(first) != len(second):
        message = f"one replay has {len(first):,} events and the other {len(second):,}"
        raise DataError(f"{message}; compare replays of the same events", source="other")
    for column in _KEY:
        differs = np.asarray(first[column] != second[column], dtype=bool)
        if differs.any():
            message = "the replays are of different events; compare replays of the same ones"
            raise DataError(message, source="other", row=int(differs.argmax()), column=column)


def _per_chat(
    frames: Frames, chat: NDArray[np.int64], names: pd.Index
) -> dict[str, NDArray[np.int64]]:
    """Add up what each chat did."""
    operations, sessions, runs = frames
    waited = milliseconds(operations["waited"])
    served = waited != NAT
    owner = pd.Index(sessions["session_id"]).get_indexer(pd.Index(runs["session_id"]))
    run_chat = names.get_indexer(pd.Index(sessions["external_id"]))[owner]
    billed = milliseconds(runs["active"]) + milliseconds(runs["idle"])
    n = len(names)

    def total(places: NDArray[np.int64], values: NDArray[np.int64]) -> NDArray[np.int64]:
        sums = np.zeros(n, dtype=np.int64)
        np.add.at(sums, places, values)
        return sums

    def count(places: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.bincount(places, minlength=n).astype(np.int64)

    return {
        "waited": total(chat[served], waited[served]),
        "turns": count(chat[served]),
        "cold": count(chat[np.asarray(operations["start_kind"].isin(_COLD))]),
        "refused": count(chat[np.asarray(operations["status_code"] >= 400)]),
        "events": count(chat),
        "chats": np.ones(n, dtype=np.int64),
        "billed": total(run_chat, billed),
        "runs": count(run_chat),
    }


def _events(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    paired = first[_KEY].copy()
    for name in ("status_code", "start_kind", "waited"):
        paired[f"{name}_first"] = first[name]
        paired[f"{name}_second"] = second[name]
    paired["waited_difference"] = second["waited"] - first["waited"]
    return paired


def _chats(
    names: pd.Index, first: dict[str, NDArray[np.int64]], second: dict[str, NDArray[np.int64]]
) -> pd.DataFrame:
    columns: dict[str, object] = {"external_id": names}
    for name, dtype in (("waited", "m8[ms]"), ("billed", "m8[ms]"), ("runs", "int64")):
        columns[f"{name}_first"] = first[name].astype(dtype)
        columns[f"{name}_second"] = second[name].astype(dtype)
        columns[f"{name}_difference"] = (second[name] - first[name]).astype(dtype)
    return pd.DataFrame(columns)
