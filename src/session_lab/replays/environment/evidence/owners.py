"""Which session each run belongs to, as far as rows and payloads tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from session_lab.errors import DataError

if TYPE_CHECKING:
    from session_lab.replays.environment.evidence.pieces import Facts

__all__ = ["Owners", "check_tag", "owners_of"]

_PLACE = "{external_id}"


class Owners(NamedTuple):
    """The sessions of runs by the runs' ids, and the runs of which no row tells it."""

    known: dict[str, str]
    unsure: list[str]


def check_tag(tag: str) -> str:
    """Return a pattern of tags.

    Raises
    ------
    DataError
        It has no place for the id.
    """
    if not isinstance(tag, str) or _PLACE not in tag:
        raise DataError(f"{tag!r} says not where the id stands; write {_PLACE}", column="run_tag")
    return tag


def owners_of(facts: Facts, tag: str) -> Owners:
    """Find the session of every run that was listed.

    A payload tells it for certain, then a session's current run, then a tag of the run, then the
    conversation that its trace names. A run whose tag names a session that is not known belongs to
    that, and is left alone.
    """
    before, _, after = tag.partition(_PLACE)
    ids = {row.get("externalId") or id_: id_ for id_, row in facts.sessions.items()}
    ids |= {id_: id_ for id_ in facts.sessions}
    current = {row.get("currentRunId"): id_ for id_, row in facts.sessions.items()}
    known: dict[str, str] = {}
    unsure: list[str] = []
    for run, row in facts.runs.items():
        told = facts.payloads.get(run, {}).get("session")
        trace = facts.traces.get(run)
        if told is not None:
            if told in facts.sessions:
                known[run] = told
            continue
        if run in current:
            known[run] = current[run]
            continue
        named = _named(row, before, after)
        found = {ids[name] for name in named if name in ids}
        if len(found) == 1:
            known[run] = found.pop()
        elif trace is not None and trace.chat in ids:
            known[run] = ids[trace.chat]
        elif found or not named:
            unsure.append(run)
    return Owners(known, unsure)


def _named(row: dict[str, Any], before: str, after: str) -> list[str]:
    return [
        tag[len(before) : len(tag) - len(after)]
        for tag in row.get("tags") or ()
        if tag.startswith(before) and tag.endswith(after) and len(tag) > len(before) + len(after)
    ]
