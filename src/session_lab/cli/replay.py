"""``session-lab replay``: recorded traffic through the simulator."""

from __future__ import annotations

import json
from typing import Annotated

import typer

import session_lab as sl
from session_lab.cli.shared import policy as flags
from session_lab.cli.shared.events_file import EventsFile
from session_lab.cli.shared.limits import ConcurrencyLimit, Plan, limits_of
from session_lab.cli.shared.options import takes
from session_lab.cli.shared.output import AsJson, Quiet, shows_progress
from session_lab.cli.shared.tables import show

__all__ = ["replay"]

_MORE = "--json prints exact numbers; --out DIR keeps every event and run"


def _engines(incomplete: str) -> list[str]:
    from session_lab.replays import ENGINES

    return [name for name in ENGINES if name.startswith(incomplete)]


@takes(events_file=EventsFile)
def replay(
    context: typer.Context,
    path: Annotated[str, typer.Argument(help="The recording.", show_default=False)],
    *,
    events_file: EventsFile,
    policy: flags.PolicyFile = None,
    idle_timeout: flags.IdleTimeout = None,
    turn_timeout: flags.TurnTimeout = None,
    max_turns: flags.MaxTurns = None,
    max_duration: flags.MaxDuration = None,
    preload_idle_timeout: flags.PreloadIdleTimeout = None,
    preload_timeout: flags.PreloadTimeout = None,
    exit_after_preload_idle: flags.ExitAfterPreloadIdle = None,
    on_deploy: flags.OnDeploy = None,
    boot_time: flags.BootTime = None,
    resume_time: flags.ResumeTime = None,
    turn_duration: flags.TurnDuration = None,
    deploys: flags.Deploys = None,
    crash_rate: flags.CrashRate = None,
    concurrency_limit: ConcurrencyLimit = None,
    plan: Plan = None,
    seed: Annotated[
        int, typer.Option("--seed", help="Of identifiers, crashes and random times.")
    ] = 0,
    until: Annotated[
        str | None, typer.Option("--until", help="Look at the world at this instant.")
    ] = None,
    engine: Annotated[
        str,
        typer.Option(
            "--engine",
            help="auto, reference, columnar, which is compiled and pays off from 100,000 events on, "
            "or coupled, which is so under limits; the outcome is the same.",
            autocompletion=_engines,
        ),
    ] = "auto",
    out: Annotated[
        str | None,
        typer.Option("--out", help="Directory for the frames (Parquet) and the summary (JSON)."),
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Replay recorded chat traffic: what it would have cost, how long chats waited.

    The recording has one event a row, as NDJSON, CSV or Parquet, such as
    {"at": "2026-01-01T09:00:00Z", "op": "message", "external_id": "chat-1", "turn_duration": "4s"},
    where op is start, message, close or retrieve; or it is in one of the other formats.

    Example: session-lab replay chats.ndjson --idle-timeout 60s --boot-time 2s --out results

    Example: session-lab replay chats.ndjson --boot-time 3s --plan hobby

    Example: session-lab replay trace.jsonl --format mooncake --json
    """
    progress = shows_progress(quiet=quiet)
    # What is wrong with a flag is said before a file is read, and by the flag's own name.
    asked = flags.policy_of(context), flags.platform_of(context)
    events = events_file.read(path, turn_duration=turn_duration, progress=progress)
    played = sl.replay(
        events,
        *asked,
        limits=limits_of(concurrency_limit, plan),
        seed=seed,
        until=until,
        engine=engine,
        progress=progress,
    )
    if out is not None:
        played.save(out)
        typer.echo(f"wrote operations, sessions, runs and summary to {out}", err=True)
    if as_json:
        typer.echo(json.dumps(played.to_dict(), indent=2))
    else:
        summary = played.summary()
        show(summary.overview(), *summary.sentences, _MORE)
        typer.echo(f"digest {played.digest()}")
