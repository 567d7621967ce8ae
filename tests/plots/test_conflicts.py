"""Pictures of conflicts."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import matplotlib as mpl
import pytest
from matplotlib import pyplot as plt

from session_lab import plots
from session_lab.analysis import conflicts
from session_lab.frames import OPERATIONS, empty
from tests.stories import close, play, start

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _without_a_screen() -> Iterator[None]:
    with mpl.rc_context({"backend": "agg"}):
        yield
    plt.close("all")


@pytest.fixture
def result() -> conflicts.Conflicts:
    replay = play(
        start(0),
        start(10),
        close(20),
        start(30),
        start(0, expires_at=5, chat="$b$"),
        start(2_000, chat="$b$"),
    ).replay
    return conflicts.summary(replay.operations, replay.sessions)


def test_refusals_are_bars_by_time_stacked_by_cause(result: conflicts.Conflicts):
    ax = result.plot()
    heights = {bars.get_label(): [bar.get_height() for bar in bars] for bars in ax.containers}
    assert heights["closed"][:3] == [1, 0, 0]
    assert heights["expired"][:3] == [0, 1, 0]
    assert "1 closed, 1 expired, 0 other" in ax.get_label()


def test_reused_ids_are_bars_by_outcome(result: conflicts.Conflicts):
    ax = plots.reused_ids(result)
    widths = {bars.get_label(): [bar.get_width() for bar in bars] for bars in ax.containers}
    assert widths == {"created": [1, 1], "cached": [1, 0], "refused": [1, 1]}
    assert ax.get_yticklabels()[1].get_text() == r"\$b\$"
    assert "a 3, $b$ 2" in ax.get_label()


def test_nothing_is_drawn_without_a_warning():
    nothing = conflicts.summary(empty(OPERATIONS))
    for ax in (nothing.plot(), plots.reused_ids(nothing)):
        ax.figure.savefig(io.BytesIO(), format="svg")
        assert ax.get_label()
