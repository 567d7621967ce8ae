"""Pictures of churn say what they show, and survive empty frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
import pytest

from session_lab import plots
from session_lab.analysis import churn
from session_lab.frames import OPERATIONS, RUNS, SESSIONS, empty
from tests.stories import close, message, play, start

if TYPE_CHECKING:
    from session_lab.analysis.results import Result

mpl.use("Agg")

POLLS = pd.DataFrame(
    {
        "session_id": ["s", "s"],
        "current_run_id": ["r1", "r2"],
        "polled_at": pd.to_datetime(["2026-01-01T00:00Z", "2026-01-01T01:00Z"]),
    }
)


def results(*, full: bool) -> list[Result]:
    replay = play(start(0, lasting=5), message(900), close(2_000), start(3, chat="b")).replay
    runs = replay.runs if full else empty(RUNS)
    operations = replay.operations if full else empty(OPERATIONS)
    sessions = replay.sessions if full else empty(SESSIONS)
    later = "2026-01-03T00:00Z" if full else None
    return [
        churn.runs_per_session(runs),
        churn.gaps(runs),
        churn.reasons(runs),
        churn.start_kinds(operations),
        churn.transitions(runs),
        churn.rate(runs, sessions),
        churn.handovers(POLLS if full else POLLS.head(0)),
        churn.cohorts(operations, observed_at=later),
        churn.identities(operations, observed_at=later),
    ]


def test_counts_have_whole_ticks_and_few_have_no_prefix():
    runs = play(start(0, lasting=5)).replay.runs
    for result in (churn.runs_per_session(runs), churn.reasons(runs)):
        ax = result.plot()
        ax.figure.canvas.draw()
        counted = ax.yaxis if ax.get_ylabel() else ax.xaxis
        ticks = [tick.label1.get_text() for tick in counted.get_major_ticks()]
        assert set(ticks) <= {"0", "1", "2"}
        plt.close(ax.figure)
    price = churn.cost(runs, {"micro": 1e-5}).plot()
    price.set_ylim(0, 0.005)
    price.figure.canvas.draw()
    assert price.get_yticklabels()[-1].get_text() == "0.005"
    plt.close(price.figure)


@pytest.mark.parametrize("full", [True, False])
def test_every_result_draws_itself_with_alt_text(*, full: bool):
    for result in results(full=full):
        ax = result.plot()
        ax.figure.canvas.draw()
        assert ax.get_title(loc="left") == result.title
        assert ax.get_label().endswith(".")
        assert result.title in repr(result)
        assert len(result.summary())
        plt.close(ax.figure)


def test_reasons_are_named_beside_their_bars():
    replay = play(start(0, lasting=5), message(900)).replay
    ax = churn.reasons(replay.runs).plot()
    ax.figure.canvas.draw()
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names == ["initial", "continuation", "turn timeout"]
    plt.close(ax.figure)


def test_retention_lines_tell_the_share_of_each_age():
    replay = play(start(0, lasting=5), start(3, chat="b")).replay
    ax = plots.retention(churn.cohorts(replay.operations, observed_at="2026-01-02T00:00Z"))
    assert "100% at 0" in ax.get_label()
    plt.close(ax.figure)
