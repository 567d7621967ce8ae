"""The flags of a recording, shared by the commands that read one."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

import session_lab as sl
from session_lab.cli.shared.options import flag_of, option

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["EventsFile"]


_option = partial(option, "Recording")


def _formats(incomplete: str) -> list[str]:
    # Loaded when a shell asks: too heavy for a help.
    return [name for name in ("auto", *sl.traffic.FORMATS) if name.startswith(incomplete)]


@dataclass(frozen=True, kw_only=True)
class EventsFile:
    """What the flags say of a recording; each field is one of them."""

    format: Annotated[
        str,
        _option(
            "--format",
            "auto, events (any table), or a trace's: mooncake, burstgpt, bailian, har, journal.",
            autocompletion=_formats,
        ),
    ] = "auto"
    log: Annotated[
        str,
        _option(
            "--log",
            "Rows are events, or messages, of which the first of a chat is its start.",
            autocompletion=lambda: ["events", "messages"],
        ),
    ] = "events"
    columns: Annotated[
        list[str] | None,
        _option("--column", "OURS=THEIRS or OURS=THEIRS:UNIT, as in at=ts:s; may be repeated."),
    ] = None
    constants: Annotated[
        list[str] | None,
        _option("--constant", "OURS=VALUE for every row, as in op=message; may be repeated."),
    ] = None
    zone: Annotated[
        str | None, _option("--zone", "Where times without a zone were written: Europe/Berlin.")
    ] = None
    origin: Annotated[
        str | None,
        _option("--origin", "Instant of time zero. [default: 2026-01-01T00:00:00Z for traces]"),
    ] = None
    tokens_per_second: Annotated[
        float, _option("--tokens-per-second", "Speed of answers given in tokens.")
    ] = 50.0
    first_turn: Annotated[
        str | None,
        _option(
            "--first-turn",
            "Of a start that has a turn of unknown length. [default: as --turn-duration]",
        ),
    ] = None
    adopt: Annotated[
        bool, _option("--adopt", "Give chats that began before the recording a start.")
    ] = False
    skip_bad_rows: Annotated[
        bool, _option("--skip-bad-rows", "Report bad rows and go on without them.")
    ] = False

    def read(
        self, path: str, *, turn_duration: str | None = None, progress: bool = False
    ) -> pd.DataFrame:
        """Read it, and warn on standard error if it holds nothing.

        Parameters
        ----------
        path : str
            Where it is.
        turn_duration : str, optional
            How long turns last of which nobody says.
        progress : bool
            Show how much of it was read.
        """
        events = sl.traffic.read(
            path,
            self.format,
            log=self.log,  # type: ignore[arg-type]  # read refuses what it does not know
            columns=_pairs(self.columns, "--column", "OURS=THEIRS, as in at=timestamp"),
            constants=_pairs(self.constants, "--constant", "OURS=VALUE, as in op=message"),
            zone=self.zone,
            origin=self.origin,
            tokens_per_second=self.tokens_per_second,
            first_turn=self.first_turn or turn_duration or "0s",
            adopt=self.adopt,
            skip_bad_rows=self.skip_bad_rows,
            progress=progress,
        )
        if events.empty:
            typer.echo(f"session-lab: {path}: there are no events to replay", err=True)
        return events

    def refuse_given(self, reason: str) -> None:
        """Raise a DataError, which gives the reason, for the first of these flags that was given."""
        for field in fields(self):
            if getattr(self, field.name) != field.default:
                raise sl.DataError(reason, column=flag_of(EventsFile, field.name))


def _pairs(texts: list[str] | None, flag: str, wanted: str) -> dict[str, str]:
    pairs = {}
    for text in texts or []:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise sl.DataError(f"{text!r} is not {wanted}", column=flag)
        if name in pairs:
            raise sl.DataError(f"{name} is given twice", column=flag)
        pairs[name] = value
    return pairs
