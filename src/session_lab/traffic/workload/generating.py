"""Made-up chat traffic: events drawn from a workload."""

from __future__ import annotations

import functools
import itertools
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from session_lab.errors import DataError
from session_lab.frames import EVENTS, NAT, Coded, build, write_parquet
from session_lab.mistyped import answer_mistyped
from session_lab.simulator import RandomStream
from session_lab.timing import LAST_INSTANT, to_milliseconds
from session_lab.traffic.shards import paths_for
from session_lab.traffic.workload.arrivals import arrivals
from session_lab.traffic.workload.distributions import geometric, log_normal, picks, zipf

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

    from session_lab.traffic.workload.chat_workload import ChatWorkload

__all__ = ["generate", "generate_shards"]

_AT_ONCE = 100
_SORTABLE_BITS = 63
_TYPE = "chat.agent"
_OPS = ("start", "message", "close")
_START, _MESSAGE, _CLOSE = range(len(_OPS))

_PLANS = {"plan:free": 82, "plan:pro": 18}
_LANGUAGES = {"lang:en": 58, "lang:es": 15, "lang:de": 10, "lang:fr": 8, "lang:ja": 6, "lang:pt": 3}


@answer_mistyped
def generate(workload: ChatWorkload, seed: int) -> pd.DataFrame:
    """Draw an events frame from a workload.

    Each quantity has a random stream of its own, named for it, so that one share or duration can
    be changed without a new draw of the others, and a longer window begins with the chats of a
    shorter one. The same workload and seed make the same bytes on every machine.

    Parameters
    ----------
    workload : ChatWorkload
        What to draw from.
    seed : int
        Any integer.

    Returns
    -------
    DataFrame
        An events frame in order of time; events of the same instant stand in the order of their
        chats' arrival. Ids are ``chat-000000``, ``chat-000001`` and so on, in the same order.

    Raises
    ------
    DataError
        A chat or its expiry reaches beyond the year 9999.

    Examples
    --------
    >>> from session_lab.traffic import ChatWorkload
    >>> events = generate(ChatWorkload(chats_per_hour=2, turns_per_chat=2), seed=7)
    >>> events[["op", "external_id"]].head(3)
            op  external_id
    0    start  chat-000000
    1    start  chat-000001
    2  message  chat-000001
    """
    stream = _streams(seed)
    return _events(workload, arrivals(workload, stream), 0, stream)


