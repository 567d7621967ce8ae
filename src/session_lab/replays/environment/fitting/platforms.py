"""What the environment does beside taking time: crashes, deploys, prices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from session_lab.frames import NAT
from session_lab.replays.environment.fitting.parameters import Parameter, unknown
from session_lab.replays.environment.fitting.samples import share_of
from session_lab.simulator.model.run_rules import END_CAUSES, START_KINDS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from session_lab.replays.environment.fitting.evidence import Evidence

__all__ = ["crash_rate", "crashes", "deploys", "on_deploy", "prices"]

_CRASH, _MAX_DURATION, _UPGRADE = map(END_CAUSES.index, ("crash", "max_duration", "upgrade"))
_HANDED_OVER = START_KINDS.index("upgrade")
_STAYED = [START_KINDS.index(kind) for kind in ("queued", "warm", "resumed")]
_RATIO = "runs.cost_in_cents / runs.billed"
_EXACT = 1e-6
"""Costs are told with so many digits, so a price is known no better, relatively."""


def crashes(evidence: Evidence, of_task: NDArray[np.bool_] | None = None) -> tuple[int, int]:
    """Return how many turns of some runs crashed them, and how many ended and might have.

    A turn that a cap cut off was never tried.
    """
    runs, turns = evidence.runs, evidence.turns
    last = evidence.last_turns()
    mine = np.ones(len(last), dtype=bool) if of_task is None else of_task
    crashed = int((mine & (runs.cause == _CRASH) & (last >= 0)).sum())
    tried = turns.ended != NAT
    cut = last[(runs.cause == _MAX_DURATION) & (last >= 0)]
    tried[cut] = False
    # The end of a turn that broke is not always told; that it broke is.
    tried[last[(runs.cause == _CRASH) & (last >= 0)]] = True
    return crashed, int((tried & mine[turns.run]).sum())


def crash_rate(
    evidence: Evidence, task: str | None, of_task: NDArray[np.bool_] | None, *, level: float
) -> Parameter:
    """Return the row of the share of turns that crash their run."""
    source = "runs.end_cause of turns that ended"
    crashed, tried = crashes(evidence, of_task)
    if not tried:
        return unknown("crash_rate", "no turn has ended", task=task, unit="share", source=source)
    found = share_of(crashed, tried, level)
    return Parameter(
        "crash_rate", task, None, None, *found, "share", tried, 0, source, f"{crashed:,} crashed"
    )


def deploys(evidence: Evidence) -> list[Parameter]:
    """Return a row for each version that came after another, with when it went live.

    That lies between the last run that was triggered on an earlier version and the first on it.
    """
    runs, source = evidence.runs, "runs.version"
    known = (runs.version >= 0) & (runs.triggered != NAT)
    if not known.any():
        return [unknown("deploys", "no run tells its version", unit="ms since 1970", source=source)]
    version, at = runs.version[known], runs.triggered[known]
    first = np.full(len(evidence.versions), np.iinfo(np.int64).max)
    np.minimum.at(first, version, at)
    order = np.argsort(first, kind="stable")
    order = order[first[order] < np.iinfo(np.int64).max]
    if len(order) == 1:
        why = f"all runs are of version {evidence.versions[order[0]]}"
        return [
            unknown(
                "deploys", why, unit="ms since 1970", source=source, observations=int(known.sum())
            )
        ]
    # Triggers in order of time: the last before the first of a version is of an earlier one.
    ordered = np.sort(at)
    rows = []
    for code in order[1:]:
        begun = int(first[code])
        before = int(ordered[np.searchsorted(ordered, begun) - 1])
        name: Any = evidence.versions[code]
        n = int((version == code).sum())
        told = Parameter(
            "deploys", None, name, None, begun, before, begun, "ms since 1970", n, 0, source
        )
        rows.append(told)
    return rows


def on_deploy(
    evidence: Evidence, live: list[Parameter], task: str | None, of_task: NDArray[np.bool_] | None
) -> Parameter:
    """Return the row of what runs do after a deploy: the share of turns that were handed over.

    A turn tells it that was served, or was to be, by a run triggered before a deploy that had come
    by the turn's start.
    """
    runs, turns = evidence.runs, evidence.turns
    mine = np.ones(len(turns.run), dtype=bool) if of_task is None else of_task[turns.run]
    over = int((mine & (turns.kind == _HANDED_OVER)).sum())
    known = mine & np.isin(turns.kind, _STAYED) & (turns.started != NAT)
    triggered = runs.triggered[turns.run]
    stayed = np.zeros(len(turns.run), dtype=bool)
    for one in live:
        if one.value is not None and one.lower is not None:
            # A run of the very last trigger before may already be of the new version's time.
            stayed |= known & (triggered <= one.lower) & (turns.started >= one.value)
    n = over + int(stayed.sum())
    source = "turns.start_kind after a deploy"
    if not n:
        why = "no turn came to a run that was triggered before a deploy"
        return unknown("on_deploy", why, task=task, unit="share", source=source)
    share = over / n
    note = f"{over:,} of {n:,} such turns were handed over"
    if 0 < over < n:
        note = f"some agents hand over and some stay: {note}"
    return Parameter(
        "on_deploy", task, None, None, share, share, share, "share", n, 0, source, note
    )


def prices(evidence: Evidence) -> list[Parameter]:
    """Return the price of a billed second for each machine, and that of a run, in dollars."""
    runs = evidence.runs
    rows: list[Parameter] = []
    priced = np.isfinite(runs.cents) & (runs.billed != NAT) & (runs.billed > 0)
    for code, machine in enumerate(evidence.machines):
        mine = priced & (runs.machine == code)
        if not mine.any():
            why = f"no run on {machine} tells its cost and how long it was billed"
            rows.append(unknown(f"price_{machine}", why, unit="$/s", source=_RATIO))
            continue
        cents, billed = runs.cents[mine], runs.billed[mine]
        each = cents / billed * 10
        value = float(cents.sum() / billed.sum() * 10)
        # Short runs are told with few digits, so they count by their length.
        lower, upper = _weighted(each, billed)
        rows.append(
            Parameter(
                f"price_{machine}",
                None,
                None,
                None,
                value,
                min(lower, value) * (1 - _EXACT),
                max(upper, value) * (1 + _EXACT),
                "$/s",
                int(mine.sum()),
                0,
                _RATIO,
            )
        )
    source = "runs.base_cost_in_cents"
    base = runs.base_cents[np.isfinite(runs.base_cents)] / 100
    if len(base):
        value, lower, upper = (
            float(number) for number in (np.median(base), *np.quantile(base, [0.025, 0.975]))
        )
        row = Parameter(
            "price_per_run", None, None, None, value, lower, upper, "$/run", len(base), 0, source
        )
        rows.append(row)
    else:
        why = "no run tells what its trigger cost"
        rows.append(unknown("price_per_run", why, unit="$/run", source=source))
    if not evidence.machines:
        why = "no run tells its machine"
        rows.append(unknown("price", why, unit="$/s", source=_RATIO))
    return rows


def _weighted(values: NDArray[np.float64], weights: NDArray[np.int64]) -> tuple[float, float]:
    order = np.argsort(values, kind="stable")
    share = np.cumsum(weights[order]) / weights.sum()
    places = np.searchsorted(share, [0.025, 0.975])
    lower, upper = values[order][np.minimum(places, len(values) - 1)]
    return float(lower), float(upper)
