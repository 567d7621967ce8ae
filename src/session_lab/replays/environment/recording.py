"""What was recorded of an environment: frames, and what is missing in them."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd
import pyarrow.parquet as pq

from session_lab.errors import DataError
from session_lab.frames import (
    EVENTS,
    RUNS,
    SESSIONS,
    TURNS,
    WAITS,
    column_of,
    digest,
    instants,
    whole_file,
    write_parquet,
)
from session_lab.frames.files.places import folder_path, path_text
from session_lab.frames.loaders.from_arrow import kept_frame
from session_lab.mistyped import AnswersMistyped, answer_mistyped
from session_lab.timing import instant_text, to_instant

if TYPE_CHECKING:
    import os

    import numpy as np
    from numpy.typing import NDArray

    from session_lab.frames import Schema
    from session_lab.replays.replay import Replay
    from session_lab.timing import Instant

__all__ = ["Period", "RecordedFrames", "Recording", "check_recording", "names_of", "read_recording"]

SETTINGS = "recording.json"
_EVENTS_ALONE = (
    "Events alone, such as a folder of shards, tell neither runs nor prices: sl.decide(recording, "
    "events=...) plays them on the platform of a recording, and sl.recommend(sl.sweep(events, grid, "
    "platform=...)) chooses without one, both shard by shard"
)
_SCHEMAS = (SESSIONS, RUNS, TURNS, WAITS, EVENTS)


class Period(NamedTuple):
    """A window of time, as ISO 8601 text; None where it has no end there."""

    from_: str | None
    to: str | None


class RecordedFrames(NamedTuple):
    """The frames of a recording, in its order."""

    sessions: pd.DataFrame
    runs: pd.DataFrame
    turns: pd.DataFrame
    waits: pd.DataFrame
    events: pd.DataFrame


@dataclass(frozen=True, repr=False, eq=False)
class Recording(AnswersMistyped):
    """What happened in an environment, as far as it could be found out.

    The texts of messages are in none of the frames.

    Attributes
    ----------
    sessions : DataFrame
        One row per session, observed at ``observed_at``.
    runs : DataFrame
        One row per run, with every field that the environment tells; accounts (``turns``,
        ``resumes``, ``active``, ``idle``, ``suspended``) are NA where its trace is not known.
    turns : DataFrame
        One row per turn that was served. ``ended_at`` is NA while it is; ``ended_at_rule`` says
        where the end comes from, and anything but ``trace`` is an estimate.
    waits : DataFrame
        One row per wait of a run for a message: when it began, when the run was suspended, when it
        ended.
    events : DataFrame
        What users did, for :func:`session_lab.replay`: starts, messages, closes.
    observed_at : str
        Until when the frames tell what happened, as ISO 8601 text.
    period : Period
        When the sessions were created that were asked for.
    notes : tuple of str
        A sentence for each thing that is missing or estimated.
    """

    sessions: pd.DataFrame
    runs: pd.DataFrame
    turns: pd.DataFrame
    waits: pd.DataFrame
    events: pd.DataFrame
    observed_at: str
    period: Period
    notes: tuple[str, ...] = ()

    @classmethod
    def of_replay(cls, replay: Replay, events: pd.DataFrame) -> Recording:
        """Return what recording the world of a replay would give.

        Parameters
        ----------
        replay : Replay
            Its runs, its turns and their waits are taken as they are.
        events : DataFrame
            The events that were replayed, in the same order.

        Returns
        -------
        Recording
            With machine and costs as the simulated API tells them.

        Raises
        ------
        DataError
            The events are not those of the replay.

        Examples
        --------
        >>> import session_lab as sl
        >>> events = sl.traffic.read(sl.traffic.sample_path("chats.ndjson"))
        >>> recording = sl.Recording.of_replay(sl.replay(events), events)
        >>> recording.turns["start_kind"].value_counts().to_dict()["initial"]
        347
        """
        from session_lab.replays.environment.of_replay import frames_of_replay  # noqa: PLC0415

        frames = frames_of_replay(replay, events)
        at = str(replay.sessions.attrs["observed_at"])
        return cls(*frames, at, _period_of(replay.sessions))

    @property
    def frames(self) -> dict[str, pd.DataFrame]:
        """The frames by their names."""
        return {schema.name: getattr(self, schema.name) for schema in _SCHEMAS}

    def between(self, from_: Instant, to: Instant) -> Recording:
        """Return the sessions created in a window of time, with all that came later of them.

        Parameters
        ----------
        from_, to : str or datetime
            From this instant on, and before that one.

        Raises
        ------
        DataError
            The window ends before it begins.
        """
        first, last = to_instant(from_, name="from_"), to_instant(to, name="to")
        if last < first:
            raise DataError(f"{to} lies before {from_}", column="to")
        created = instants(self.sessions, "created_at", source="sessions")
        some = self._some((created >= first) & (created < last))
        return replace(some, period=Period(instant_text(first), instant_text(last)))

    def of_task(self, task: str) -> Recording:
        """Return the sessions of one agent, with all that is of them.

        Several agents in one environment are fitted to one platform; each by itself has its own.

        Parameters
        ----------
        task : str
            Its task identifier.

        Raises
        ------
        DataError
            No session is of this agent.
        """
        tasks = column_of(self.sessions, "task_identifier", source="sessions").astype(object)
        is_in = (tasks == task).fillna(value=False).to_numpy(bool)
        if not is_in.any():
            there = ", ".join(sorted(map(repr, tasks.dropna().unique()))) or "none is told"
            message = f"no session is of task {task!r}; there are {there}"
            raise DataError(message, source="sessions", column="task_identifier")
        return self._some(is_in)

    def _some(self, is_in: NDArray[np.bool_]) -> Recording:
        """Return some sessions, with all that is of them."""
        sessions = self.sessions[is_in].reset_index(drop=True)
        return replace(
            self,
            sessions=sessions,
            runs=_of(self.runs, sessions["session_id"]),
            turns=_of(self.turns, sessions["session_id"]),
            waits=_of(self.waits, sessions["session_id"]),
            events=_of(self.events, names_of(sessions), by="external_id"),
        )

    def digest(self) -> str:
        """Return a hash of every value of the frames; equal recordings have equal digests."""
        return digest({schema: getattr(self, schema.name) for schema in _SCHEMAS})

    def save(self, directory: str | os.PathLike[str]) -> Path:
        """Write the frames as Parquet, and what else is known as JSON, into a folder.

        Parameters
        ----------
        directory : path
            Made if it does not exist. What it held is replaced whole or not at all; cut off while
            the files are moved to their places, it is refused until it is saved again.

        Returns
        -------
        Path
            The directory.
        """
        folder = folder_path(directory, what="recordings")
        settings = {
            "observed_at": self.observed_at,
            "period": {"from": self.period.from_, "to": self.period.to},
            "notes": list(self.notes),
        }
        text = json.dumps(settings, indent=2, ensure_ascii=False)
        with ExitStack() as drafts:
            # What was entered first is moved to its place last.
            draft = drafts.enter_context(whole_file(folder / SETTINGS))
            draft.write_text(text + "\n", encoding="utf-8")
            for name, frame in self.frames.items():
                write_parquet(frame, drafts.enter_context(whole_file(folder / f"{name}.parquet")))
            # From here on nothing is written, only moved: no disk is too small for that.
            (folder / SETTINGS).unlink(missing_ok=True)
        return folder

    def __repr__(self) -> str:
        """Show what there is, in one line, and what is missing below it."""
        counts = ", ".join(f"{len(frame):,} {name}" for name, frame in self.frames.items())
        since = "" if self.period.from_ is None else f"from {self.period.from_} on, "
        lines = [f"Recording({counts}; {since}observed at {self.observed_at})"]
        return "\n".join([*lines, *(f"- {note}" for note in self.notes)])

    def _repr_html_(self) -> str:
        head, *notes = repr(self).splitlines()
        items = "".join(f"<li>{escape(note.removeprefix('- '))}</li>" for note in notes)
        frames = ", ".join(f".{name}" for name in self.frames)
        listed = f"<ul>{items}</ul>" if items else ""
        return f"<p>{escape(head)}</p>{listed}<p><i>frames: {frames}</i></p>"


@answer_mistyped
def read_recording(path: str | os.PathLike[str]) -> Recording:
    """Read a recording from its folder.

    Parameters
    ----------
    path : path
        What :meth:`Recording.save` or ``session-lab pull`` wrote.

    Raises
    ------
    DataError
        The folder holds no recording, or only part of one.

    Examples
    --------
    >>> import tempfile
    >>> import session_lab as sl
    >>> events = sl.traffic.read(sl.traffic.sample_path("chats.ndjson"))
    >>> recording = sl.Recording.of_replay(sl.replay(events), events)
    >>> folder = recording.save(tempfile.mkdtemp())
    >>> sl.read_recording(folder).digest() == recording.digest()
    True
    """
    folder = Path(path_text(path))
    file = folder / SETTINGS
    if not file.exists():
        message = (
            f"there is no {SETTINGS} in it; session-lab pull writes one when it is through, and "
            f"goes on where it stopped. {_EVENTS_ALONE}"
        )
        raise DataError(message, source=str(folder))
    try:
        settings = json.loads(file.read_text(encoding="utf-8"))
        period = Period(settings["period"]["from"], settings["period"]["to"])
        at, notes = str(settings["observed_at"]), tuple(map(str, settings["notes"]))
    except (ValueError, KeyError, TypeError) as error:
        message = f"it does not describe a recording: {error!r}"
        raise DataError(message, source=str(file)) from error
    frames = RecordedFrames(*(_read(folder, schema) for schema in _SCHEMAS))
    return Recording(*frames, at, period, notes)


def _read(folder: Path, schema: Schema) -> pd.DataFrame:
    path = folder / f"{schema.name}.parquet"
    if not path.exists():
        raise DataError("the file is missing; pull or save again", source=str(path))
    return kept_frame(pq.read_table(path), schema)


def check_recording(given: object, *, source: str) -> None:
    """Raise a DataError in the name of a function where this is not a recording."""
    if not isinstance(given, Recording):
        hint = f". {_EVENTS_ALONE}" if isinstance(given, (str, Path, pd.DataFrame)) else ""
        message = (
            f"{type(given).__name__} is not a Recording; sl.read_recording(path) reads one{hint}"
        )
        raise DataError(message, source=source)


def names_of(sessions: pd.DataFrame) -> pd.Series:
    """Return what sessions go by in events: the external id, else the session's own."""
    return sessions["external_id"].fillna(sessions["session_id"])


def _of(frame: pd.DataFrame, names: pd.Series, *, by: str = "session_id") -> pd.DataFrame:
    """Keep the rows of some sessions."""
    found = frame[frame[by].isin(names)]
    return found.reset_index(drop=True)


def _period_of(sessions: pd.DataFrame) -> Period:
    if sessions.empty:
        return Period(None, None)
    created = instants(sessions, "created_at", source="sessions")
    return Period(instant_text(int(created.min())), None)
