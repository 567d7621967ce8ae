"""Several agents in one environment: which runs are whose, and how far their platforms differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from session_lab.analysis.display import read_duration, short_text
from session_lab.replays.environment.caveat import Caveat
from session_lab.replays.environment.fitting.parameters import Parameter, of_sample
from session_lab.replays.environment.fitting.platforms import crash_rate
from session_lab.replays.environment.fitting.times import BOOTED, WOKEN, boots, resumes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from session_lab.replays.environment.fitting.evidence import Evidence
    from session_lab.replays.environment.recording import Recording

__all__ = ["by_task", "differences", "tasks_of"]

_NOUNS = {"boot_time": "a boot", "resume_time": "a resume", "crash_rate": "crashes"}
_APART = 1.1
"""By less than a tenth nothing that is decided differs."""
_TOGETHER = "boots, resumes and crashes are those of all tasks together"


def tasks_of(evidence: Evidence) -> dict[str | None, NDArray[Any] | None]:
    """Return the agents, and which runs are theirs; one alone is not named."""
    if len(evidence.tasks) < 2:
        return {None: None}
    return {task: evidence.runs.task == code for code, task in enumerate(evidence.tasks)}


def by_task(
    evidence: Evidence, recording: Recording, *, level: float, seed: int
) -> list[Parameter]:
    """Return the rows of boots, resumes and crashes of each of several agents; none of one."""
    rows: list[Parameter] = []
    for task, mine in tasks_of(evidence).items():
        if task is None:
            continue
        booted, woken = boots(evidence, mine), resumes(evidence, recording, mine)
        for name, sample, (source, nothing) in (
            ("boot_time", booted, BOOTED),
            ("resume_time", woken, WOKEN),
        ):
            rows += of_sample(
                name, sample, task=task, source=source, nothing=nothing, seed=seed, level=level
            )
        rows.append(crash_rate(evidence, task, mine, level=level))
    return rows


def differences(rows: Sequence[Parameter]) -> list[Caveat]:
    """Return by how much the agents differ in what one platform says of all of them.

    They do where the intervals of two have nothing in common, and one is a tenth more than the
    other.
    """
    if all(row.task is None for row in rows):
        return []
    told = []
    for name, noun in _NOUNS.items():
        known = [
            row
            for row in rows
            if row.parameter == name and row.statistic in {"mean", None} and row.task is not None
        ]
        known = [row for row in known if None not in {row.value, row.lower, row.upper}]
        if not known:
            continue
        low, high = (pick(known, key=lambda row: row.value or 0) for pick in (min, max))
        if (low.upper or 0) < (high.lower or 0) and (high.value or 0) > _APART * (low.value or 0):
            told.append(f"{noun} {_shown(low)} to {_shown(high)}")
    if not told:
        return [Caveat("policy", f"{_TOGETHER}; choices are by task")]
    text = (
        f"{_TOGETHER}, and tasks differ: {', '.join(told)} on average; look at one by itself "
        "(Recording.of_task, or --task)"
    )
    return [Caveat("tasks", text)]


def _shown(row: Parameter) -> str:
    value = row.value or 0
    shown = f"{value:.2%}" if row.unit == "share" else read_duration(round(value))
    return f"{shown} ({short_text(row.task or '')})"
