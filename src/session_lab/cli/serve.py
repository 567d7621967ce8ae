"""``session-lab serve``: the simulated API on a port of this machine."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import session_lab as sl
from session_lab.cli.shared import policy as flags
from session_lab.cli.shared.json_file import read_json
from session_lab.cli.shared.options import local_path
from session_lab.timing import SystemClock, to_instant

if TYPE_CHECKING:
    from session_lab.simulator.api.auth import Environment

__all__ = ["serve"]

_NOW = "2026-01-01T00:00:00Z"


class _Clock(StrEnum):
    VIRTUAL = "virtual"
    REAL = "real"


def serve(
    context: typer.Context,
    *,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="0 picks a free one.")] = 8787,
    seed: Annotated[int, typer.Option("--seed", help="Of identifiers, faults, crashes.")] = 0,
    allow_remote: Annotated[
        bool,
        typer.Option("--allow-remote", help="Listen where other machines reach the server."),
    ] = False,
    now: Annotated[
        str | None,
        typer.Option(
            "--now",
            help=f"First instant of the world. [default: {_NOW}; of a real clock: the present]",
        ),
    ] = None,
    clock: Annotated[
        _Clock,
        typer.Option(
            "--clock", help="Whether time stands still until it is advanced, or goes on by itself."
        ),
    ] = _Clock.VIRTUAL,
    speed: Annotated[
        float | None,
        typer.Option("--speed", help="Seconds of a real clock in each second. [default: 1]"),
    ] = None,
    profile: Annotated[
        str, typer.Option("--profile", help="Published state of the API to follow.")
    ] = "2026-10",
    secret_key: Annotated[
        str, typer.Option("--secret-key", help="Key of the environment.")
    ] = "tr_dev_local",  # noqa: S107 (it opens nothing but this server)
    environment_id: Annotated[
        str, typer.Option("--environment-id", help="Id of the environment.")
    ] = "env_lab",
    environments: Annotated[
        list[str] | None,
        typer.Option("--environment", help="ID=KEY: a further environment; may be repeated."),
    ] = None,
    rate_limit: Annotated[
        bool, typer.Option("--rate-limit", help="Take no more requests than the API's limits.")
    ] = False,
    state: Annotated[
        Path | None,
        typer.Option(
            "--state",
            help="SQLite file that keeps the world; made if it is not there.",
            parser=local_path,
        ),
    ] = None,
    agent: Annotated[
        str | None,
        typer.Option("--agent", help="What serves turns: 'echo', or a JSON file with a script."),
    ] = None,
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
) -> None:
    """Serve a simulated Sessions API until Ctrl+C; its address is printed when it is ready.

    Runs follow a policy if one of its flags or an agent is given; else they live until the control
    API below /_lab ends them. On the virtual clock nothing expires and no run ends until
    POST /_lab/clock/advance moves it; quiet streams end and rate limits refill in the machine's
    time too, as on the real clock.

    Example: session-lab serve --port 0 --state lab.sqlite --idle-timeout 60s
    """
    from session_lab.simulator.api.auth import Environment
    from session_lab.simulator.backend import Backend
    from session_lab.simulator.server.serving import serve as serve_backend

    chosen = flags.policy_of(context)
    if isinstance(chosen, dict):
        raise sl.DataError("serve follows one policy, not one for each task", column="--policy")
    follows_system_clock = clock is _Clock.REAL
    if speed is not None and not follows_system_clock:
        raise sl.DataError("a virtual clock has no speed; add --clock real", column="--speed")
    first = None if now is None else to_instant(now, name="--now")
    backend = Backend(
        [
            Environment(environment_id, secret_key),
            *(_environment(pair) for pair in environments or ()),
        ],
        seed=seed,
        now=_first_instant(first, follows_system_clock=follows_system_clock),
        profile=profile,
        policy=chosen,
        platform=flags.platform_of(context),
        rate_limit=rate_limit,
        follows_system_clock=follows_system_clock,
        agent=None if agent is None else _agent(agent),
    )
    serve_backend(
        backend,
        host=host,
        port=port,
        state=state,
        announce=_announce,
        allow_remote=allow_remote,
        first=first if follows_system_clock else None,
        speed=1.0 if speed is None else speed,
    )


def _first_instant(first: int | None, *, follows_system_clock: bool) -> int | str:
    if first is not None:
        return first
    return SystemClock().milliseconds() if follows_system_clock else _NOW


def _announce(url: str) -> None:
    typer.echo(f"session-lab serves {url}")


def _agent(choice: str) -> object:
    """Read what serves turns."""
    if choice == "echo":
        return choice
    if not Path(choice).exists():
        raise sl.DataError(f"{choice!r} is neither 'echo' nor a file", column="--agent")
    script = read_json(choice)
    try:
        return sl.ScriptedAgent.of(script)
    except sl.DataError as error:
        raise sl.DataError(str(error), column=f"--agent {choice}") from None


def _environment(pair: str) -> Environment:
    from session_lab.simulator.api.auth import Environment

    name, _, key = pair.partition("=")
    if not (name and key):
        message = "write ID=KEY, as in env_other=tr_dev_other"  # The value may hold a key.
        raise sl.DataError(message, column="--environment")
    return Environment(name, key)
