"""What moving sliders for a long time leaves behind."""

from __future__ import annotations

import os
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import session_lab as sl
from session_lab.timing import instant_text
from session_lab.widgets import Selection
from tests.widgets.sessions import DAY, HOUR, ORIGIN, sessions_frame

if TYPE_CHECKING:
    from collections.abc import Iterator

STATM = Path("/proc/self/statm")
PAGE = os.sysconf("SC_PAGE_SIZE")
MEGABYTE = 2**20
MOVES = 200


@pytest.mark.long
@pytest.mark.skipif(not STATM.exists(), reason="only Linux tells how much memory is resident")
@pytest.mark.parametrize("title", ["Tags", "Lifetimes"])
def test_two_hundred_moves_of_a_slider_leave_less_than_twenty_megabytes(title: str):
    exploration = sl.explore(sessions_frame(20_000))
    for explorer in exploration.explorers.values():
        explorer.hide()
    exploration[title].show()
    windows = cycle(_windows())
    _move(exploration, islice(windows, 20))
    before = _resident()
    _move(exploration, islice(windows, MOVES))
    assert _resident() - before < 20 * MEGABYTE
    exploration.close()


def _windows() -> Iterator[Selection]:
    for hours in range(1, 48):
        begin = ORIGIN + hours * HOUR
        yield Selection(created_from=instant_text(begin), created_to=instant_text(begin + 5 * DAY))


def _move(exploration: Any, selections: Iterator[Selection]) -> None:
    for selection in selections:
        exploration.selection = selection


def _resident() -> int:
    return int(STATM.read_text().split()[1]) * PAGE
