"""``session-lab live``: recorded traffic against an environment, with care."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

import session_lab as sl
from session_lab.cli.shared.events_file import EventsFile
from session_lab.cli.shared.options import local_path, option, takes
from session_lab.cli.shared.output import AsJson, Quiet, shows_progress
from session_lab.cli.shared.pictures import check_suffix
from session_lab.cli.shared.tables import show

if TYPE_CHECKING:
    import pandas as pd

    from session_lab.replays.live import LivePlan, LiveReplay

__all__ = ["live"]

_AMISS = 3


_where = partial(option, "Where to")
_pace = partial(option, "Pace")


@takes(events_file=EventsFile)
def live(
    path: Annotated[str, typer.Argument(help="The recording.", show_default=False)],
    *,
    events_file: EventsFile,
    send: Annotated[
        bool, _where("--send", "Send the requests; without it nothing is sent but told what would.")
    ] = False,
    base_url: Annotated[
        str | None, _where("--base-url", "TRIGGER_API_URL, else the platform's own.")
    ] = None,
    allow_production: Annotated[
        bool, _where("--allow-production", "Use a key that may open a production environment.")
    ] = False,
    task_identifier: Annotated[
        str | None, _where("--task-identifier", "The task of starts that name none.")
    ] = None,
    prefix: Annotated[
        str | None,
        _where("--prefix", "Before every external id. [default: live- and the instant]"),
    ] = None,
    text: Annotated[str, _where("--text", "What users say, as recordings hold no text.")] = "Hello",
    keep_open: Annotated[
        bool, _where("--keep-open", "Leave the chats open that no event closes.")
    ] = False,
    speed: Annotated[float, _pace("--speed", "How many times faster than recorded.")] = 1.0,
    loop: Annotated[
        str,
        _pace(
            "--loop", "open keeps to the recorded times; closed waits for answers, as people do."
        ),
    ] = "open",
    longest_gap: Annotated[
        str | None, _pace("--longest-gap", "Quiet times of the recording are cut to this.")
    ] = None,
    rate: Annotated[float, _pace("--rate", "Requests a second at most.")] = 10.0,
    concurrency: Annotated[
        int, _pace("--concurrency", "Requests without an answer at a time, at most.")
    ] = 8,
    follow: Annotated[
        str,
        typer.Option(
            "--follow",
            help="Watch out for the answers of agents, and wait so long at the end for those that "
            "have not come; or none.",
        ),
    ] = "30s",
    journal: Annotated[
        Path | None,
        typer.Option(
            "--journal",
            help="What was sent and answered; the same command then goes on from it.",
            parser=local_path,
        ),
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(
            "--out", help="A row for each event: .csv, .parquet or .ndjson; - for NDJSON."
        ),
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Replay recorded chat traffic against an environment; nothing is sent without --send.

    What is measured is how late requests went out, how long the API took, and when the first chunk
    of each answer came. Each chat gets an external id of its own, and is closed at the end and after
    Ctrl+C. The key is read from TRIGGER_SECRET_KEY and nowhere else; one that may open a production
    environment is refused without --allow-production. The exit code is 3 where chats could not be
    closed or a turn was not seen to be complete.

    Example: session-lab live chats.ndjson --speed 10 --longest-gap 1m

    Example: session-lab live chats.ndjson --send --base-url http://127.0.0.1:8787 --out live.parquet
    """
    from session_lab.replays.live import LivePlan, LiveReplay

    check_suffix(out, "--out", (".csv", ".parquet", ".ndjson", ".jsonl"))
    progress = shows_progress(quiet=quiet)
    events = events_file.read(path, progress=progress)
    with sl.Client(base_url=base_url) as client:
        done = sl.replay_live(
            events,
            client,
            dry_run=not send,
            speed=speed,
            loop=cast("Any", loop),  # It refuses what it does not know.
            longest_gap=longest_gap,
            concurrency=concurrency,
            rate=rate,
            prefix=prefix,
            text=text,
            task_identifier=task_identifier,
            allow_production=allow_production,
            journal=journal,
            close=not keep_open,
            follow=None if follow == "none" else follow,
            progress=progress,
        )
    if isinstance(done, LivePlan):
        frame, told = done.to_frame(), _planned(done)
        shown: tuple[str | pd.DataFrame, ...] = (repr(done),)
    else:
        late = done.lateness()
        frame, told = done.operations, _done(done)
        shown = (repr(done), late.to_frame(), late.formula)
    if as_json:
        typer.echo(json.dumps(told, indent=2), err=out == "-")
    else:
        show(*shown, _requests(frame), err=out == "-")
    if out is not None:
        sl.write_frame(frame, out)
        typer.echo(f"wrote the requests to {out}", err=True)
    if isinstance(done, LiveReplay) and (done.left_open or done.n_unseen):
        raise typer.Exit(_AMISS)


def _planned(plan: LivePlan) -> dict[str, Any]:
    schedule = plan.schedule
    return {
        "sent": False,
        "requests": _requests(plan.to_frame()).to_dict("records"),
        "duration_ms": schedule.duration,
        "speed": schedule.speed,
        "loop": schedule.loop,
        "cut_gaps": schedule.n_capped,
        "cut_ms": schedule.capped,
        "prefix": plan.prefix,
    }


def _done(done: LiveReplay) -> dict[str, Any]:
    requests = _requests(done.operations)
    spans = done.lateness().summary()
    return {
        "sent": True,
        "requests": requests.astype(object).where(requests.notna(), None).to_dict("records"),
        **{f"{name.replace(' ', '_')}_ms": numbers for name, numbers in spans.items()},
        "speed": done.schedule.speed,
        "loop": done.schedule.loop,
        "prefix": done.prefix,
        "resumed": done.n_resumed,
        "left_open": list(done.left_open),
        "turns_not_seen_complete": done.n_unseen,
    }


def _requests(frame: pd.DataFrame) -> pd.DataFrame:
    """Count requests by what they ask and, once they are answered, by the answer."""
    by = [name for name in ("op", "status_code", "error") if name in frame]
    counts = frame.groupby(by, observed=True, dropna=False).size()
    return counts.reset_index(name="requests")
