"""``session-lab calibrate``: the replayed beside the recorded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import session_lab as sl
from session_lab.cli.shared import policy as flags
from session_lab.cli.shared.environment import Between, Directory, Task, Until, part_of, plain
from session_lab.cli.shared.json_file import read_json
from session_lab.cli.shared.limits import ConcurrencyLimit, Plan, limits_of
from session_lab.cli.shared.options import local_path
from session_lab.cli.shared.output import AsJson
from session_lab.cli.shared.pictures import check_suffix, draw
from session_lab.cli.shared.tables import show

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["calibrate"]


def calibrate(
    context: typer.Context,
    directory: Directory,
    *,
    from_: Between = None,
    to: Until = None,
    task: Task = None,
    policy: flags.PolicyFile = None,
    held_out: Annotated[
        str | None,
        typer.Option(
            "--held-out",
            help="Fit to the sessions created before the last 2d (say), and compare those since.",
        ),
    ] = None,
    decision: Annotated[
        Path | None,
        typer.Option(
            "--decision",
            help="JSON file of a decision: was what it promised kept? Its policy and platform are "
            "used.",
            parser=local_path,
        ),
    ] = None,
    concurrency_limit: ConcurrencyLimit = None,
    plan: Plan = None,
    tolerance: Annotated[
        float, typer.Option("--tolerance", help="By how much, relatively, a model may be off.")
    ] = 0.1,
    seed: Annotated[int, typer.Option("--seed", help="Of random times and resamples.")] = 0,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="The differences as a picture: .png, .svg, .pdf.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Replay what was recorded, and tell how far that is from what happened.

    Without --policy, --decision or --held-out the model is fitted to the same recording. The exit
    code is 3 where the model is not fit for decisions, or a promise was not kept.

    Example: session-lab calibrate week --held-out 2d

    Example: session-lab calibrate next-week --decision week/decision.json
    """
    if sum(one is not None for one in (policy, held_out, decision)) > 1:
        raise sl.DataError("give one of --policy, --decision and --held-out")
    check_suffix(plot)
    recording = part_of(directory, from_, to, task)
    promised = None
    if decision is not None:
        promised = _promised(decision)
        context.params["policy"] = str(decision)
    if held_out is not None:
        before, recording = _halves(recording, held_out)
        fitted = sl.fit(before, seed=seed)
        model: tuple[Any, sl.Platform | None] = fitted.policy, fitted.platform
    else:
        model = flags.policy_of(context, ()), flags.platform_of(context)
    found = sl.calibrate(
        recording,
        *model,
        limits=limits_of(concurrency_limit, plan),
        promised=promised,
        tolerance=tolerance,
        seed=seed,
    )
    if plot is not None:
        draw(found, plot)
    if as_json:
        told = found.summary() | {"measures": plain(found.measures), "days": plain(found.days)}
        if found.promises is not None:
            told["promises"] = plain(found.promises)
        typer.echo(json.dumps(told | {"notes": list(found.notes)}, indent=2))
    else:
        show(found.overview(), found.notes)
    if found.is_kept is False or (found.is_kept is None and found.is_fit is False):
        raise typer.Exit(3)


def _halves(recording: sl.Recording, held_out: str) -> tuple[sl.Recording, sl.Recording]:
    """Cut a recording where the last so many days begin."""
    from session_lab.frames import instants
    from session_lab.timing import instant_text, to_instant, to_milliseconds

    end = to_instant(recording.observed_at)
    cut = end - to_milliseconds(held_out, name="--held-out")
    first = instants(recording.sessions, "created_at", source="sessions").min(initial=end)
    if cut <= first:
        message = f"no session was created before the last {held_out}; hold out less"
        raise sl.DataError(message, column="--held-out")
    at, last = instant_text(cut), instant_text(end + 1)
    return recording.between(instant_text(int(first)), at), recording.between(at, last)


def _promised(path: Path) -> Mapping[str, Mapping[str, float]]:
    """Read what a decision promised."""
    document = read_json(path)
    promised = document.get("promised") if isinstance(document, dict) else None
    if not isinstance(promised, dict) or not promised:
        message = (
            'it holds no promises; {"promised": {"wait_p95": {"value": 1.2, "lower": 1, ...}}}'
        )
        raise sl.DataError(message, source=str(path), column="promised")
    return promised
