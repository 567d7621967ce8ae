"""``session-lab decide``: a policy for an environment, from what was pulled from it."""

from __future__ import annotations

import json
from functools import partial
from typing import Annotated, Any

import typer

import session_lab as sl
from session_lab.cli.shared.environment import Between, Directory, Task, Until, part_of
from session_lab.cli.shared.grid import Grid
from session_lab.cli.shared.numbers import number, price
from session_lab.cli.shared.options import option, takes
from session_lab.cli.shared.output import AsJson, Quiet, shows_progress
from session_lab.cli.shared.tables import show

__all__ = ["decide"]

_SHARES = ("cold_starts", "resumed")
_UNMET = 3


_question = partial(option, "Question: one of these, else the knee of the front")


@takes(grid=Grid)
def decide(
    directory: Directory,
    *,
    at_most: Annotated[
        str | None, _question("--at-most", "The longest wait that will do: the cheapest within it.")
    ] = None,
    budget: Annotated[
        float | None,
        _question("--budget", "The most dollars a month: what waits least within them."),
    ] = None,
    waited_second: Annotated[
        float | None,
        _question("--waited-second", "What a second that someone waits is worth, in dollars."),
    ] = None,
    wait: Annotated[
        str,
        typer.Option(
            "--wait",
            help="What waiting is measured by: wait_mean, wait_p50, wait_p95, wait_p99, "
            "cold_starts, resumed.",
        ),
    ] = "wait_p95",
    grid: Grid,
    from_: Between = None,
    to: Until = None,
    task: Task = None,
    events: Annotated[
        str | None,
        typer.Option(
            "--events",
            help="Play these instead of the recorded events: a folder or address of Parquet files, "
            "each with all events of its sessions, as sl.traffic.shard leaves them.",
        ),
    ] = None,
    shard_into: Annotated[
        str | None,
        typer.Option(
            "--shard-into",
            help="The --events, such as a file a day, are dealt out into this folder first; later "
            "decisions take the folder as --events.",
        ),
    ] = None,
    prices: Annotated[
        list[str] | None,
        typer.Option(
            "--price", help="MACHINE=DOLLARS for a second; else what the runs were charged."
        ),
    ] = None,
    resamples: Annotated[
        int, typer.Option("--resamples", help="How many samples of the chats.")
    ] = 400,
    draws: Annotated[int, typer.Option("--draws", help="On how many fitted platforms.")] = 20,
    seed: Annotated[int, typer.Option("--seed", help="Of samples and random times.")] = 0,
    out: Annotated[
        str | None,
        typer.Option(
            "--out", help="Where the page goes: .html or .md. [default: DIR/decision.html]"
        ),
    ] = None,
    title: Annotated[str, typer.Option("--title", help="The page's heading.")] = "Run policy",
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Choose a run policy from what was recorded, and write a page about it to be sent.

    The recorded chats are replayed under every policy of the grid on the fitted platform. Beside the
    page, decision.json in the recording's folder keeps what was promised, for session-lab calibrate
    --decision once it was tried. The exit code is 3 where a limit or a budget is met by no policy.

    With --events the recording tells of the platform, of prices and of what holds today, and a log of
    any size is played: what a team keeps of a month, of which a day was pulled.

    Example: session-lab decide week --at-most 2s --wait wait_mean

    Example: session-lab decide day --events s3://bucket/month --shard-into month --at-most 2s

    Example: session-lab decide week --budget 40 --idle-timeout 5s,30s,2m --out for-the-team.html
    """
    # It loads Arrow.
    from session_lab.frames.files.places import written_suffix

    recording = part_of(directory, from_, to, task)
    limit: Any = at_most
    if at_most is not None and wait in _SHARES:
        limit = number("--at-most", at_most)
    page = directory / "decision.html" if out is None else out
    if written_suffix(page) not in {".html", ".md"}:
        raise sl.DataError(f"{page} does not end in .html or .md", column="--out")
    if shard_into is not None and events is None:
        raise sl.DataError("there is nothing to deal out without --events", column="--shard-into")
    if task is not None and events is not None:
        message = "--events are of all tasks; pull what is to be played, or leave --task out"
        raise sl.DataError(message, column="--task")
    progress = shows_progress(quiet=quiet)
    if events is not None and shard_into is not None:
        sl.traffic.shard(events, shard_into, progress=progress)
    found = sl.decide(
        recording,
        grid.choices or None,
        events=events if shard_into is None else shard_into,
        at_most=limit,
        budget=budget,
        waited_second=waited_second,
        wait=wait,
        prices=dict(map(price, prices)) if prices else None,
        resamples=resamples,
        draws=draws,
        seed=seed,
        progress=progress,
    )
    promised = found.save(directory / "decision.json")
    typer.echo(f"wrote {found.report(page, title=title)} and {promised}", err=True)
    if as_json:
        typer.echo(json.dumps(found.promise(), indent=2))
    else:
        told = (*found.remarks, found.slots, *filter(None, [found.calibration]))
        head = (found.headline, f"asked: {found.question}", found.sureness)
        show(*head, "", found.overview(), "", told)
    if not found.is_met:
        raise typer.Exit(_UNMET)
