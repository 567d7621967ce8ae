"""Settings: an explicit argument, then the environment, then the default."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from session_lab.errors import DataError
from session_lab.timing import to_milliseconds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from session_lab.timing import Duration

__all__ = ["DEFAULT_BASE_URL", "Settings", "check_header", "resolve"]

DEFAULT_BASE_URL = "https://api.trigger.dev"

_KEY_VARIABLES = ("TRIGGER_SECRET_KEY", "TRIGGER_ACCESS_TOKEN")
_URL_VARIABLES = ("TRIGGER_API_URL",)
_KEY = re.compile(r"tr_(dev|stg|preview|prod)_")
_BRANCH_VARIABLES = ("TRIGGER_PREVIEW_BRANCH", "VERCEL_GIT_COMMIT_REF", "TRIGGER_DEV_BRANCH")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What every request of a client shares.

    Attributes
    ----------
    api_key : str
        The secret key or token; never shown.
    base_url : str
        Without a trailing slash.
    preview_branch : str or None
        The branch of a preview or development environment.
    timeout, deadline : int
        Milliseconds for one attempt, and for a call with all its attempts and waits.
    max_retries : int
        Attempts after the first.
    """

    api_key: str = field(repr=False)
    base_url: str
    preview_branch: str | None
    timeout: int
    deadline: int
    max_retries: int

    @property
    def environment(self) -> str | None:
        """What environment the key says it opens: dev, stg, preview or prod; None: it is silent."""
        named = _KEY.match(self.api_key)
        return None if named is None else named[1]


def resolve(
    *,
    api_key: str | None,
    base_url: str | None,
    preview_branch: str | None,
    timeout: Duration,
    deadline: Duration,
    max_retries: int,
    environ: Mapping[str, str],
) -> Settings:
    """Settle every setting, taking what was not given from the environment.

    The variables are those of the official SDK
    (``packages/core/src/v3/apiClientManager/index.ts``).

    Raises
    ------
    DataError
        No key was found, or a setting cannot be used.
    """
    if max_retries < 0:
        raise DataError(f"{max_retries} is negative", column="max_retries")
    return Settings(
        api_key=_api_key(api_key or _first(environ, _KEY_VARIABLES)),
        base_url=_base_url(base_url or _first(environ, _URL_VARIABLES) or DEFAULT_BASE_URL),
        preview_branch=_branch(preview_branch, environ),
        timeout=_positive(timeout, "timeout"),
        deadline=_positive(deadline, "deadline"),
        max_retries=max_retries,
    )


def check_header(value: str, *, name: str) -> str:
    """Return a header value that can be sent, or raise a DataError that does not show it."""
    if not value or value != value.strip() or not (value.isascii() and value.isprintable()):
        message = "a header value is printable ASCII without blanks around it"
        raise DataError(message, column=name)
    return value


def _first(environ: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((environ[name] for name in names if environ.get(name)), None)


def _api_key(key: str | None) -> str:
    if key is None or not key.strip():
        message = "no API key: pass api_key, or set the environment variable TRIGGER_SECRET_KEY"
        raise DataError(message, column="api_key")
    key = key.strip()
    if " " in key:
        message = 'an API key has no blanks; give the key alone, without "Bearer"'
        raise DataError(message, column="api_key")
    return check_header(key, name="api_key")


def _base_url(url: str) -> str:
    url = url.strip().rstrip("/")
    message = f"{url!r} is not an address; write it as {DEFAULT_BASE_URL}"
    try:
        parts = urlsplit(url)
        has_port = parts.port != 0
    except ValueError:
        raise DataError(message, column="base_url") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or not has_port:
        raise DataError(message, column="base_url")
    if parts.query or parts.fragment or parts.username is not None:
        message = "an address has no credentials, query or fragment; the key goes into api_key"
        raise DataError(message, column="base_url")
    return url


def _branch(explicit: str | None, environ: Mapping[str, str]) -> str | None:
    found = _first(environ, _BRANCH_VARIABLES)
    # The SDK's tools write "default" where no branch is meant.
    branch = explicit or (None if found == "default" else found)
    return None if branch is None else check_header(branch, name="preview_branch")


def _positive(duration: Duration, name: str) -> int:
    milliseconds = to_milliseconds(duration, name=name)
    if not milliseconds:
        raise DataError("must be longer than zero", column=name)
    return milliseconds
