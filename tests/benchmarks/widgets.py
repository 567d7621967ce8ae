"""What the move of a slider costs: its numbers against DuckDB, its picture against matplotlib.

DuckDB answers over a native table in memory, on as many threads as the explorers may use, and over
a third of their rows. The rows of the explorers are those of the table, three times over, so that
every count must be three times its, and the survival curve the same.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from io import BytesIO
from itertools import cycle
from typing import TYPE_CHECKING, Any, NamedTuple

import duckdb
import numpy as np
import pyarrow as pa
from matplotlib.image import imread

import session_lab as sl
from session_lab.frames import SESSIONS, Coded, build
from session_lab.plots.pictures.picture import Picture
from session_lab.timing import instant_text
from session_lab.widgets import (
    IndexedSessions,
    LifetimeExplorer,
    Selection,
    SelectionPanel,
    TagExplorer,
)
from session_lab.widgets.lifetimes import LifetimeState
from tests.benchmarks.harness import Benchmark, Side
from tests.benchmarks.lifetimes import Close

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd
    from numpy.typing import NDArray

    from session_lab.analysis.results import Result

__all__ = ["BENCHMARKS"]

ORIGIN = 1_767_225_600_000
DAY = 86_400_000
WINDOWS = ((5 * DAY, 20 * DAY), (8 * DAY, 23 * DAY))
"""Two places of a slider over thirty days; each keeps half of the sessions."""

TIMES = 3
N_TAGS = 200
THREADS = 2


class Rows(NamedTuple):
    """Sessions as plain columns; tags of all of them one after another, with offsets."""

    created_at: NDArray[np.int64]
    lifetime: NDArray[np.int64]
    end_cause: NDArray[np.int8]
    tags: pa.ListArray


@contextmanager
def move(n: int) -> Iterator[tuple[Side, Side]]:
    """Filter half of the sessions, count their tags again, estimate survival with its interval."""
    rows = _rows(n)
    prepared = IndexedSessions(_frame(rows))
    panel = SelectionPanel(prepared)
    tags, lifetimes = TagExplorer(prepared, panel), LifetimeExplorer(prepared, panel)
    # Exact ages, as DuckDB groups by; a shared explorer draws only when it is shown.
    lifetimes.state = LifetimeState()
    selections = cycle([_selection(*window) for window in WINDOWS])
    with duckdb.connect(config={"threads": THREADS}) as connection:
        _load(connection, rows)
        windows = cycle(WINDOWS)
        yield (
            Side(
                f"explorers, {TIMES * n:,} sessions",
                lambda: _moved(panel, tags, lifetimes, next(selections)),
                _of_explorers,
            ),
            Side(
                f"DuckDB, {n:,} sessions, {THREADS} threads",
                lambda: _asked(connection, *next(windows)),
                _of_duckdb,
            ),
        )
    for one in (tags, lifetimes, panel):
        one.close()


@contextmanager
def redraw(analysis: str) -> Iterator[tuple[Side, Side]]:
    """Put other numbers into a picture and write it as PNG; matplotlib only draws its figure."""
    frame = _frame(_rows(20_000))
    parts = [sl.select(frame, **_selection(*window).criteria) for window in WINDOWS]
    results = [_RESULTS[analysis](part) for part in parts]
    ours, theirs = Picture(), Picture()
    ours.draw(results[1])
    canvas = theirs.update(results[0])
    turns = cycle(results)
    yield (
        Side(f"redraw of {analysis}, as PNG", lambda: ours.draw(next(turns)), _of_png),
        Side("FigureCanvasAgg.draw", lambda: (canvas.draw(), canvas)[1], _of_canvas),
    )


BENCHMARKS = (
    Benchmark("slider-move", partial(move, 1_000_000), "A/B", 1),
    Benchmark("redraw-tags", partial(redraw, "tags"), "A/B", 2),
    Benchmark("redraw-survival", partial(redraw, "survival"), "A/B", 2),
)

_RESULTS: dict[str, Any] = {
    "tags": sl.tags.distribution,
    "survival": partial(sl.lifetimes.survival, resolution="10m"),
}


def _rows(n: int) -> Rows:
    """Make sessions with up to four tags each, by Zipf's law, and lifetimes in whole seconds."""
    rng = np.random.default_rng(2026)
    bounds = np.cumsum(1 / np.arange(1, N_TAGS + 1))
    drawn = np.searchsorted(bounds / bounds[-1], rng.random(4 * n)).clip(max=N_TAGS - 1)
    owner = rng.integers(0, n, 4 * n)
    # A session has a tag once.
    owner, codes = np.divmod(np.unique(owner * N_TAGS + drawn), N_TAGS)
    offsets = np.zeros(n + 1, np.int32)
    np.cumsum(np.bincount(owner, minlength=n), out=offsets[1:])
    names = pa.array([f"tag:{number:03}" for number in range(N_TAGS)])
    return Rows(
        ORIGIN + rng.integers(0, 30 * DAY, n),
        1_000 * rng.exponential(3 * 3_600, n).astype(np.int64),
        rng.integers(0, 3, n, dtype=np.int8),
        pa.ListArray.from_arrays(pa.array(offsets), names.take(pa.array(codes))),
    )


