"""The picture of a sweep says what it shows."""

from __future__ import annotations

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

import session_lab as sl
from tests.stories import message, start
from tests.strategies import events_frame

mpl.use("Agg")


@pytest.mark.parametrize(
    ("wait", "label"), [("wait_p95", "wait p95 (s)"), ("cold_starts", "cold starts")]
)
def test_the_front_is_drawn_in_units_with_alt_text(wait: str, label: str):
    events = events_frame([start(0, lasting=5), message(40_000), message(7_000_000)])
    platform = sl.Platform(boot_time="2s", resume_time="1s")
    swept = sl.sweep(events, {"idle_timeout": ["5s", "1m"]}, platform=platform)
    result = sl.recommend(swept, wait=wait)
    ax = result.plot()
    ax.figure.canvas.draw()
    assert not any(tick.get_text().endswith("m") for tick in ax.get_yticklabels())
    assert ax.get_title(loc="left") == result.title
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("billed (h)", label)
    assert ax.get_label().startswith("2 policies by billed and")
    assert ax.get_label().endswith(".")
    every, front, chosen = ax.get_lines()
    assert len(every.get_xdata()) == 2
    assert len(front.get_xdata()) == len(result.to_frame())
    assert chosen.get_xdata()[0] == result.summary()["billed"].total_seconds() / 3600
    plt.close(ax.figure)
