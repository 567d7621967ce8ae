"""``session-lab demo``: the main job on data that come with the package."""

from __future__ import annotations

import json
import shlex

import typer

import session_lab as sl
from session_lab.cli.shared.output import AsJson, Quiet, shows_progress
from session_lab.cli.shared.tables import show
from session_lab.timing import duration_text

__all__ = ["demo"]

_TIMEOUTS = ("10 s", "30 s", "2 min", "10 min")
_HOUR = 3_600_000
_NEXT = {
    "one in full": "session-lab replay {sample} --idle-timeout 2m",
    "your own traffic": "session-lab replay --help",
    "in Python": "import session_lab as sl; help(sl.replay)",
    "in a notebook": "notebooks/01-quickstart.ipynb, in the source of session_lab",
}


def demo(
    *,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Replay the sample chats under four idle timeouts and compare wait with billed time.

    Example: session-lab demo

    Example: session-lab demo --json
    """
    import pandas as pd

    sample = sl.traffic.sample_path("chats.ndjson")
    events = sl.traffic.read(sample)
    played = {
        timeout: sl.replay(
            events,
            sl.RunPolicy(idle_timeout=timeout),
            sl.Platform(boot_time="3s", resume_time="1s"),
            progress=shows_progress(quiet=quiet),
        )
        for timeout in _TIMEOUTS
    }
    if as_json:
        results = {timeout: replay.to_dict() for timeout, replay in played.items()}
        typer.echo(json.dumps(results, indent=2))
        return
    show(
        f"{len(events):,} events of generated chats, replayed under four idle timeouts",
        "(a run boots in 3 s and wakes in 1 s)",
        "",
        pd.DataFrame([_row(timeout, replay) for timeout, replay in played.items()]),
        "",
        "What to open next",
    )
    for what, how in _NEXT.items():
        typer.echo(f"  {what:<16}  {how.format(sample=shlex.quote(str(sample)))}")


def _row(timeout: str, replay: sl.Replay) -> dict[str, object]:
    summary = replay.summary()
    return {
        "idle timeout": timeout,
        "mean wait": duration_text(summary.waits["mean"]),
        "p95 wait": duration_text(summary.waits["p95"]),
        "billed hours": summary.time["billed"] / _HOUR,
        "runs": summary.totals["runs"],
    }
