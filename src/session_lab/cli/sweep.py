"""``session-lab sweep``: recorded traffic under every policy of a grid."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import session_lab as sl
from session_lab.cli.shared import policy as flags
from session_lab.cli.shared.events_file import EventsFile
from session_lab.cli.shared.grid import LimitedGrid
from session_lab.cli.shared.numbers import number, price, values
from session_lab.cli.shared.options import option, takes
from session_lab.cli.shared.output import Quiet, shows_progress
from session_lab.cli.shared.pictures import check_suffix, draw
from session_lab.cli.shared.tables import show

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["sweep"]


_choice = partial(option, "Choice")


@takes(events_file=EventsFile, grid=LimitedGrid)
def sweep(
    context: typer.Context,
    path: Annotated[str, typer.Argument(help="The recording.", show_default=False)],
    *,
    events_file: EventsFile,
    grid: LimitedGrid,
    policy: flags.PolicyFile = None,
    boot_time: flags.BootTime = None,
    resume_time: flags.ResumeTime = None,
    turn_duration: flags.TurnDuration = None,
    deploys: flags.Deploys = None,
    crash_rate: flags.CrashRate = None,
    sensitivity: Annotated[
        list[str] | None,
        typer.Option(
            "--sensitivity",
            help="NAME=VALUES: play the grid again under other boot-time, resume-time, ...; may be "
            "repeated. Never recommended.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of crashes and random times.")] = 0,
    until: Annotated[
        str | None, typer.Option("--until", help="Look at the world at this instant.")
    ] = None,
    prices: Annotated[
        list[str] | None,
        typer.Option("--price", help="MACHINE=PRICE of a second; may be repeated."),
    ] = None,
    per_run: Annotated[float, typer.Option("--price-per-run", help="Beside --price.")] = 0.0,
    wait: Annotated[
        str, _choice("--wait", "What is weighed: wait_p50, wait_p95, wait_p99, cold_starts, ...")
    ] = "wait_p95",
    at_most: Annotated[
        str | None, _choice("--at-most", "The longest that will do; else the knee of the front.")
    ] = None,
    out: Annotated[
        str | None,
        typer.Option("--out", help="A row for each policy: .csv or .parquet; - for CSV."),
    ] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="The front as a picture: .png, .svg or .pdf.")
    ] = None,
    sharded: Annotated[
        bool,
        typer.Option(
            "--sharded",
            help="The recording is a folder of Parquet files, each with all events of its sessions, "
            "as sl.traffic.shard leaves them: read one after the other, for logs beyond memory.",
        ),
    ] = False,
    shard_into: Annotated[
        str | None,
        typer.Option(
            "--shard-into",
            help="The recording, such as a file a day, is dealt out into this folder first, so that "
            "all events of a session lie in one file; later sweeps take the folder with --sharded.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    quiet: Quiet = False,
) -> None:
    """Replay recorded chat traffic under many policies, and recommend one.

    Each option of the grid takes the values to try, with commas between. What is assumed about the
    platform is one value each, and can be varied with --sensitivity.

    Example: session-lab sweep chats.ndjson --idle-timeout 5s,30s,2m --turn-timeout 10m,1h

    Example: session-lab sweep chats.ndjson --idle-timeout 5s,30s --concurrency-limit 20,50,none

    Example: session-lab sweep trace.jsonl --idle-timeout 10s,1m,5m --boot-time 3s --wait wait_mean
    --plot front.png

    Example: session-lab sweep s3://bucket/month --shard-into month --idle-timeout 5s,30s,2m
    """
    if out != "-":
        check_suffix(out, "--out", (".csv", ".parquet"))
    check_suffix(plot)
    tried = grid.choices
    if not tried:
        raise sl.DataError("there is nothing to try; give values, as in --idle-timeout 5s,30s,2m")
    if sharded and shard_into is not None:
        raise sl.DataError(
            "the recording is dealt out or has been; give one", column="--shard-into"
        )
    if per_run and not prices:
        raise sl.DataError("a price of runs goes with --price", column="--price-per-run")
    progress = shows_progress(quiet=quiet)
    # What is wrong with a flag is said before a file is read, and by the flag's own name.
    run_policy, platform = flags.policy_of(context, ()), flags.platform_of(context)
    events: pd.DataFrame | str
    if sharded or shard_into is not None:
        events_file.refuse_given("shards are Parquet files of events, which no flag describes")
        events = _shards(path, shard_into, sharded=sharded, progress=progress)
    else:
        events = events_file.read(path, turn_duration=turn_duration, progress=progress)
    frame = sl.sweep(
        events,
        tried,
        policy=run_policy,
        platform=platform,
        sensitivity=dict(map(_assumption, sensitivity)) if sensitivity else None,
        seed=seed,
        until=until,
        prices=dict(map(price, prices)) if prices else None,
        per_run=per_run,
        progress=progress,
    )
    limit = at_most if at_most is None or wait.startswith("wait") else number("--at-most", at_most)
    choice = sl.recommend(frame, wait=wait, at_most=limit)
    if out is not None:
        _write(frame, out)
        typer.echo(f"wrote {len(frame):,} policies to {out}", err=True)
    if plot is not None:
        draw(choice, plot, "the front")
    if as_json:
        told = {"policies": _plain(frame).to_dict("records"), "recommended": choice.chosen}
        told |= {"settings": choice.settings, "rule": choice.rule}
        told |= {"sensitivity": dict(choice.sensitivity)}
        typer.echo(json.dumps(told, indent=2), err=out == "-")
    else:
        parts = (choice.title, choice.overview(), choice.formula, choice.notes)
        show(*parts, err=out == "-")


def _shards(path: str, shard_into: str | None, *, sharded: bool, progress: bool) -> str:
    """Return where the shards are, and deal them out first if they are not yet."""
    if shard_into is None:
        return path
    if sharded:
        raise sl.DataError(
            "the recording is dealt out or has been; give one", column="--shard-into"
        )
    sl.traffic.shard(path, shard_into, progress=progress)
    return shard_into


def _assumption(pair: str) -> tuple[str, list[Any]]:
    name, equals, text = pair.partition("=")
    if not (name and equals):
        message = f"{pair!r} is not NAME=VALUES, as in boot-time=1s,10s"
        raise sl.DataError(message, column="--sensitivity")
    field = name.replace("-", "_")
    return field, values(field, text)


def _write(frame: pd.DataFrame, path: str) -> None:
    from session_lab.frames import whole_file, write_parquet
    from session_lab.frames.files.places import written_suffix

    if written_suffix(path) == ".parquet":
        write_parquet(frame, path)
        return
    with whole_file(path) as draft:
        _plain(frame).to_csv(draft, index=False)


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Write durations as whole milliseconds, in columns called so; what is missing is None."""
    import pandas as pd

    from session_lab.frames import NAT, milliseconds

    plain = frame.astype(object)
    for name in frame.columns[[dtype.kind == "m" for dtype in frame.dtypes]]:
        numbers = [None if n == NAT else int(n) for n in milliseconds(frame[name])]
        plain[name] = pd.Series(numbers, dtype=object)
        plain = plain.rename(columns={name: f"{name}_ms"})
    return plain.where(plain.notna(), None)
