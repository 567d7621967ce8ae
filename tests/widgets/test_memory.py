"""What moving sliders for a long time leaves behind."""

from __future__ import annotations

import os
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import session_lab as sl
from session_lab.timing import instant_text
from session_lab.widgets import Selection
from tests.widgets.looking import control
from tests.widgets.sessions import DAY, HOUR, ORIGIN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

STATM = Path("/proc/self/statm")
PAGE = os.sysconf("SC_PAGE_SIZE")
MEGABYTE = 2**20
MOVES = 200


@pytest.mark.long
@pytest.mark.skipif(not STATM.exists(), reason="only Linux tells how much memory is resident")
@pytest.mark.parametrize("title", ["Tags", "Lifetimes", "Churn", "What if"])
def test_two_hundred_moves_of_a_slider_leave_less_than_twenty_megabytes(title: str):
    events = sl.traffic.generate(sl.ChatWorkload(duration="10d", chats_per_hour=80), seed=1)
    replay = sl.replay(events)
    exploration = sl.explore(replay.sessions, replay.runs, replay.operations, events=events)
    for explorer in exploration.explorers.values():
        explorer.hide()
    exploration[title].show()
    moves = _moves(exploration, title)
    for move in islice(moves, 20):
        move()
    before = _resident()
    for move in islice(moves, MOVES):
        move()
    assert _resident() - before < 20 * MEGABYTE
    exploration.close()


def _moves(exploration: Any, title: str) -> Iterator[Callable[[], None]]:
    """Move the time window and, where there is one, a slider of the explorer itself, in turns."""
    own = {"Tags": "How many", "What if": "Idle timeout"}.get(title)
    slider = None if own is None else control(exploration[title], own)
    for hours in cycle(range(1, 48)):
        begin = ORIGIN + hours * HOUR
        window = Selection(
            created_from=instant_text(begin), created_to=instant_text(begin + 5 * DAY)
        )
        yield partial(setattr, exploration, "selection", window)
        if slider is not None:
            place = hours % 10
            value = slider.options[place][1] if hasattr(slider, "options") else 1 + place
            yield partial(setattr, slider, "value", value)


def _resident() -> int:
    return int(STATM.read_text().split()[1]) * PAGE
