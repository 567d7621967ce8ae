"""``session-lab pull``: what happened in an environment, in a folder, or its rows in files."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from tqdm import tqdm

import session_lab as sl
from session_lab.cli.shared.options import local_path
from session_lab.cli.shared.output import AsJson, Quiet, shows_progress

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from session_lab.cli.shared.spool import Spool
    from session_lab.client import Listing
    from session_lab.wire.run.runs import RetrievedRun

__all__ = ["pull"]

_ENDINGS = (".parquet", ".csv", ".ndjson", ".jsonl")
_RETRIES = 8


def pull(
    out: Annotated[
        Path,
        typer.Argument(
            help="A folder, or a file of sessions: .parquet, .ndjson, .jsonl or .csv.",
            show_default=False,
            parser=local_path,
        ),
    ],
    *,
    runs: Annotated[
        Path | None,
        typer.Option(
            "--runs", help="Also pull the sessions' runs, to this file.", parser=local_path
        ),
    ] = None,
    walk: Annotated[
        bool, typer.Option("--walk", help="Find runs by walking back, a request for each.")
    ] = False,
    run_tag: Annotated[
        str, typer.Option("--run-tag", help="Tag by which a run names its session.")
    ] = "chat:{external_id}",
    base_url: Annotated[
        str | None,
        typer.Option("--base-url", help="TRIGGER_API_URL, else the platform's own."),
    ] = None,
    type: Annotated[list[str] | None, typer.Option("--type", help="May be repeated.")] = None,
    tag: Annotated[list[str] | None, typer.Option("--tag", help="May be repeated.")] = None,
    task_identifier: Annotated[
        list[str] | None, typer.Option("--task-identifier", help="May be repeated.")
    ] = None,
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
        typer.Option(
            "--observed-at",
            help="The instant of the pull, where the server does not tell the time.",
        ),
    ] = None,
    rate: Annotated[
        float, typer.Option("--rate", help="Into a folder: requests a second at most.")
    ] = 20.0,
    concurrency: Annotated[
        int, typer.Option("--concurrency", help="Into a folder: requests at once.")
    ] = 8,
    follow: Annotated[
        bool,
        typer.Option("--follow", help="Into a folder: go on with what happens now, until Ctrl+C."),
    ] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Pull what happened in an environment, or in session-lab serve, into a folder.

    The folder gets sessions, runs, turns, waits for messages, and events that can be replayed, as
    Parquet; what is missing is said. The texts of messages are not kept. Or pull just the rows of
    sessions, and their runs, into files.

    The key is read from TRIGGER_SECRET_KEY and nowhere else. Every answer is written down as it
    comes: if the pull is cut off, the same command goes on where it stopped, and later it brings
    what is new. It waits where the server asks it to.

    Example: session-lab pull week/ --period 7d

    Example: session-lab pull sessions.parquet --runs runs.parquet --period 30d

    Example: session-lab pull vip.csv --tag vip --status CLOSED --base-url http://127.0.0.1:8787
    """
    from session_lab.cli.shared.spool import Spool

    if not out.suffix or out.is_dir():
        _pull_folder(
            out,
            {"type": type, "tag": tag, "task_identifier": task_identifier},
            {"--runs": runs, "--walk": walk, "--external-id": external_id, "--status": status},
            base_url=base_url,
            follow=follow,
            period=period,
            from_=from_,
            to=to,
            run_tag=run_tag,
            rate=rate,
            concurrency=concurrency,
            observed_at=observed_at,
            as_json=as_json,
            progress=shows_progress(quiet=quiet),
        )
        return
    for path in (out, runs):
        if path is not None and path.suffix not in _ENDINGS:
            message = f"the ending {path.suffix!r} is none of {', '.join(_ENDINGS)}"
            raise sl.DataError(message, source=path.name)
    progress = shows_progress(quiet=quiet)
    question = {
        "type": type,
        "tag": tag,
        "task_identifier": task_identifier,
        "external_id": external_id,
        "status": status,
        "period": period,
        "from_": from_,
        "to": to,
    }
    question = {name: value for name, value in question.items() if value}
    with sl.Client(base_url=base_url, max_retries=_RETRIES, deadline="10m") as client:
        # The API takes one value for each filter, so several values are several lists.
        choices = [value if isinstance(value, list) else [value] for value in question.values()]
        lists = [dict(zip(question, one, strict=True)) for one in product(*choices)]
        spool = Spool(out, {"server": repr(client), **question}, lists=len(lists))
        _fetch(client.sessions.list, lists, spool, "sessions", progress=progress)
        sessions = sl.sessions_frame(spool.pages(), observed_at=observed_at)
        sessions.attrs["source"] = json.dumps(spool.question)
        sl.write_frame(sessions, out)
        result: dict[str, Any] = {"path": str(out), "sessions": len(sessions)}
        if runs is not None:
            pull_runs = _walk_runs if walk or sessions.empty else _list_runs
            found = pull_runs(
                client, runs, sessions, tag=run_tag, observed_at=observed_at, progress=progress
            )
            result |= {"runs_path": str(runs), "runs": len(found)}
        # Only now: sessions that are all there need not be asked for again, should runs fail.
        spool.clear()
    result["observed_at"] = str(sessions.attrs["observed_at"])
    if as_json:
        typer.echo(json.dumps(result, indent=2))
        return
    typer.echo(f"wrote {len(sessions):,} sessions to {out}, observed at {result['observed_at']}")
    if runs is not None:
        typer.echo(f"wrote {result['runs']:,} runs to {runs}")