@answer_mistyped
def generate_shards(
    workload: ChatWorkload, seed: int, folder: str | os.PathLike[str], *, shards: int = 16
) -> Sequence[Path]:
    """Draw as many events as one likes from a workload, into Parquet shards.

    One shard is in memory at a time, and eight bytes a chat. The events are those of
    :func:`generate`; each shard holds as many chats, one after the other in order of arrival, so that
    a sweep can play it by itself.

    Parameters
    ----------
    workload : ChatWorkload
        What to draw from.
    seed : int
        Any integer.
    folder : path
        Where to; it is made where it is missing. Shards that an earlier call left there are replaced,
        other files are kept.
    shards : int
        How many, 1 to 10,000.

    Returns
    -------
    sequence of Path
        The files, ``part-00000.parquet`` and so on, each written whole or not at all.

    Raises
    ------
    DataError
        The number is out of range, the folder holds other shards, or a chat or its expiry reaches
        beyond the year 9999.

    Examples
    --------
    >>> import tempfile
    >>> from session_lab.traffic import ChatWorkload, read_shards
    >>> folder = tempfile.mkdtemp()
    >>> paths = generate_shards(ChatWorkload(duration="1d"), 7, folder, shards=3)
    >>> len(paths), sum(map(len, read_shards(folder))), len(generate(ChatWorkload(duration="1d"), 7))
    (3, 6214, 6214)
    """
    paths, stream = paths_for(folder, shards), _streams(seed)
    arrived_at = arrivals(workload, stream)
    edges = [len(arrived_at) * number // shards for number in range(shards + 1)]
    for path, (first, last) in zip(paths, itertools.pairwise(edges), strict=True):
        write_parquet(_events(workload, arrived_at[first:last], first, stream), path)
    return paths


def _streams(seed: int) -> Callable[[str], RandomStream]:
    """Return what makes the stream of a quantity: one, from which all chats are drawn in order."""
    return functools.cache(lambda quantity: RandomStream(seed, f"workload/{quantity}"))


def _events(
    workload: ChatWorkload,
    arrived_at: NDArray[np.int64],
    first: int,
    stream: Callable[[str], RandomStream],
) -> pd.DataFrame:
    """Draw the events of the next chats, of which so many came before."""
    turns = _turns(workload, arrived_at, stream)
    asked = _in_order(
        [
            turns.asked,
            _concurrent_starts(workload, arrived_at, turns.first_duration, stream),
            _reloads(workload, arrived_at, turns.first_duration, stream),
            *_ends(workload, turns.done_at, stream),
        ]
    )
    if asked.at.max(initial=0) + to_milliseconds(workload.expires_after or 0) > LAST_INSTANT:
        message = (
            "chats or their expiry reach beyond the year 9999; start earlier or shorten thinks"
        )
        raise DataError(message, source="ChatWorkload", column="start")
    names = _names(first, first + len(arrived_at))
    return _frame(workload, asked, names, stream)


class _Asked(NamedTuple):
    """What is asked: when, by which chat, which operation, and how long its turn lasts."""

    at: NDArray[np.int64]
    chat: NDArray[np.int64]
    op: NDArray[np.int64]
    turn_duration: NDArray[np.int64]


class _Turns(NamedTuple):
    """All turns; and of each chat, how long its first lasts and when a think after its last is."""

    asked: _Asked
    first_duration: NDArray[np.int64]
    done_at: NDArray[np.int64]


def _turns(
    workload: ChatWorkload, arrived_at: NDArray[np.int64], stream: Callable[[str], RandomStream]
) -> _Turns:
    counts = geometric(stream("turns"), len(arrived_at), workload.turns_per_chat)
    if workload.single_turn_share:
        single = stream("single_turns").uniforms(len(counts)) < workload.single_turn_share
        counts = np.where(single, 1, counts)
    chat = np.repeat(np.arange(len(arrived_at)), counts)
    last = np.cumsum(counts) - 1
    first = last - counts + 1
    n = len(chat)
    lasts = _durations(workload, n, stream)
    returns = stream("returns").uniforms(n) < workload.return_share
    medians = to_milliseconds(workload.think_time), to_milliseconds(workload.return_after)
    thinks = log_normal(
        stream("think_time"),
        n,
        np.where(returns, medians[1], medians[0]),
        np.where(returns, workload.return_spread, workload.think_spread),
    )
    spans = lasts + thinks
    if workload.interrupt_share:
        interrupts = stream("interrupts").uniforms(n) < workload.interrupt_share
        interrupts[last] = False
        during = (stream("interrupt_time").uniforms(n) * lasts).astype(np.int64)
        spans = np.where(interrupts, during, spans)
    # The time before each turn as if all chats followed each other, less that before its chat.
    before = np.cumsum(spans) - spans
    at = arrived_at[chat] + before - before[first][chat]
    op = np.full(n, _MESSAGE)
    op[first] = _START
    return _Turns(_Asked(at, chat, op, lasts), lasts[first], at[last] + spans[last])


def _durations(
    workload: ChatWorkload, n: int, stream: Callable[[str], RandomStream]
) -> NDArray[np.int64]:
    """Draw how long turns last."""
    median, spread = to_milliseconds(workload.turn_duration), workload.turn_spread
    if not workload.long_turn_share:
        return log_normal(stream("turn_duration"), n, median, spread)
    is_long = stream("long_turns").uniforms(n) < workload.long_turn_share
    return log_normal(
        stream("turn_duration"),
        n,
        np.where(is_long, to_milliseconds(workload.long_turn_duration), median),
        np.where(is_long, workload.long_turn_spread, spread),
    )


def _concurrent_starts(
    workload: ChatWorkload,
    arrived_at: NDArray[np.int64],
    first_duration: NDArray[np.int64],
    stream: Callable[[str], RandomStream],
) -> _Asked:
    n = len(arrived_at)
    chosen = stream("concurrent_starts").uniforms(n) < workload.concurrent_start_share
    chat = np.flatnonzero(chosen)
    later = (stream("concurrent_time").uniforms(n) * _AT_ONCE).astype(np.int64)
    at = (arrived_at + later)[chat]
    return _Asked(at, chat, np.full(at.shape, _START), first_duration[chat])


def _reloads(
    workload: ChatWorkload,
    arrived_at: NDArray[np.int64],
    first_duration: NDArray[np.int64],
    stream: Callable[[str], RandomStream],
) -> _Asked:
    n = len(arrived_at)
    chat = np.flatnonzero(stream("reloads").uniforms(n) < workload.duplicate_start_share)
    at = arrived_at + (stream("reload_time").uniforms(n) * first_duration).astype(np.int64)
    return _without_turns(at[chat], chat, _START)


def _ends(
    workload: ChatWorkload, done_at: NDArray[np.int64], stream: Callable[[str], RandomStream]
) -> tuple[_Asked, _Asked]:
    """Draw the closes, and what comes too late, with its retries."""
    n = len(done_at)
    closed = stream("closes").uniforms(n) < workload.close_share
    late = closed & (stream("late").uniforms(n) < workload.late_message_share)
    median, spread = to_milliseconds(workload.think_time), workload.think_spread
    late_at = done_at + log_normal(stream("late_time"), n, median, spread)
    late_op = np.where(stream("late_op").uniforms(n) < 0.5, _MESSAGE, _START)
    tries = geometric(stream("retries"), n, 1 / (1 - workload.retry_share))[late]
    chat = np.repeat(np.flatnonzero(late), tries)
    nth = np.arange(len(chat)) - np.repeat(np.cumsum(tries) - tries, tries)
    asked_at = late_at[chat] + nth * to_milliseconds(workload.retry_after)
    return (
        _without_turns(done_at[closed], np.flatnonzero(closed), _CLOSE),
        _without_turns(asked_at, chat, late_op[chat]),
    )


def _without_turns(
    at: NDArray[np.int64], chat: NDArray[np.int64], op: NDArray[np.int64] | int
) -> _Asked:
    return _Asked(at, chat, np.broadcast_to(op, at.shape), np.full(at.shape, NAT))


def _in_order(parts: list[_Asked]) -> _Asked:
    """Join parts in order of time, then chat, then part."""
    at, chat, op, turn_duration = map(np.concatenate, zip(*parts, strict=True))
    order = _order(at, chat)
    return _Asked(at[order], chat[order], op[order], turn_duration[order])


def _order(at: NDArray[np.int64], chat: NDArray[np.int64]) -> NDArray[np.int64]:
    """Order by time, then chat, then place: ``lexsort((chat, at))``, several times as fast.

    Time and place are sorted as one number; few events share an instant, and those are then put in
    order of their chats.
    """
    first = at.min(initial=LAST_INSTANT)
    width = max(len(at) - 1, 1).bit_length()
    if int(at.max(initial=first) - first).bit_length() + width > _SORTABLE_BITS:
        return np.lexsort((chat, at))
    both = ((at - first) << width) | np.arange(len(at))
    both.sort()
    order: NDArray[np.int64] = both & ((1 << width) - 1)
    tied = np.diff(both >> width) == 0
    rows = np.flatnonzero(np.append(tied, [False]) | np.insert(tied, 0, [False])[: len(at)])
    if len(rows):
        places = order[rows]
        order[rows] = places[np.lexsort((places, chat[places], at[places]))]
    return order


def _frame(
    workload: ChatWorkload, asked: _Asked, names: pa.Array, stream: Callable[[str], RandomStream]
) -> pd.DataFrame:
    n_chats, starts = len(names), asked.op == _START
    only = np.where(starts, 0, -1)
    data = {
        "at": asked.at,
        "op": Coded(asked.op, _OPS),
        "external_id": names.take(pa.array(asked.chat)),
        "turn_duration": asked.turn_duration,
        "tags": _tags(workload, n_chats, stream).take(pa.array(asked.chat, mask=~starts)),
        "type": Coded(only, (_TYPE,)),
        "task_identifier": Coded(only, (workload.task_identifier,)),
    }
    if workload.expires_after is not None:
        expires_at = asked.at + to_milliseconds(workload.expires_after)
        asks = stream("expires").uniforms(n_chats) < workload.expires_share
        data["expires_at"] = np.where(starts & asks[asked.chat], expires_at, NAT)
    return build(EVENTS, data, n=len(asked.at))


def _names(first: int, last: int) -> pa.Array:
    """Name chats by their number, of six digits at least."""
    numbers = pa.array(np.arange(first, last)).cast(pa.large_string())
    padded = pc.call_function("utf8_lpad", [numbers], pc.PadOptions(6, "0"))
    text = pa.scalar("chat", pa.large_string()), padded, pa.scalar("-", pa.large_string())
    return pc.call_function("binary_join_element_wise", list(text))


def _tags(workload: ChatWorkload, n_chats: int, stream: Callable[[str], RandomStream]) -> pa.Array:
    """Draw each chat's tags."""
    kinds = [[plan, language] for plan in _PLANS for language in _LANGUAGES]
    plans = picks(stream("plan"), n_chats, tuple(_PLANS.values()))
    languages = picks(stream("language"), n_chats, tuple(_LANGUAGES.values()))
    kind = plans * len(_LANGUAGES) + languages
    if not workload.topics:
        return pa.array(kinds).take(pa.array(kind))
    topics = zipf(stream("topic"), n_chats, workload.topics, workload.topic_skew)
    found, kind = np.unique(kind * (workload.topics + 1) + topics, return_inverse=True)
    pairs = (divmod(int(both), workload.topics + 1) for both in found)
    names = [[*kinds[place], f"topic:{topic}"] for place, topic in pairs]
    return pa.array(names, pa.list_(pa.string())).take(pa.array(kind))