def _frame(rows: Rows) -> pd.DataFrame:
    n = TIMES * len(rows.created_at)
    data = {
        "tags": pa.chunked_array([rows.tags] * TIMES),
        "created_at": np.tile(rows.created_at, TIMES),
        "lifetime": np.tile(rows.lifetime, TIMES),
        "end_cause": Coded(np.tile(rows.end_cause, TIMES), ("open", "closed", "expired")),
    }
    return build(SESSIONS, data, n=n)


def _selection(start: int, end: int) -> Selection:
    return Selection(
        created_from=instant_text(ORIGIN + start), created_to=instant_text(ORIGIN + end)
    )


def _moved(
    panel: SelectionPanel, tags: TagExplorer, lifetimes: LifetimeExplorer, selection: Selection
) -> tuple[int, Result, Result]:
    panel.value = selection
    return panel.count(selection)[0], tags.data(), lifetimes.data()


def _load(connection: duckdb.DuckDBPyConnection, rows: Rows) -> None:
    table = pa.table(rows._asdict())
    connection.register("rows", table)
    connection.execute("CREATE TYPE cause AS ENUM ('open', 'closed', 'expired')")
    connection.execute(
        "CREATE TABLE sessions AS SELECT created_at, lifetime, tags, "
        "['open', 'closed', 'expired'][end_cause + 1]::cause AS end_cause FROM rows"
    )
    connection.unregister("rows")


_WHERE = "FROM sessions WHERE created_at >= {} AND created_at < {}"
_COUNT = f"SELECT count(*) {_WHERE}"
_TAGS = f"SELECT tag, count(*) FROM (SELECT unnest(tags) AS tag {_WHERE}) GROUP BY tag"  # noqa: S608
_SURVIVAL = f"""
WITH counted AS (
    SELECT lifetime, count(*) AS n, count(*) FILTER (end_cause <> 'open') AS d {_WHERE}
    GROUP BY lifetime
), risk AS (
    SELECT lifetime, d, sum(n) OVER (ORDER BY lifetime DESC) AS at_risk FROM counted
), curve AS (
    SELECT lifetime, at_risk,
        product(1 - d / at_risk) OVER later AS s,
        sum(CASE WHEN at_risk > d THEN d / (at_risk * (at_risk - d)) END) OVER later AS g
    FROM risk WINDOW later AS (ORDER BY lifetime)
)
SELECT lifetime, at_risk, s, s * s * g AS variance,
    CASE WHEN s > 0 AND s < 1 THEN s ** exp(-1.959963984540054 * sqrt(g) / ln(s)) ELSE s END AS lower,
    CASE WHEN s > 0 AND s < 1 THEN s ** exp(1.959963984540054 * sqrt(g) / ln(s)) ELSE s END AS upper
FROM curve ORDER BY lifetime
"""  # noqa: S608


def _asked(connection: duckdb.DuckDBPyConnection, start: int, end: int) -> tuple[Any, Any, Any]:
    counted, tags, curve = (
        connection.sql(query.format(ORIGIN + start, ORIGIN + end)).fetchnumpy()
        for query in (_COUNT, _TAGS, _SURVIVAL)
    )
    return counted, tags, curve


def _of_explorers(made: tuple[int, Any, Any]) -> dict[str, object]:
    n, tags, curve = made
    # Ours begins at age 0, whether a session ended there or not.
    begins = slice(int(curve.events[0] + curve.censored[0] == 0), None)
    return {
        "sessions": n,
        "tags": dict(zip(tags.names, tags.counts.tolist(), strict=True)),
        "at_risk": curve.at_risk[begins].tolist(),
        "survival": Close(curve.survival[begins]),
        # Of three times as many sessions, a third.
        "variance": Close(TIMES * curve.variance[begins]),
    }


def _of_duckdb(made: tuple[Any, Any, Any]) -> dict[str, object]:
    counted, tags, curve = made
    n, (names, counts) = next(iter(counted.values())), tags.values()
    return {
        "sessions": TIMES * int(n[0]),
        "tags": dict(zip(names.tolist(), (TIMES * counts).tolist(), strict=True)),
        "at_risk": (TIMES * curve["at_risk"]).astype(int).tolist(),
        "survival": Close(curve["s"]),
        "variance": Close(curve["variance"]),
    }


def _of_png(png: bytes) -> dict[str, object]:
    pixels = (255 * imread(BytesIO(png))).round().astype(np.uint8)
    return {"pixels": pixels.tobytes()}


def _of_canvas(canvas: Any) -> dict[str, object]:
    return {"pixels": bytes(canvas.buffer_rgba())}
