"""``session-lab generate``: made-up chat traffic in a file."""

import json
from dataclasses import asdict, fields, replace
from functools import partial
from typing import Annotated

import typer

import session_lab as sl
from session_lab.cli.shared.events_file import EventsFile
from session_lab.cli.shared.options import flag_of, option, takes
from session_lab.cli.shared.output import AsJson, Quiet, shows_progress
from session_lab.cli.shared.tables import show

__all__ = ["generate"]


_flag = partial(option, "Workload")


@takes(events_file=EventsFile)
def generate(
    context: typer.Context,
    out: Annotated[
        str,
        typer.Argument(
            help="Where to: .ndjson, .jsonl, .csv or .parquet; - for standard output, as NDJSON; with "
            "--shards a folder.",
            show_default=False,
        ),
    ],
    *,
    fit: Annotated[
        str | None,
        typer.Option("--fit", help="A recorded log to estimate all from that is not given."),
    ] = None,
    events_file: EventsFile,
    seed: Annotated[int, typer.Option("--seed", help="Of everything that is drawn.")] = 0,
    shards: Annotated[
        int | None,
        typer.Option(
            "--shards",
            help="Into so many Parquet files in the folder OUT, one after the other: for more events "
            "than fit into memory.",
        ),
    ] = None,
    duration: Annotated[str, _flag("--duration", "How long chats arrive.")] = "1 h",
    start: Annotated[str, _flag("--start", "When the first may arrive.")] = "2026-01-01T00:00:00Z",
    chats_per_hour: Annotated[
        float, _flag("--chats-per-hour", "Mean number of arrivals an hour.")
    ] = 60.0,
    hourly: Annotated[
        str | None, _flag("--hourly", "How busy each hour is (UTC): 24 numbers, commas between.")
    ] = None,
    weekly: Annotated[
        str | None, _flag("--weekly", "How busy each weekday is, from Monday: 7 numbers.")
    ] = None,
    bursts_per_day: Annotated[
        float, _flag("--bursts-per-day", "Mean number of bursts a day.")
    ] = 0.0,
    burst_chats: Annotated[
        float, _flag("--burst-chats", "Mean number of chats that a burst adds.")
    ] = 20.0,
    burst_length: Annotated[
        str, _flag("--burst-length", "Mean time from a burst to its chats.")
    ] = "10 min",
    turns_per_chat: Annotated[float, _flag("--turns-per-chat", "Mean number of turns.")] = 4.0,
    single_turn_share: Annotated[
        float, _flag("--single-turn-share", "Share of chats that have one turn in any case.")
    ] = 0.0,
    think_time: Annotated[
        str, _flag("--think-time", "Median from the end of a turn to what comes next.")
    ] = "30 s",
    think_spread: Annotated[
        float, _flag("--think-spread", "Standard deviation of its logarithm.")
    ] = 1.0,
    interrupt_share: Annotated[
        float, _flag("--interrupt-share", "Share of messages that come before the answer is there.")
    ] = 0.0,
    return_share: Annotated[
        float, _flag("--return-share", "Share of thinks in which people leave and return.")
    ] = 0.05,
    return_after: Annotated[str, _flag("--return-after", "Median of such a think.")] = "4 h",
    return_spread: Annotated[
        float, _flag("--return-spread", "Standard deviation of its logarithm.")
    ] = 1.0,
    turn_duration: Annotated[
        str, _flag("--turn-duration", "Median of how long a turn lasts.")
    ] = "6 s",
    turn_spread: Annotated[
        float, _flag("--turn-spread", "Standard deviation of its logarithm.")
    ] = 0.8,
    long_turn_share: Annotated[
        float, _flag("--long-turn-share", "Share of turns that are of a longer kind.")
    ] = 0.0,
    long_turn_duration: Annotated[
        str, _flag("--long-turn-duration", "Median of how long such a turn lasts.")
    ] = "30 s",
    long_turn_spread: Annotated[
        float, _flag("--long-turn-spread", "Standard deviation of its logarithm.")
    ] = 0.5,
    close_share: Annotated[float, _flag("--close-share", "Share of chats that are closed.")] = 0.4,
    expires_after: Annotated[
        str | None, _flag("--expires-after", "From a start to the expiry it asks for.")
    ] = None,
    expires_share: Annotated[
        float, _flag("--expires-share", "Share of chats whose starts ask for an expiry.")
    ] = 1.0,
    duplicate_start_share: Annotated[
        float, _flag("--duplicate-start-share", "Share of chats whose page is reloaded.")
    ] = 0.05,
    concurrent_start_share: Annotated[
        float, _flag("--concurrent-start-share", "Share of chats that two places start at once.")
    ] = 0.0,
    late_message_share: Annotated[
        float, _flag("--late-message-share", "Share of closed chats that are then asked again.")
    ] = 0.1,
    retry_share: Annotated[
        float, _flag("--retry-share", "Probability with which what was refused is asked again.")
    ] = 0.0,
    retry_after: Annotated[str, _flag("--retry-after", "How long after a refusal.")] = "1 s",
    topics: Annotated[int, _flag("--topics", "How many topics there are among tags.")] = 0,
    topic_skew: Annotated[float, _flag("--topic-skew", "Exponent of Zipf's law for them.")] = 1.0,
    task_identifier: Annotated[
        str, _flag("--task-identifier", "The task of every start.")
    ] = "chat",
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Generate chat traffic: starts, messages and closes, drawn from a workload.

    With --fit, all that is not given is estimated from a recorded log, which the flags of a
    recording describe, and the result tells how close the generated traffic comes to it.

    Example: session-lab generate chats.ndjson --seed 7 --duration 2h --chats-per-hour 150

    Example: session-lab generate - --chats-per-hour 600 | session-lab replay -

    Example: session-lab generate month.parquet --fit chats.ndjson --duration 30d

    Example: session-lab generate more.ndjson --fit ours.csv --log messages --column at=time:s

    Example: session-lab generate month --shards 64 --duration 30d --chats-per-hour 30000
    """
    arguments = locals()
    from session_lab.frames import EVENTS, digest
    from session_lab.traffic.workload.closeness import compare

    given = {field.name: arguments[field.name] for field in fields(sl.ChatWorkload)}
    for name in ("hourly", "weekly"):
        given[name] = _numbers(name, given[name])
    progress = shows_progress(quiet=quiet)
    if fit is None:
        _refuse_unused(events_file)
    recorded = None if fit is None else events_file.read(fit, progress=progress)
    workload = sl.ChatWorkload(**given)
    if recorded is not None:
        said = {name: given[name] for name in given if _is_said(context, name)}
        workload = replace(sl.traffic.fit(recorded), **said)
    if shards is not None:
        if out == "-":
            raise sl.DataError("with --shards OUT is a folder, not standard output", column="OUT")
        paths = sl.traffic.generate_shards(workload, seed, out, shards=shards)
        made = {"path": out, "shards": len(paths), "workload": asdict(workload)}
        typer.echo(
            json.dumps(made, indent=2) if as_json else f"wrote {len(paths):,} files to {out}"
        )
        return
    events = sl.traffic.generate(workload, seed)
    sl.traffic.write(events, out)
    result = {
        "path": out,
        "events": len(events),
        "chats": events["external_id"].nunique(),
        "digest": digest({EVENTS: events}),
    }
    closeness = None if recorded is None else compare(recorded, events, seed=seed)
    if closeness is not None:
        result |= {"workload": asdict(workload), "distances": closeness.summary()}
    is_stream = out == "-"
    if as_json:
        typer.echo(json.dumps(result, indent=2), err=is_stream)
    else:
        typer.echo(
            f"wrote {len(events):,} events of {result['chats']:,} chats to {out}", err=is_stream
        )
        typer.echo(f"digest {result['digest']}", err=is_stream)
        if closeness is not None:
            told = (str(workload), closeness.title, closeness.overview(), closeness.formula)
            show(*told, err=is_stream)


def _refuse_unused(events_file: EventsFile) -> None:
    """Refuse what is said of a recorded log where none is fitted."""
    for field in fields(events_file):
        if getattr(events_file, field.name) != field.default:
            message = "it says how the log of --fit is read; give --fit, or leave it out"
            raise sl.DataError(message, column=flag_of(EventsFile, field.name))


def _is_said(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name != "DEFAULT"


def _numbers(name: str, text: str | None) -> list[float] | None:
    try:
        return None if text is None else [float(number) for number in text.split(",")]
    except ValueError:
        message = f"{text!r} is not numbers with commas between, such as 1,2,0.5"
        raise sl.DataError(message, source="ChatWorkload", column=name) from None