def _pull_folder(
    folder: Path,
    filters: dict[str, list[str] | None],
    of_files: dict[str, Any],
    *,
    base_url: str | None,
    follow: bool,
    as_json: bool,
    observed_at: str | None,
    **options: Any,  # noqa: ANN401  those of record()
) -> None:
    """Record into a folder, and tell what came and what is missing."""
    from session_lab.replays.environment.record import Recorder

    for flag, value in of_files.items():
        if value:
            raise sl.DataError("this is for files of rows, not for a folder", column=flag)
    if follow and observed_at is not None:
        raise sl.DataError("what happens now is observed now", column="--observed-at")
    for name, values in filters.items():
        if values and len(values) > 1:
            raise sl.DataError("a folder takes one value", column=f"--{name.replace('_', '-')}")
        options[name] = values[0] if values else None
    with sl.Client(base_url=base_url, max_retries=_RETRIES, deadline="10m") as client:
        recorder = Recorder(client, folder=folder, **options)
        if not follow:
            _show(recorder.record(observed_at), folder, as_json=as_json)
            return
        for recording in recorder.follow():
            _show(recording, folder, as_json=as_json)


def _show(recording: sl.Recording, folder: Path, *, as_json: bool) -> None:
    if as_json:
        counts = {name: len(frame) for name, frame in recording.frames.items()}
        told = {"observed_at": recording.observed_at, "notes": recording.notes}
        typer.echo(json.dumps({"path": str(folder), **counts, **told}))
    else:
        typer.echo(f"{folder}: {recording!r}")


def _fetch(
    list_: Callable[..., Listing[Any]],
    lists: list[dict[str, Any]],
    spool: Spool,
    name: str,
    *,
    progress: bool,
) -> None:
    """Fetch the pages of some lists, from where a pull before this one stopped."""
    with tqdm(
        unit=f" {name}", desc="pull", initial=spool.count, delay=1, disable=not progress
    ) as bar:
        while not spool.is_complete:
            pages = list_(**lists[spool.place], limit=100, after=spool.cursor).plain_pages()
            for page in pages:
                spool.keep(page)
                bar.update(len(page.rows))


def _list_runs(
    client: sl.Client,
    out: Path,
    sessions: pd.DataFrame,
    *,
    tag: str,
    observed_at: str | None,
    progress: bool,
) -> pd.DataFrame:
    """List the runs of the sessions' tasks, and find their sessions by tag."""
    from session_lab.cli.shared.spool import Spool

    question = {
        "task_identifier": sessions["task_identifier"].dropna().unique().tolist(),
        "from_": sessions["created_at"].min().isoformat(),
    }
    spool = Spool(out, {"server": repr(client), **question})
    _fetch(client.runs.list, [question], spool, "runs", progress=progress)
    found = sl.runs_frame(spool.pages(), sessions=sessions, tag=tag, observed_at=observed_at)
    sl.write_frame(found, out)
    spool.clear()
    return found


def _walk_runs(
    client: sl.Client,
    out: Path,
    sessions: pd.DataFrame,
    *,
    tag: str,
    observed_at: str | None,
    progress: bool,
) -> pd.DataFrame:
    """Retrieve each session's runs, from its current one back; known ones are not asked again."""
    from session_lab.cli.shared.spool import Spool
    from session_lab.client.pages.paging import PlainPage
    from session_lab.frames.loaders.run_sessions import walk_runs
    from session_lab.frames.values import decoded
    from session_lab.wire.run.runs import RetrievedRun

    spool = Spool(out, {"server": repr(client), "walk": True})
    known = {row["id"]: row for page in spool.pages() for row in page.rows}

    def retrieve(run_id: str) -> RetrievedRun:
        if run_id not in known:
            reply = client.with_raw_response.runs.retrieve(run_id)
            known[run_id] = decoded(reply.content)
            spool.keep(PlainPage([known[run_id]], reply.headers, run_id))
        return RetrievedRun.model_validate(known[run_id])

    rows = walk_runs(retrieve, sessions)
    found = sl.runs_frame(
        rows, sessions=sessions, tag=tag, observed_at=observed_at, progress=progress
    )
    sl.write_frame(found, out)
    spool.clear()
    return found
