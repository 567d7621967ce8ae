"""``session-lab sweep``: recorded traffic under every policy of a grid."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import session_lab as sl
from session_lab.cli.shared import policy as flags
from session_lab.cli.shared.events_file import EventsFile, takes_events_file
from session_lab.cli.shared.numbers import number, price, values
from session_lab.cli.shared.output import Quiet, shows_progress

if TYPE_CHECKING:
    import pandas as pd

    from session_lab.analysis.replays.recommend import Recommendation

__all__ = ["sweep"]

_PICTURES = (".png", ".svg", ".pdf")


def _grid(name: str, text: str) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(name, help=text, rich_help_panel="Grid")
    return option


def _choice(name: str, text: str) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(name, help=text, rich_help_panel="Choice")
    return option


@takes_events_file
def sweep(
    context: typer.Context,
    path: Annotated[str, typer.Argument(help="The recording.", show_default=False)],
    *,
    events_file: EventsFile,
    idle_timeout: Annotated[
        str | None, _grid("--idle-timeout", "Awake with nothing to do, then suspended.")
    ] = None,
    turn_timeout: Annotated[
        str | None, _grid("--turn-timeout", "Suspended without a message, then ended.")
    ] = None,
    max_turns: Annotated[str | None, _grid("--max-turns", "Turns a run serves.")] = None,
    max_duration: Annotated[
        str | None, _grid("--max-duration", "Cap on a run's active time, or none.")
    ] = None,
    preload_idle_timeout: Annotated[
        str | None, _grid("--preload-idle-timeout", "The same until a preload's first turn.")
    ] = None,
    preload_timeout: Annotated[
        str | None, _grid("--preload-timeout", "The same until a preload's first turn.")
    ] = None,
    on_deploy: Annotated[str | None, _grid("--on-deploy", "stay, hand_over.")] = None,
    expiry: Annotated[
        str | None, _grid("--expiry", "From a session's first start to its expiry, or none.")
    ] = None,
    concurrency_limit: Annotated[
        str | None,
        _grid("--concurrency-limit", "Runs that may execute at once, or none; others wait."),
    ] = None,
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
        Path | None, typer.Option("--out", help="A row for each policy: .csv or .parquet.")
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
    as_json: Annotated[
        bool, typer.Option("--json", help="Print all as JSON; times are milliseconds.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Replay recorded chat traffic under many policies, and recommend one.

    Each option of the grid takes the values to try, with commas between. What is assumed about the
    platform is one value each, and can be varied with --sensitivity.

    Example: session-lab sweep chats.ndjson --idle-timeout 5s,30s,2m --turn-timeout 10m,1h

    Example: session-lab sweep chats.ndjson --idle-timeout 5s,30s --concurrency-limit 20,50,none

    Example: session-lab sweep trace.jsonl --idle-timeout 10s,1m,5m --boot-time 3s --wait wait_mean
    --plot front.png
    """
    _check_suffix(out, (".csv", ".parquet"), "--out")
    _check_suffix(plot, _PICTURES, "--plot")
    given = {
        "idle_timeout": idle_timeout,
        "turn_timeout": turn_timeout,
        "max_turns": max_turns,
        "max_duration": max_duration,
        "preload_idle_timeout": preload_idle_timeout,
        "preload_timeout": preload_timeout,
        "on_deploy": on_deploy,
        "expiry": expiry,
        "concurrency_limit": concurrency_limit,
    }
    grid = {name: values(name, text) for name, text in given.items() if text is not None}
    if not grid:
        raise sl.DataError("there is nothing to try; give values, as in --idle-timeout 5s,30s,2m")
    events = path if sharded else events_file.read(path, turn_duration=turn_duration)
    frame = sl.sweep(
        events,
        grid,
        policy=flags.policy_of(context, ()),
        platform=flags.platform_of(context),
        sensitivity=dict(map(_assumption, sensitivity)) if sensitivity else None,
        seed=seed,
        until=until,
        prices=dict(map(price, prices)) if prices else None,
        per_run=per_run,
        progress=shows_progress(quiet=quiet),
    )
    limit = at_most if at_most is None or wait.startswith("wait") else number("--at-most", at_most)
    choice = sl.recommend(frame, wait=wait, at_most=limit)
    if out is not None:
        _write(frame, out)
        typer.echo(f"wrote {len(frame):,} policies to {out}", err=True)
    if plot is not None:
        _draw(choice, plot)
        typer.echo(f"wrote the front to {plot}", err=True)
    if as_json:
        told = {"policies": _plain(frame).to_dict("records"), "recommended": choice.chosen}
        told |= {"settings": choice.settings, "rule": choice.rule}
        typer.echo(json.dumps({**told, "sensitivity": dict(choice.sensitivity)}, indent=2))
    else:
        typer.echo(repr(choice))


def _assumption(pair: str) -> tuple[str, list[Any]]:
    name, equals, text = pair.partition("=")
    if not (name and equals):
        message = f"{pair!r} is not NAME=VALUES, as in boot-time=1s,10s"
        raise sl.DataError(message, column="--sensitivity")
    field = name.replace("-", "_")
    return field, values(field, text)


def _check_suffix(path: Path | None, suffixes: tuple[str, ...], flag: str) -> None:
    if path is not None and path.suffix not in suffixes:
        raise sl.DataError(f"{path} does not end in one of {', '.join(suffixes)}", column=flag)


def _draw(choice: Recommendation, path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    choice.plot(figure.subplots())
    figure.savefig(path, dpi=150)


def _write(frame: pd.DataFrame, path: Path) -> None:
    from session_lab.frames import whole_file, write_parquet

    if path.suffix == ".parquet":
        write_parquet(frame, path)
        return
    with whole_file(path) as draft:
        _plain(frame).to_csv(draft, index=False)


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Write durations as whole milliseconds; what is missing is None."""
    import pandas as pd

    from session_lab.frames import NAT, milliseconds

    plain = frame.astype(object)
    for name in frame.columns[[dtype.kind == "m" for dtype in frame.dtypes]]:
        numbers = [None if n == NAT else int(n) for n in milliseconds(frame[name])]
        plain[name] = pd.Series(numbers, dtype=object)
    return plain.where(plain.notna(), None)
