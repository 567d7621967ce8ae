"""Settings: an explicit argument, then the environment, then the default."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field, fields
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from session_lab.client.redaction import redact_url
from session_lab.errors import DataError
from session_lab.timing import to_milliseconds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from session_lab.timing import Duration

__all__ = [
    "DEFAULT_BASE_URL",
    "MAX_CONNECTIONS",
    "MAX_REPLY_BYTES",
    "KeySource",
    "Settings",
    "check_header",
    "check_key",
    "resolve",
]

KeySource = str | Callable[[], str | Awaitable[str]]
"""A key, or what gives one: asked before each request, so that keys may expire."""

DEFAULT_BASE_URL = "https://api.trigger.dev"
MAX_CONNECTIONS = 100
MAX_REPLY_BYTES = 64 * 2**20

_KEY_VARIABLES = ("TRIGGER_SECRET_KEY", "TRIGGER_ACCESS_TOKEN")
_URL_VARIABLES = ("TRIGGER_API_URL",)
_KEY = re.compile(r"tr_(dev|stg|preview|prod)_")
_NO_BRANCH = "default"
"""What the SDK's tools write where no branch is meant."""
_BRANCH_VARIABLES = ("TRIGGER_PREVIEW_BRANCH", "VERCEL_GIT_COMMIT_REF", "TRIGGER_DEV_BRANCH")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What every request of a client shares.

    Attributes
    ----------
    api_key : str or callable
        The secret key or token, or what gives it; never shown.
    base_url : str
        Without a trailing slash.
    preview_branch : str or None
        The branch of a preview or development environment.
    timeout, deadline : int
        Milliseconds for one attempt, and for a call with all its attempts and waits.
    max_retries : int
        Attempts after the first.
    max_connections, max_reply_bytes : int
        Connections at once, and the size of a reply's body.
    """

    api_key: KeySource = field(repr=False)
    base_url: str
    preview_branch: str | None
    timeout: int
    deadline: int
    max_retries: int
    max_connections: int = MAX_CONNECTIONS
    max_reply_bytes: int = MAX_REPLY_BYTES

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of a client with these settings, whatever its environment says."""
        return {
            **{field.name: getattr(self, field.name) for field in fields(self)},
            "preview_branch": self.preview_branch or _NO_BRANCH,
            "timeout": timedelta(milliseconds=self.timeout),
            "deadline": timedelta(milliseconds=self.deadline),
        }

    @property
    def environment(self) -> str | None:
        """Which environment the key says it opens: dev, stg, preview or prod; None: it is silent.

        What gives keys is asked for one, unless it has to be awaited.
        """
        key = self.api_key if isinstance(self.api_key, str) else self.api_key()
        if not isinstance(key, str):
            if isinstance(key, Coroutine):
                key.close()
            return None
        named = _KEY.match(key)
        return None if named is None else named[1]


def resolve(
    *,
    api_key: KeySource | None,
    base_url: str | None,
    preview_branch: str | None,
    timeout: Duration,
    deadline: Duration,
    max_retries: int,
    environ: Mapping[str, str],
    max_connections: int = MAX_CONNECTIONS,
    max_reply_bytes: int = MAX_REPLY_BYTES,
) -> Settings:
    """Settle every setting, taking what was not given from the environment.

    The variables are those of the official SDK
    (``packages/core/src/v3/apiClientManager/index.ts``).

    Raises
    ------
    DataError
        No key was found, or a setting cannot be used.
    """
    key = api_key or _first(environ, _KEY_VARIABLES)
    return Settings(
        api_key=key if callable(key) else check_key(key),
        base_url=_base_url(base_url or _first(environ, _URL_VARIABLES) or DEFAULT_BASE_URL),
        preview_branch=_branch(preview_branch, environ),
        timeout=_positive(timeout, "timeout"),
        deadline=_positive(deadline, "deadline"),
        max_retries=_whole(max_retries, "max_retries", least=0),
        max_connections=_whole(max_connections, "max_connections", least=1),
        max_reply_bytes=_whole(max_reply_bytes, "max_reply_bytes", least=1),
    )


def check_header(value: str, *, name: str) -> str:
    """Return a header value that can be sent, or raise a DataError that does not show it."""
    if not value or value != value.strip() or not (value.isascii() and value.isprintable()):
        message = "a header value is printable ASCII without blanks around it"
        raise DataError(message, column=name)
    return value


def _first(environ: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((environ[name] for name in names if environ.get(name)), None)


def check_key(key: object) -> str:
    """Return a key that can be sent, or raise a DataError that does not show it."""
    if key is not None and not isinstance(key, str):
        raise DataError(f"a key is text, not {type(key).__name__}", column="api_key")
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
    message = f"{redact_url(url)!r} is not an address; write it as {DEFAULT_BASE_URL}"
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
    branch = explicit or _first(environ, _BRANCH_VARIABLES)
    if branch is None or branch == _NO_BRANCH:
        return None
    return check_header(branch, name="preview_branch")


def _positive(duration: Duration, name: str) -> int:
    milliseconds = to_milliseconds(duration, name=name)
    if not milliseconds:
        raise DataError("must be longer than zero", column=name)
    return milliseconds


def _whole(number: object, name: str, *, least: int) -> int:
    if not isinstance(number, int) or isinstance(number, bool) or number < least:
        raise DataError(f"{number!r} is not a whole number from {least}", column=name)
    return number
