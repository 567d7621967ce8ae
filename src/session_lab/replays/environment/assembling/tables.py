"""Frames of the rows that were listed, as they stood at one instant."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from session_lab.errors import DataWarning
from session_lab.frames import RUNS, Schema, build, empty, milliseconds, observe
from session_lab.frames.files.row_formats import API_RUNS, QUERY_RUNS
from session_lab.frames.loaders.from_arrow import runs_from
from session_lab.frames.loaders.loading import sessions_frame
from session_lab.frames.loaders.rows import Places, table_of_rows
from session_lab.timing import instant_text, to_instant
from session_lab.wire.run.run_status import FINAL_STATUSES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

__all__ = ["column", "is_final", "runs_table", "sessions_table"]

_TOLD_AT_THE_END = ("ended_at", "expired_at", "billed", "cost_in_cents", "base_cost_in_cents")

_Row = dict[str, Any]


def is_final(row: Mapping[str, Any]) -> bool:
    """Return whether a run was over when its row was written, by the API or by its query."""
    return str(row.get("status", "")).upper().replace(" ", "_") in FINAL_STATUSES


def column(schema: Schema, name: str, values: Any) -> pd.Series:  # noqa: ANN401  see build
    """Make one column of a schema."""
    alone = Schema(schema.name, (schema.column(name),))
    made: pd.Series = build(alone, {name: values}, n=len(values))[name]
    return made


def sessions_table(rows: Iterable[_Row], observed_at: int) -> pd.DataFrame:
    """Make a sessions frame, oldest first, of what was created by an instant."""
    stood = [as_it_stood(row, observed_at) for row in rows]
    kept = [(created, row) for created, row in stood if created <= observed_at]
    kept.sort(key=lambda one: (one[0], one[1]["id"]))
    with warnings.catch_warnings():
        # What contradicts itself is told in the recording's notes.
        warnings.simplefilter("ignore", DataWarning)
        return sessions_frame([row for _, row in kept], observed_at=instant_text(observed_at))


def as_it_stood(row: _Row, at: int) -> tuple[int, _Row]:
    """Return when a session was created, and its row without what came after an instant."""
    created_at = to_instant(row["createdAt"])
    if to_instant(row["updatedAt"]) <= at:
        return created_at, row
    row = row | {"updatedAt": instant_text(max(created_at, at))}
    if row.get("closedAt") is not None and to_instant(row["closedAt"]) > at:
        row |= {"closedAt": None, "closedReason": None}
    return created_at, row


def runs_table(rows: Mapping[str, _Row], owners: pd.Series, observed_at: int) -> pd.DataFrame:
    """Make a runs frame of what was triggered by an instant, by session, then in order of trigger.

    A run that ended later is shown as open, without what is told of it at its end.

    Parameters
    ----------
    rows : mapping of str to dict
        Rows of the API or of its query, by the run's id.
    owners : Series
        The sessions of the runs that are wanted, by the run's id; sessions in their order.
    observed_at : int
        In milliseconds since 1970.
    """
    wanted = [rows[run] for run in owners.index]
    groups = {
        QUERY_RUNS: [row for row in wanted if "run_id" in row],
        API_RUNS: [row for row in wanted if "run_id" not in row],
    }
    tables = [
        table_of_rows(group, format, Places("runs", range(len(group))))
        for format, group in groups.items()
        if group
    ]
    if not tables:
        return observe(empty(RUNS), observed_at)
    joined = pa.concat_tables(tables, promote_options="permissive")
    if "payload" in joined.column_names:
        joined = joined.drop_columns(["payload"])
    frame = runs_from(joined.combine_chunks(), None, "runs")
    frame["session_id"] = column(RUNS, "session_id", owners.loc[frame["run_id"]].tolist())
    triggered = milliseconds(frame["triggered_at"])
    place = pd.Series(range(owners.nunique()), index=owners.unique())
    order = np.lexsort((frame["run_id"], triggered, place.loc[frame["session_id"]]))
    frame = frame.iloc[order[triggered[order] <= observed_at]].reset_index(drop=True)
    return observe(_as_they_stood(frame, observed_at), observed_at)


def _as_they_stood(frame: pd.DataFrame, at: int) -> pd.DataFrame:
    ended_late = _after(frame, "ended_at", at)
    if ended_late.any():
        status = frame["status"].astype(object).where(~ended_late, "EXECUTING")
        frame["status"] = column(RUNS, "status", status.tolist())
        for name in _TOLD_AT_THE_END:
            if name in frame:
                frame[name] = frame[name].mask(ended_late)
    if "started_at" in frame:
        frame["started_at"] = frame["started_at"].mask(_after(frame, "started_at", at))
    return frame


def _after(frame: pd.DataFrame, name: str, at: int) -> NDArray[np.bool_]:
    # NaT is the smallest number, so what is missing is never late.
    late: NDArray[np.bool_] = milliseconds(frame[name]) > at
    return late
