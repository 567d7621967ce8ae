"""Holding the run model against a recording."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from session_lab.analysis.replays.bootstrap import paired_ratio_differences
from session_lab.errors import DataError, StatisticalWarning
from session_lab.frames import column_of, to_instants
from session_lab.mistyped import answer_mistyped
from session_lab.numbers import check_level
from session_lab.replays.environment.calibration.accounts import (
    MEASURES,
    Accounts,
    executing,
)
from session_lab.replays.environment.calibration.calibration import Calibration, verdict
from session_lab.replays.environment.calibration.distances import Distances, distances
from session_lab.replays.environment.caveat import texts_of
from session_lab.replays.environment.fitting import fit
from session_lab.replays.environment.fitting.evidence import Evidence, session_names
from session_lab.replays.environment.fitting.samples import LEAST_SESSIONS
from session_lab.replays.environment.fitting.tasks import by_task, differences
from session_lab.replays.environment.recording import Recording, check_recording
from session_lab.replays.replay import Replay, replay
from session_lab.simulator import RandomStream

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from session_lab.simulator import ConcurrencyLimits, Platform, RunPolicy

__all__ = ["calibrate", "compared"]

Integers = Any

_BLOCKS = 2_000
"""Where there are more sessions, whole blocks of them are drawn instead of single ones."""
_RESAMPLES = 1_000
_BY_DAY = ("runs_per_session", "wait_mean", "billed_per_session", "cost_per_session")
_DAY = 86_400_000
_TWICE = (
    "the fitted boots and resumes contain what runs waited in line, and under limits they wait once "
    "more: give a platform of times without a line"
)
_IN_LINE = "executing counts runs that wait in line too, on both sides"
_NEEDED = (
    ("sessions", "session_id"),
    *(("runs", name) for name in ("session_id", "triggered_at", "ended_at")),
)
"""Without these sessions and runs cannot be put together."""


@answer_mistyped
def calibrate(
    recording: Recording,
    policy: RunPolicy | Mapping[str, RunPolicy] | None = None,
    platform: Platform | None = None,
    *,
    limits: ConcurrencyLimits | int | None = None,
    promised: Mapping[str, Mapping[str, float]] | None = None,
    tolerance: float = 0.1,
    level: float = 0.95,
    seed: int = 0,
) -> Calibration:
    """Replay the recorded events and put what comes of them beside what was recorded.

    Parameters
    ----------
    recording : Recording
        What was recorded. To try the model on days that it was not fitted to, fit it to
        ``recording.between(...)`` of the days before, and give the days after here.
    policy : RunPolicy or mapping of str to RunPolicy, optional
        What the team has chosen; by default what is fitted to the same recording.
    platform : Platform, optional
        What the environment does; by default what is fitted to the same recording.
    limits : ConcurrencyLimits or int, optional
        How many runs may execute at once, as in ``sl.replay``. Fitted boots and resumes contain what
        the recorded runs waited in line, so give a platform of times without a line.
    promised : mapping, optional
        What a decision promised, by measure: ``{"wait_p95": {"value": 1.2, "lower": 1.0, "upper":
        1.5}}``, in the units of :attr:`Calibration.measures`.
    tolerance : float
        By how much, relatively, the replayed may differ; shares by half of it in points, waits in
        any case by 100 ms.
    level : float
        Of the intervals.
    seed : int
        What boots, resumes, crashes and resamples draw on.

    Returns
    -------
    Calibration
        Every measure recorded and replayed, overall and by day, and one sentence that says whether
        the model will do for decisions.

    Raises
    ------
    DataError
        This is not a recording, it has no sessions or events, or a promise is of something else.

    Examples
    --------
    >>> import session_lab as sl
    >>> events = sl.traffic.read(sl.traffic.sample_path("chats.ndjson"))
    >>> truth = sl.RunPolicy(idle_timeout="45s"), sl.Platform(resume_time="800ms")
    >>> recording = sl.Recording.of_replay(sl.replay(events, *truth), events)
    >>> sl.calibrate(recording, *truth).is_fit
    True
    >>> sl.calibrate(recording, sl.RunPolicy(idle_timeout="5m"), truth[1]).is_fit
    False
    """
    _check(recording, tolerance, level, promised)
    if policy is None or platform is None:
        fitted = fit(recording, seed=seed)
        policy = fitted.policy if policy is None else policy
        platform = fitted.platform if platform is None else platform
        told = "the model was fitted to the same recording, so that it agrees proves little"
        caveats = (told, *fitted.notes)
        if limits is not None and platform is fitted.platform:
            caveats = (_TWICE, *caveats)
    else:
        rows = by_task(Evidence.of(recording), recording, level=level, seed=seed)
        caveats = texts_of(differences(rows))
    again = replay(
        recording.events, policy, platform, limits=limits, until=recording.observed_at, seed=seed
    )
    return compared(
        recording,
        again,
        promised=promised,
        tolerance=tolerance,
        level=level,
        seed=seed,
        caveats=caveats,
    )


def compared(
    recording: Recording,
    again: Replay,
    *,
    promised: Mapping[str, Mapping[str, float]] | None = None,
    tolerance: float = 0.1,
    level: float = 0.95,
    seed: int = 0,
    caveats: tuple[str, ...] = (),
) -> Calibration:
    """Put a replay of the recorded events beside the recording; see :func:`calibrate`."""
    _check(recording, tolerance, level, promised)
    other = Recording.of_replay(again, recording.events)
    evidence, seen = Evidence.of(recording), Evidence.of(other)
    both_names = [session_names(one.sessions) for one in (recording, other)]
    names = pa.concat_arrays(both_names).drop_null().unique()
    sides = Accounts(recording, evidence, names), Accounts(other, seen, names)
    prices, unpriced = sides[0].prices(), sides[0].unpriced
    both = [side.sums(prices, unpriced) for side in sides]
    block = _blocks(len(names), seed)
    with warnings.catch_warnings():
        # That a single session gives no interval is said by the verdict.
        warnings.simplefilter("ignore", StatisticalWarning)
        measures = _overall(both, block, unpriced, level=level, seed=seed)
        days = _by_day(
            [side.sums(prices, unpriced, by_day=True) for side in sides],
            unpriced,
            level=level,
            seed=seed,
        )
    waits = [(side.waits, block[side.waiting]) for side in sides]
    apart = distances(waits[0], waits[1], n=int(block.max(initial=-1)) + 1, seed=seed, level=level)
    if apart is not None:
        measures = pd.concat([measures, _quantiles(apart)], ignore_index=True)
    over_time = executing(recording, evidence), executing(other, seen)
    if over_time[0] is not None and over_time[1] is not None:
        measures = pd.concat([measures, _peaks(over_time)], ignore_index=True)
        pair = over_time[0], over_time[1]
    else:
        pair = None
        measures = measures[measures["measure"] != "executing_per_session"]
    if unpriced.any():
        told = f"{int(unpriced.sum()):,} sessions with runs of unknown billed time are left out of"
        caveats = (*caveats, f"{told} billed time and cost")
    if again.limits is not None:
        caveats = (*caveats, _IN_LINE)
    judged = [verdict(row, tolerance) for _, row in measures.iterrows()]
    if len(names) < LEAST_SESSIONS:
        judged = [None if one is None else "open" for one in judged]
    measures["verdict"] = pd.array(judged, dtype="string[pyarrow]")
    return Calibration(
        measures=measures.reset_index(drop=True),
        days=days,
        distances={}
        if apart is None
        else {
            "kolmogorov_smirnov": apart.kolmogorov_smirnov,
            "by_chance": apart.by_chance,
            "wasserstein": apart.wasserstein / 1_000,
        },
        concurrency=pair,
        replay=again,
        promises=None if promised is None else _promises(promised, measures),
        tolerance=tolerance,
        level=level,
        sessions=len(names),
        caveats=tuple(dict.fromkeys((*caveats, *recording.notes))),
    )


def _check(recording: Recording, tolerance: object, level: object, promised: object) -> None:
    check_recording(recording, source="calibrate")
    check_level(tolerance, name="tolerance", usual=0.1)
    check_level(level)
    if not isinstance(promised, Mapping | None):
        message = f"{promised!r} is not a mapping of measures to value, lower and upper"
        raise DataError(message, source="calibrate", column="promised")
    if not len(recording.events):
        message = "the recording has no events to replay; nothing can be compared"
        raise DataError(message, source="events")
    for name, column in _NEEDED:
        column_of(getattr(recording, name), column, source=name)


def _blocks(n: int, seed: int) -> NDArray[np.int64]:
    """Return to which block of sessions each belongs; up to 2,000 sessions each is its own."""
    if n <= _BLOCKS:
        return np.arange(n)
    order = np.argsort(RandomStream(seed, "calibration-blocks").uniforms(n), kind="stable")
    block: NDArray[np.int64] = np.empty(n, dtype=np.int64)
    block[order] = np.arange(n) % _BLOCKS
    return block


def _overall(
    both: list[dict[str, tuple[Integers, Integers]]],
    block: NDArray[np.int64],
    unpriced: NDArray[np.bool_],
    *,
    level: float,
    seed: int,
) -> pd.DataFrame:
    n = int(block.max(initial=-1)) + 1
    sessions = np.bincount(block, minlength=n)
    priced = np.bincount(block[~unpriced], minlength=n)
    totals = []
    for side in both:
        added = {
            name: _added(block[cells >> 20], values, n) for name, (cells, values) in side.items()
        }
        totals.append({**added, "sessions": sessions, "priced_sessions": priced})
    return _ratios(totals, list(MEASURES), level=level, seed=seed)


def _by_day(
    both: list[dict[str, tuple[Integers, Integers]]],
    unpriced: NDArray[np.bool_],
    *,
    level: float,
    seed: int,
) -> pd.DataFrame:
    """Compare each day by itself, over the sessions that either side saw on it."""
    cells = np.unique(
        np.concatenate([side[name][0] for side in both for name in ("runs", "turns")])
    )
    session, day = cells >> 20, cells & ((1 << 20) - 1)
    parts = []
    for one in np.unique(day):
        of_day = cells[day == one]
        block = _blocks(len(of_day), seed)
        n = int(block.max()) + 1
        priced = ~unpriced[session[day == one]]
        totals = []
        for side in both:
            added: dict[str, Integers] = {
                "sessions": np.bincount(block, minlength=n),
                "priced_sessions": np.bincount(block[priced], minlength=n),
            }
            for name in ("runs", "waited", "turns", "billed", "cost"):
                if name in side:
                    cell, values = side[name]
                    place = np.minimum(np.searchsorted(of_day, cell), len(of_day) - 1)
                    there = of_day[place] == cell
                    added[name] = _added(block[place[there]], values[there], n)
            totals.append(added)
        found = _ratios(totals, list(_BY_DAY), level=level, seed=seed)
        at = to_instants(np.full(len(found), int(one) * _DAY))
        found.insert(0, "day", at)
        parts.append(found)
    if not parts:
        return pd.DataFrame(columns=["day", *_COLUMNS])
    return pd.concat(parts, ignore_index=True)


_COLUMNS = ("measure", "unit", "recorded", "replayed", "difference", "lower", "upper")
_TEXTS = dict.fromkeys(("measure", "unit"), "string[pyarrow]")


def _ratios(
    totals: list[dict[str, Integers]], names: list[str], *, level: float, seed: int
) -> pd.DataFrame:
    """Return a row for each measure whose sums are there."""
    known = [name for name in names if all(MEASURES[name].above in side for side in totals)]
    sums = np.array(
        [
            [side[part] for side in totals for part in (MEASURES[name].above, MEASURES[name].below)]
            for name in known
        ],
        dtype=np.int64,
    ).transpose(2, 0, 1)
    found = paired_ratio_differences(sums, seed=seed, level=level, n_resamples=_RESAMPLES)
    scale = np.array([MEASURES[name].scale for name in known])
    numbers = [ends / scale for ends in found]
    units = [MEASURES[name].unit for name in known]
    columns = dict(zip(_COLUMNS, (known, units, *numbers), strict=True))
    return pd.DataFrame(columns).astype(_TEXTS)


def _added(block: Integers, values: Integers, n: int) -> Integers:
    sums = np.zeros(n, dtype=np.int64)
    np.add.at(sums, block, values)
    return sums


def _quantiles(apart: Distances) -> pd.DataFrame:
    rows = [
        (name, "s", *(number / 1_000 for number in found))
        for name, found in apart.quantiles.items()
    ]
    return pd.DataFrame(rows, columns=list(_COLUMNS)).astype(_TEXTS)


def _peaks(over_time: tuple[Any, Any]) -> pd.DataFrame:
    recorded, replayed = (float(one.peak_executing) for one in over_time)
    row = ("executing_peak", "runs", recorded, replayed, replayed - recorded, np.nan, np.nan)
    return pd.DataFrame([row], columns=list(_COLUMNS)).astype(_TEXTS)


def _promises(promised: Mapping[str, Mapping[str, float]], measures: pd.DataFrame) -> pd.DataFrame:
    """Put what was promised beside what was recorded."""
    known = measures.set_index("measure")
    rows = []
    for name, ends in promised.items():
        given: object = ends
        if name not in MEASURES and name not in {"wait_p50", "wait_p90", "wait_p95", "wait_p99"}:
            message = f"{name!r} is not a measure; there are {', '.join(MEASURES)}"
            raise DataError(message, source="promised")
        try:
            value, lower, upper = (float(ends[key]) for key in ("value", "lower", "upper"))
        except (KeyError, TypeError, ValueError):
            value = lower = upper = np.nan
        if np.isnan(value + lower + upper):
            message = f"{given!r} does not hold the numbers value, lower and upper"
            raise DataError(message, source="promised", column=name)
        recorded = float(known["recorded"].get(name, np.nan))
        kept = None if np.isnan(recorded) else lower <= recorded <= upper
        unit = "s" if name.startswith("wait") else MEASURES[name].unit
        rows.append((name, unit, value, lower, upper, recorded, kept))
    columns = ["measure", "unit", "promised", "lower", "upper", "recorded", "kept"]
    return pd.DataFrame(rows, columns=columns).astype({**_TEXTS, "kept": "boolean"})
