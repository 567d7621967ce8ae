"""Keys and tokens taken out of what may be shown or kept: texts, headers and decoded bodies."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit, urlunsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["redact", "redact_headers", "redact_json", "redact_url"]

_MARK = "[redacted]"
_SECRETS = re.compile(r"tr_[a-z]+_\w+|eyJ[\w-]+\.[\w-]+\.[\w-]*", re.ASCII)


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """Remove the given secrets, and what looks like a key or a token.

    Parameters
    ----------
    text : str
        Anything that a server sent or an error says.
    secrets : iterable of str
        Keys that are known, as they are and percent-encoded.

    Examples
    --------
    >>> redact("Bearer tr_dev_abc123 is not valid")
    'Bearer [redacted] is not valid'
    """
    for secret in secrets:
        for form in (secret, quote(secret, safe="")):
            text = text.replace(form, _MARK)
    return _SECRETS.sub(_MARK, text)


def redact_json(value: object, secrets: Iterable[str] = ()) -> object:
    """Remove secrets from all texts of decoded JSON, keys of objects included."""
    if isinstance(value, str):
        return redact(value, secrets)
    if isinstance(value, list):
        return [redact_json(item, secrets) for item in value]
    if isinstance(value, dict):
        return {redact(str(key), secrets): redact_json(v, secrets) for key, v in value.items()}
    return value


def redact_headers(headers: Mapping[str, str], secrets: Iterable[str] = ()) -> dict[str, str]:
    """Remove secrets from the values of headers."""
    return {name: redact(value, secrets) for name, value in headers.items()}


def redact_url(url: str, secrets: Iterable[str] = ()) -> str:
    """Keep scheme, host and path of an address: what else it holds may be a secret.

    Examples
    --------
    >>> redact_url("https://user:pass@example.com:8080/a?key=1#b")
    'https://example.com:8080/a'
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return "an address that cannot be read"
    host = parts.netloc.rpartition("@")[2]
    place = urlunsplit((parts.scheme, host, parts.path, "", ""))
    return redact(place, secrets)
