"""Paths and queries as the API's web framework takes them apart."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, unquote_to_bytes

__all__ = ["path_segments", "query_values", "redirect_target"]

_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_DOT = re.compile(r"%2e", re.IGNORECASE)


def redirect_target(path: str, query: str) -> str | None:
    """Name where a path with a trailing slash is sent, or None where it stays.

    One slash is cut off and the others are joined (``apps/webapp/server.ts``).

    Examples
    --------
    >>> redirect_target("/api/v1/sessions/", "page[size]=1")
    '/api/v1/sessions?page[size]=1'
    >>> redirect_target("/api/v1/sessions", "") is None
    True
    """
    if not path.endswith("/") or path == "/":
        return None
    target = _BROKEN_ESCAPE.sub("%25", re.sub("/+", "/", path[:-1]))
    return f"{target}?{query}" if query else target


def path_segments(path: str) -> tuple[str, ...]:
    """Split a path and decode its segments.

    The path is split first, so an escaped slash stays inside its segment. Segments ``.`` and ``..``
    are resolved, escaped or not. The text ``%2F`` that decoding brings to light becomes a slash
    too, so an id that holds it cannot be addressed.

    Raises
    ------
    ValueError
        An escape is broken or its bytes are not UTF-8.

    Examples
    --------
    >>> path_segments("/api/v1/sessions/a%2Fb"), path_segments("/a/%252F/./b")
    (('api', 'v1', 'sessions', 'a/b'), ('a', '/', 'b'))
    """
    if _BROKEN_ESCAPE.search(path):
        raise ValueError(f"{path!r} holds a percent sign that starts no escape")
    resolved: list[str] = []
    for segment in path.split("/")[1:]:
        plain = _DOT.sub(".", segment)
        if plain == "..":
            del resolved[-1:]
        elif plain != ".":
            resolved.append(unquote_to_bytes(segment).decode().replace("%2F", "/"))
    return tuple(resolved)


def query_values(query: str) -> dict[str, str]:
    """Read a query into one value per name: the last repeat wins, ``+`` is a blank.

    Examples
    --------
    >>> query_values("filter%5Btype%5D=a&filter[type]=b+c&page[after]")
    {'filter[type]': 'b c', 'page[after]': ''}
    """
    return dict(parse_qsl(query, keep_blank_values=True, errors="replace"))
