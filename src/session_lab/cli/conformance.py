"""``session-lab conformance``: whether an API behaves as the Sessions API does."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from session_lab.cli.shared.tables import show
from session_lab.errors import DataError

if TYPE_CHECKING:
    from session_lab.client import Client

__all__ = ["conformance"]

_LOOPBACK = {"127.0.0.1", "::1", "localhost"}
_PRODUCTION = "tr_prod_"


def conformance(
    url: Annotated[str, typer.Argument(help="Address of the API, as http://127.0.0.1:8787.")],
    *,
    secret_key: Annotated[
        str,
        typer.Option(
            "--secret-key", envvar="TRIGGER_SECRET_KEY", help="Key of the environment to try."
        ),
    ] = "tr_dev_local",  # noqa: S107 (it opens nothing but a server of this machine)
    live: Annotated[
        bool,
        typer.Option(
            "--live", help="The API is on another machine: sessions are started and closed there."
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Try whether an API behaves as the Sessions API does, one behaviour at a time.

    Some eighty requests start sessions of the type session-lab-conformance and close them again.
    Exit code 3 says that a behaviour differs. Keys of production are refused.

    Example: session-lab conformance http://127.0.0.1:8787

    Example: session-lab conformance https://api.trigger.dev --live --json
    """
    import pandas as pd

    from session_lab.client import Client
    from session_lab.conformance import conform

    _check(url, secret_key, live=live)

    def connect(key: str) -> Client:
        return Client(key, url, max_retries=0)

    # The ids must be new to the environment, whatever was tried there before.
    prefix = f"conformance-{uuid.uuid4().hex[:12]}"
    report = conform(connect, secret_key, url=url, prefix=prefix)
    if as_json:
        typer.echo(json.dumps(report.to_dict(), indent=2))
    else:
        show(
            f"{report.url}: {len(report.verdicts)} behaviours",
            pd.DataFrame(report.verdicts)[["behaviour", "verdict", "source", "detail"]],
            report.counts,
        )
    if report.differences:
        raise typer.Exit(3)


def _check(url: str, secret_key: str, *, live: bool) -> None:
    """Refuse to disturb what people use."""
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        message = f"{url!r} is not an address; write one such as http://127.0.0.1:8787"
        raise DataError(message, column="URL")
    if secret_key.strip().lower().startswith(_PRODUCTION):
        message = (
            "the key is one of production, where sessions are people's; use one of development"
        )
        raise DataError(message, column="--secret-key")
    if parts.hostname not in _LOOPBACK and not live:
        message = (
            f"{parts.hostname} is another machine; add --live if sessions may be started and closed "
            "in its environment"
        )
        raise DataError(message, column="URL")
