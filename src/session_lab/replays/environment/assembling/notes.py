"""Sentences about what is missing in a recording, and what was estimated."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from session_lab.timing import duration_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from session_lab.replays.environment.assembling.estimate import Typical
    from session_lab.replays.environment.evidence.pieces import Facts

__all__ = ["notes_of"]

_NO_TURNS = {
    "stop": "stops",
    "preload": "preloads",
    "close": "closes",
    "action": "actions",
    "handover-prepare": "handovers",
}


def notes_of(
    facts: Facts, counts: Counter[str], runs: pd.DataFrame, typical: Typical
) -> Iterator[str]:
    """Iterate over what has to be said of a recording."""
    yield from facts.notes
    yield from _of_traces(facts, counts, runs, typical)
    tasks = Counter(row["taskIdentifier"] for row in facts.sessions.values())
    if len(tasks) > 1:
        listed = ", ".join(f"{task} ({n:,} sessions)" for task, n in tasks.most_common())
        yield f"the sessions are of {len(tasks)} agents: {listed}"
    for name, sentence in _COUNTED.items():
        if counts[name]:
            yield sentence.format(n=counts[name], skew=duration_text(counts["skew"]))
    others = [
        f"{counts[f'trigger {trigger}']:,} {name}"
        for trigger, name in _NO_TURNS.items()
        if counts[f"trigger {trigger}"]
    ]
    if others:
        yield f"{', '.join(others)} on in are no turns and no events"


_COUNTED = {
    "skewed": (
        "{n:,} turns began up to {skew} before their message came, by clocks that differ: they "
        "were moved to when it came"
    ),
    "orphans": "{n:,} turns have no message on in: they are taken to have arrived when they began",
    "waiting": "{n:,} messages had not been served, or no trace tells when they were",
    "sessions without runs": "{n:,} sessions have no runs",
    "spent": "{n:,} sessions expire before they were created, so that their start was refused",
    "trigger regenerate-message": "{n:,} turns answer a message anew (regenerate-message)",
    "trigger other": "{n:,} records on in are of no known kind and count as messages",
    "foreign runs": "{n:,} runs belong to sessions that are not part of this",
    "unknown ends": "of {n:,} runs nothing tells why they ended",
}


def _of_traces(
    facts: Facts, counts: Counter[str], runs: pd.DataFrame, typical: Typical
) -> Iterator[str]:
    n = len(runs)
    gone = sum(facts.traces.get(run, 0) is None for run in runs["run_id"])
    if gone:
        idle = duration_text(typical.idle)
        source = "as in the traces that there are" if typical.is_seen else "the SDK's own"
        yield (
            f"{gone:,} of {n:,} runs have no trace any more: when their turns began and ended is "
            f"estimated from their billed time, with an idle timeout of {idle} ({source})"
        )
    if counts["truncated"]:
        yield (
            f"{counts['truncated']:,} of {n:,} traces are longer than the API shows: turns behind "
            "that are estimated"
        )
    if counts["loops"]:
        yield (
            f"{counts['loops']:,} of {n:,} runs have no spans of turns, as loops of a team's own: a "
            "turn is taken to be what lies between two waits"
        )
