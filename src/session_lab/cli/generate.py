"""``session-lab generate``: made-up chat traffic in a file."""

import json
from pathlib import Path
from typing import Annotated

import typer

from session_lab import traffic
from session_lab.frames import EVENTS, digest
from session_lab.traffic import ChatWorkload

__all__ = ["generate"]


def _flag(name: str, text: str) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(name, help=text, rich_help_panel="Workload")
    return option


def generate(
    out: Annotated[
        Path,
        typer.Argument(help="Where to: .ndjson, .jsonl, .csv or .parquet.", show_default=False),
    ],
    *,
    seed: Annotated[int, typer.Option("--seed", help="Of everything that is drawn.")] = 0,
    duration: Annotated[str, _flag("--duration", "How long chats arrive.")] = "1h",
    start: Annotated[str, _flag("--start", "When the first may arrive.")] = "2026-01-01T00:00:00Z",
    chats_per_hour: Annotated[
        float, _flag("--chats-per-hour", "Mean number of arrivals an hour.")
    ] = 60.0,
    turns_per_chat: Annotated[float, _flag("--turns-per-chat", "Mean number of turns.")] = 4.0,
    think_time: Annotated[
        str, _flag("--think-time", "Median from the end of a turn to what comes next.")
    ] = "30s",
    think_spread: Annotated[
        float, _flag("--think-spread", "Standard deviation of its logarithm.")
    ] = 1.0,
    return_share: Annotated[
        float, _flag("--return-share", "Share of thinks in which people leave and return.")
    ] = 0.05,
    return_after: Annotated[str, _flag("--return-after", "Median of such a think.")] = "4h",
    return_spread: Annotated[
        float, _flag("--return-spread", "Standard deviation of its logarithm.")
    ] = 1.0,
    turn_duration: Annotated[
        str, _flag("--turn-duration", "Median of how long a turn lasts.")
    ] = "6s",
    turn_spread: Annotated[
        float, _flag("--turn-spread", "Standard deviation of its logarithm.")
    ] = 0.8,
    close_share: Annotated[float, _flag("--close-share", "Share of chats that are closed.")] = 0.4,
    expires_after: Annotated[
        str | None, _flag("--expires-after", "From a start to the expiry it asks for.")
    ] = None,
    duplicate_start_share: Annotated[
        float, _flag("--duplicate-start-share", "Share of chats whose page is reloaded.")
    ] = 0.05,
    late_message_share: Annotated[
        float, _flag("--late-message-share", "Share of closed chats that are then asked again.")
    ] = 0.1,
    task_identifier: Annotated[
        str, _flag("--task-identifier", "The task of every start.")
    ] = "chat",
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Generate chat traffic: starts, messages and closes, drawn from a workload.

    Example: session-lab generate chats.ndjson --seed 7 --duration 2h --chats-per-hour 150
    """
    workload = ChatWorkload(
        duration=duration,
        start=start,
        chats_per_hour=chats_per_hour,
        turns_per_chat=turns_per_chat,
        think_time=think_time,
        think_spread=think_spread,
        return_share=return_share,
        return_after=return_after,
        return_spread=return_spread,
        turn_duration=turn_duration,
        turn_spread=turn_spread,
        close_share=close_share,
        expires_after=expires_after,
        duplicate_start_share=duplicate_start_share,
        late_message_share=late_message_share,
        task_identifier=task_identifier,
    )
    events = traffic.generate(workload, seed)
    traffic.write(events, out)
    result = {
        "path": str(out),
        "events": len(events),
        "chats": events["external_id"].nunique(),
        "digest": digest({EVENTS: events}),
    }
    if as_json:
        typer.echo(json.dumps(result, indent=2))
    else:
        typer.echo(f"wrote {len(events):,} events of {result['chats']:,} chats to {out}")
        typer.echo(f"digest {result['digest']}")
