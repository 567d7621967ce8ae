"""What differs between two worlds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from session_lab.timing import instant_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from session_lab.simulator.world.snapshots.snapshot import Snapshot

__all__ = ["Difference", "differences"]

_WORLD_FIELDS = ("seed", "now", "policy", "platform", "profile", "trigger_fault")


class Difference(NamedTuple):
    """One difference: what kind of thing, which one, which field, and the two values.

    A thing that only one world has differs in the field ``""``, where the other world has None.
    """

    kind: str
    name: str
    field: str
    left: Any
    right: Any

    def __repr__(self) -> str:
        """Show the difference on one line; what only one world has is not shown whole."""
        what = " ".join(text for text in (self.kind, self.name, self.field) if text)
        if self.field:
            return f"Difference({what}: {_shown(self.field, self.left)} -> {_shown(self.field, self.right)})"
        return f"Difference({what}: only on the {'right' if self.left is None else 'left'})"


def differences(left: Snapshot, right: Snapshot) -> tuple[Difference, ...]:
    """Compare two snapshots: the world itself, then sessions, runs, channels and requests."""
    worlds = [{name: getattr(world, name) for name in _WORLD_FIELDS} for world in (left, right)]
    return (
        *_fields("world", "", *worlds),
        *_things("session", _sessions(left), _sessions(right)),
        *_things("run", _runs(left), _runs(right)),
        *_things("channel", _streams(left), _streams(right)),
        *_things("request", _requests(left), _requests(right)),
    )


def _sessions(snapshot: Snapshot) -> dict[str, dict[str, Any]]:
    rows = (session.row for session in snapshot.state.sessions)
    return {row.session_id: row._asdict() for row in rows}


def _runs(snapshot: Snapshot) -> dict[str, dict[str, Any]]:
    """Show runs with their accounts in the place of the run that holds them."""
    runs = {}
    for record in snapshot.state.runs.values():
        fields = record._asdict()
        runs[record.run_id] = {**fields.pop("run")._asdict(), **fields}
    return runs


def _streams(snapshot: Snapshot) -> dict[str, dict[str, Any]]:
    return {
        "/".join(filter(None, key)): {
            "records": tuple(stream.records),
            "first": stream.first,
            "fence": stream.fence,
        }
        for key, stream in snapshot.state.streams.items()
    }


def _requests(snapshot: Snapshot) -> dict[str, dict[str, Any]]:
    return {str(entry.seq): entry._asdict() for entry in snapshot.state.journal}


def _things(
    kind: str, left: Mapping[str, dict[str, Any]], right: Mapping[str, dict[str, Any]]
) -> Iterator[Difference]:
    for name in {**left, **right}:
        if name in left and name in right:
            yield from _fields(kind, name, left[name], right[name])
        else:
            yield Difference(kind, name, "", left.get(name), right.get(name))


def _fields(
    kind: str, name: str, left: dict[str, Any], right: dict[str, Any]
) -> Iterator[Difference]:
    for field, value in left.items():
        if value != right[field]:
            yield Difference(kind, name, field, value, right[field])


def _shown(field: str, value: Any) -> str:  # noqa: ANN401  whatever a field holds
    is_instant = isinstance(value, int) and (field == "now" or field.endswith("_at"))
    return instant_text(value) if is_instant else repr(value)
