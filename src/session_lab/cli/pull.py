"""``session-lab pull``: the sessions of an environment, and their runs, in files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from tqdm import tqdm

from session_lab.cli.spool import Spool
from session_lab.client import DEFAULT_BASE_URL, Client
from session_lab.errors import DataError
from session_lab.frames import write_frame
from session_lab.frames.joining import walk_runs
from session_lab.frames.loading import runs_frame, sessions_frame

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["pull"]

_ENDINGS = (".parquet", ".csv", ".ndjson", ".jsonl")
_RETRIES = 8


def pull(
    out: Annotated[
        Path,
        typer.Argument(help="Where to: .parquet, .ndjson, .jsonl or .csv.", show_default=False),
    ],
    *,
    runs: Annotated[
        Path | None, typer.Option("--runs", help="Also pull the sessions' runs, to this file.")
    ] = None,
    walk: Annotated[
        bool, typer.Option("--walk", help="Find runs by walking back, a request for each.")
    ] = False,
    run_tag: Annotated[
        str, typer.Option("--run-tag", help="Tag by which a run names its session.")
    ] = "chat:{external_id}",
    base_url: Annotated[
        str | None,
        typer.Option("--base-url", help=f"TRIGGER_API_URL, else {DEFAULT_BASE_URL}."),
    ] = None,
    type: Annotated[list[str] | None, typer.Option("--type", help="May be repeated.")] = None,
    tag: Annotated[list[str] | None, typer.Option("--tag", help="May be repeated.")] = None,
    task: Annotated[list[str] | None, typer.Option("--task", help="May be repeated.")] = None,
    external_id: Annotated[
        list[str] | None, typer.Option("--external-id", help="May be repeated.")
    ] = None,
    status: Annotated[
        list[str] | None,
        typer.Option("--status", help="ACTIVE, CLOSED or EXPIRED; may be repeated."),
    ] = None,
    period: Annotated[
        str | None, typer.Option("--period", help="Created at most so long ago, as in 7d.")
    ] = None,
    from_: Annotated[
        str | None, typer.Option("--from", help="Created at this instant or later.")
    ] = None,
    to: Annotated[str | None, typer.Option("--to", help="Created by this instant.")] = None,
    observed_at: Annotated[
        str | None,
        typer.Option("--observed-at", help="When it is there, if the server does not tell."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Pull sessions, and their runs, from an environment or from session-lab serve.

    The key is read from TRIGGER_SECRET_KEY and nowhere else. Pages are kept beside OUT while they
    come; if the pull is cut off, the same command goes on where it stopped.

    Example: session-lab pull sessions.parquet --runs runs.parquet --period 30d

    Example: session-lab pull vip.csv --tag vip --status CLOSED --base-url http://127.0.0.1:8787
    """
    for path in (out, runs):
        if path is not None and path.suffix not in _ENDINGS:
            message = f"the ending {path.suffix!r} is none of {', '.join(_ENDINGS)}"
            raise DataError(message, source=path.name)
    question = {
        "type": type,
        "tag": tag,
        "task_identifier": task,
        "external_id": external_id,
        "status": status,
        "period": period,
        "from_": from_,
        "to": to,
    }
    question = {name: value for name, value in question.items() if value}
    with Client(base_url=base_url, max_retries=_RETRIES, deadline="10m") as client:
        sessions = _sessions(client, out, question, observed_at)
        result: dict[str, Any] = {"path": str(out), "sessions": len(sessions)}
        if runs is not None:
            found = _runs(client, sessions, walk=walk, tag=run_tag, observed_at=observed_at)
            write_frame(found, runs)
            result |= {"runs_path": str(runs), "runs": len(found)}
    result["observed_at"] = str(sessions.attrs["observed_at"])
    if as_json:
        typer.echo(json.dumps(result, indent=2))
        return
    typer.echo(f"wrote {len(sessions):,} sessions to {out}, observed at {result['observed_at']}")
    if runs is not None:
        typer.echo(f"wrote {result['runs']:,} runs to {runs}")


def _sessions(
    client: Client, out: Path, question: dict[str, Any], observed_at: str | None
) -> pd.DataFrame:
    spool = Spool(out, {"server": repr(client), **question})
    # One cursor tells where one list stopped, not where several did.
    if any(isinstance(value, list) and len(value) > 1 for value in question.values()):
        spool.clear()
    if not spool.is_complete:
        pages = client.sessions.list(**question, limit=100, after=spool.cursor).plain_pages()
        with tqdm(unit=" sessions", desc="pull", initial=spool.count) as bar:
            for page in pages:
                spool.keep(page)
                bar.update(len(page.rows))
    sessions = sessions_frame(spool.pages(), observed_at=observed_at)
    sessions.attrs["source"] = json.dumps(spool.question)
    write_frame(sessions, out)
    spool.clear()
    return sessions


def _runs(
    client: Client, sessions: pd.DataFrame, *, walk: bool, tag: str, observed_at: str | None
) -> pd.DataFrame:
    if walk or sessions.empty:
        rows: Any = walk_runs(client.runs.retrieve, sessions)
    else:
        rows = client.runs.list(
            task_identifier=sessions["task_identifier"].dropna().unique().tolist(),
            from_=sessions["created_at"].min().to_pydatetime(),
            limit=100,
        )
    return runs_frame(rows, sessions=sessions, tag=tag, observed_at=observed_at, progress=True)
