"""Sentences about what is missing in a recording, and what was estimated."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from session_lab.timing import duration_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from session_lab.replays.environment.assembling.chats import Clocks
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
    facts: Facts, counts: Counter[str], runs: pd.DataFrame, typical: Typical, clocks: Clocks
) -> Iterator[str]:
    """Iterate over what has to be said of a recording."""
    yield from facts.notes
    yield from _of_traces(facts, counts, runs, typical)
    yield from _of_clocks(counts, clocks)
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


def _of_clocks(counts: Counter[str], clocks: Clocks) -> Iterator[str]:
    for whose, by, what in (
        ("the stream store", clocks.of_messages, "messages came"),
        ("the workers", clocks.worker, "turns and waits began and ended"),
    ):
        if by:
            side = "behind" if by > 0 else "ahead of"
            told = f"the clock of {whose} is {duration_text(abs(by))} {side} the server's"
            yield f"{told}: when {what} was moved by that"
    if counts["lag"] >= _NOTICED:
        yield (
            f"turns of runs that were awake began {duration_text(counts['lag'])} after their message "
            "(median), as clocks differ or delivery takes so long: boots and resumes contain it"
        )


_NOTICED = 250
"""Milliseconds from which on what a run that is awake takes to answer is worth a word."""

_COUNTED = {
    "later": (
        "{n:,} sessions were created after the instant until when all is known: they are not part of "
        "this, and the next pull has them"
    ),
    "moved": (
        "{n:,} messages were moved to when they triggered their run, or into the life of their "
        "session: server and stream store write down different instants"
    ),
    "late": (
        "{n:,} messages came after their session was closed or had expired: a replay refuses them"
    ),
    "gaps": (
        "before {n:,} runs there must have been others that the API does not tell: what they "
        "served, and for how long, is not known"
    ),
    "unsure starts": (
        "of {n:,} sessions nothing tells whether their start brought a message: they count as "
        "started without one"
    ),
    "gone runs": "{n:,} sessions have a current run that the API does not know any more",
    "lost runs": "of {n:,} runs nothing tells the session, so they are left out",
    "silent": (
        "{n:,} runs were billed but show neither turns nor waits in their traces: their turns are "
        "estimated from the billed time"
    ),
    "unended": (
        "{n:,} turns have no end in their traces although they must be over: they are taken to be as "
        "long as others, if there are any"
    ),
    "instant": (
        "{n:,} turns stand at 0 s, as the billed time of their runs is shorter than the idle timeout "
        "assumed for them"
    ),
    "served anyway": (
        "{n:,} records on in that are no messages were served as turns, and count as messages"
    ),
    "skewed": (
        "{n:,} turns began up to {skew} before their message came, by clocks that differ: they "
        "were moved to when it came"
    ),
    "orphans": (
        "{n:,} turns have no message on in: those that triggered a run are taken to have come then; "
        "how long the others waited is not known, and a replay takes them to come when they began"
    ),
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
    tasks = {row["taskIdentifier"] for row in facts.sessions.values()}
    gone = sum(facts.traces.get(run, 0) is None for run in runs["run_id"])
    if gone:
        idle = ", ".join(sorted({duration_text(typical.idle_of(task)) for task in tasks}))
        source = "as in the traces that there are" if typical.idle else "the SDK's own"
        yield (
            f"{gone:,} of {n:,} runs have no trace any more: when their turns began and ended is "
            f"estimated from their billed time, with an idle timeout of {idle} ({source})"
        )
    if facts.gone:
        yield (
            f"what came on in of {len(facts.gone):,} sessions is not kept any more: only traces tell "
            "of messages that were not read before"
        )
    if counts["truncated"]:
        yield (
            f"{counts['truncated']:,} of {n:,} traces are longer than the API shows, or gone since a "
            "part was read: turns behind that are estimated"
        )
    if counts["loops"]:
        yield (
            f"{counts['loops']:,} of {n:,} runs have no spans of turns, as loops of a team's own: a "
            "turn is taken to be what lies between two waits"
        )
