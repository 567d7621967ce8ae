"""Jobs side by side."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from session_lab.replays.parallel import as_done

if TYPE_CHECKING:
    from collections.abc import Sequence

ITEMS: Sequence[int] = range(2_000)


def test_after_an_interrupt_nothing_more_is_begun():
    """Ctrl-C in a long sweep would otherwise be obeyed when all of it was played."""

    def job(done: list[int], item: int) -> None:
        time.sleep(0.005)
        done.append(item)

    done: list[int] = []
    coming = as_done(job, done, ITEMS)
    next(coming)
    with pytest.raises(KeyboardInterrupt):
        coming.throw(KeyboardInterrupt())  # type: ignore[attr-defined]  # a generator
    assert len(done) < len(ITEMS)
