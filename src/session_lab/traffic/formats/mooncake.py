"""The chat trace released with the Mooncake paper (FAST'25), one request a line.

Fields, from the trace's documentation: ``timestamp`` (milliseconds from the start of the trace),
``input_length`` and ``output_length`` (tokens), ``hash_ids`` (ids of the request's 512-token prefix
blocks; the last one is partial). The requests carry no conversation, so it is recovered from the
prefixes: a request continues the conversation of the earlier request whose blocks but the last are
the longest beginning of its own, at least two blocks long; of equally long ones the latest counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from session_lab.errors import DataError
from session_lab.timing import to_instant
from session_lab.traffic.formats.events import frame_of
from session_lab.traffic.formats.text_rows import BadRows, json_lines
from session_lab.traffic.formats.token_trace import turn_of_tokens

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd

__all__ = ["FIELDS", "Conversations", "read"]

FIELDS = ("timestamp", "output_length", "hash_ids")
_SHORTEST_PREFIX = 2


class Conversations:
    """Which conversation each request belongs to, told from its prefix blocks.

    Blocks form a trie; a node remembers the latest conversation one of whose requests consists,
    but for its last block, of the blocks on the way to it.

    Examples
    --------
    >>> conversations = Conversations()
    >>> [conversations.of(ids) for ids in ([0, 1, 2], [0, 9, 8], [0, 1, 3, 4])]
    [0, 1, 0]
    """

    def __init__(self) -> None:
        self._children: dict[tuple[int, int], int] = {}
        self._latest: dict[int, int] = {}
        self.n = 0

    def of(self, blocks: Sequence[int]) -> int:
        """Tell the conversation of the next request, numbered in order of appearance."""
        conversation = self._continued(blocks)
        if conversation is None:
            conversation = self.n
            self.n += 1
        node = 0
        for block in blocks[:-1]:
            node = self._children.setdefault((node, block), len(self._children) + 1)
        if len(blocks) > _SHORTEST_PREFIX:
            self._latest[node] = conversation
        return conversation

    def _continued(self, blocks: Sequence[int]) -> int | None:
        node, found = 0, None
        for block in blocks:
            child = self._children.get((node, block))
            if child is None:
                break
            node = child
            found = self._latest.get(node, found)
        return found


def read(path: Path, origin: int, tokens_per_second: float, bad: BadRows) -> pd.DataFrame:
    """Read the trace as events.

    The first request of a conversation is a start that carries its first turn, the others are
    messages; a turn lasts as long as its output takes to generate.

    Parameters
    ----------
    path : Path
        The trace.
    origin : int
        The instant of timestamp zero, in milliseconds since 1970.
    tokens_per_second : float
        How fast output is generated.
    bad : BadRows
        What becomes of rows that cannot be used.
    """
    conversations = Conversations()
    events = []
    for number, record in json_lines(path, bad):
        try:
            timestamp, tokens, blocks = _parse(record)
            at = to_instant(origin + timestamp, name="timestamp")
            turn_duration = turn_of_tokens(tokens, tokens_per_second, "output_length")
        except DataError as error:
            bad.report(error, source=path.name, row=number)
            continue
        known = conversations.n
        conversation = conversations.of(blocks)
        events.append(
            {
                "at": at,
                "op": "start" if conversation == known else "message",
                "external_id": f"conv-{conversation}",
                "turn_duration": turn_duration,
            }
        )
    return frame_of(events)


def _parse(record: dict[str, Any]) -> tuple[int, int, list[int]]:
    for name in FIELDS:
        if name not in record:
            message = f"the field is missing; the row has {', '.join(record)}"
            raise DataError(message, column=name)
    blocks = record["hash_ids"]
    if not isinstance(blocks, list) or not all(type(block) is int for block in blocks):
        raise DataError(f"{blocks!r} is not a list of whole numbers", column="hash_ids")
    for name in ("timestamp", "output_length"):
        value = record[name]
        if type(value) is not int or value < 0:
            raise DataError(f"{value!r} is not a whole number of zero or more", column=name)
    return record["timestamp"], record["output_length"], blocks
