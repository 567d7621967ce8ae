"""The chats of a log in shards, as many as a fit looks at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from session_lab.frames import in_one_piece, milliseconds
from session_lab.frames.files.sources import Source
from session_lab.traffic.adopt import first_events
from session_lab.traffic.engine.time_order import sorted_by_time
from session_lab.traffic.shard import hash_ids
from session_lab.traffic.shards import read_shards

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from session_lab.frames.files.sources import Place

__all__ = ["sampled_chats"]

_MOST_CHATS: Final = 200_000
_ALL: Final = 2**64 - 1


class _Held(NamedTuple):
    """Some events of a shard, with the key of the chat of each, and the keys of these chats."""

    events: pd.DataFrame
    of_event: NDArray[np.uint64]
    keys: NDArray[np.uint64]

    def below(self, most: int) -> _Held:
        """Return the chats whose keys are not above one."""
        rows = self.of_event <= np.uint64(most)
        return _Held(
            self.events[rows], self.of_event[rows], self.keys[self.keys <= np.uint64(most)]
        )


def sampled_chats(folder: Place) -> tuple[pd.DataFrame, NDArray[np.int64]]:
    """Return all events of some chats, in order of time, and when every chat began.

    All chats are returned where there are at most 200,000; of more a half, a quarter and so on, by
    a hash of their external ids, until so many are left at most.

    Parameters
    ----------
    folder : path or URL
        Parquet shards, each with all events of its chats; one is in memory at a time.

    Raises
    ------
    DataError
        A shard cannot be read, or two have events of one chat.
    """
    # They load numba.
    from session_lab.traffic.columnar.draws import scattered  # noqa: PLC0415
    from session_lab.traffic.played_shards import refuse_split  # noqa: PLC0415

    held: list[_Held] = []
    most, keys, began = _ALL, [], [np.empty(0, np.int64)]
    for events in read_shards(folder):
        first, chat = first_events(events)
        ids = in_one_piece(pa.array(events["external_id"].iloc[first], pa.large_string()))
        key = scattered(hash_ids(ids))
        keys.append(key)
        begins = (events["op"].iloc[first] == "start").to_numpy()
        began.append(milliseconds(events["at"])[first[begins]])
        held.append(_Held(events, key[chat], key).below(most))
        while sum(len(one.keys) for one in held) > _MOST_CHATS:
            most >>= 1
            held = [one.below(most) for one in held]
    refuse_split(keys, Source(folder).name)
    events = pd.concat([one.events for one in held], ignore_index=True)
    return sorted_by_time(events), np.sort(np.concatenate(began))
