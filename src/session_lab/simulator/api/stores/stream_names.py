"""How the stream store calls the streams of sessions, and the token that opens one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote

from session_lab.simulator.api.stores.grants import grant, is_granted
from session_lab.simulator.model.records import StreamKey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from session_lab.simulator.api.auth import Environment

__all__ = ["BASIN", "is_opened_by", "store_token", "stream_key", "stream_name"]

BASIN: Final = "session-lab"
"""The store's name for the collection of all streams."""

_STORE = "stream-store"
_TOKEN_SECONDS = 24 * 3600
_MIDDLE = "sessions"
_CHANNELS = "channels"


def stream_name(key: StreamKey) -> str:
    """Name a stream.

    Examples
    --------
    >>> stream_name(StreamKey("env_lab", "chat/1", "out"))
    'env_lab/sessions/chat%2F1/out'
    """
    session = quote(key.session, safe="")
    side = f"{_CHANNELS}/{key.channel}/" if key.channel else ""
    return f"{quote(key.environment, safe='')}/{_MIDDLE}/{session}/{side}{key.io}"


def stream_key(name: str) -> StreamKey | None:
    """Return the stream of a name; None where there is none of that name.

    Examples
    --------
    >>> stream_key("env_lab/sessions/chat%2F1/channels/frames/in")
    StreamKey(environment='env_lab', session='chat/1', io='in', channel='frames')
    """
    match name.split("/"):
        case [environment, middle, session, ("in" | "out") as io] if middle == _MIDDLE:
            return StreamKey(unquote(environment), unquote(session), io)
        case [environment, middle, session, side, channel, ("in" | "out") as io] if (
            middle,
            side,
        ) == (_MIDDLE, _CHANNELS):
            return StreamKey(unquote(environment), unquote(session), io, channel)
        case _:
            return None


def store_token(environment: Environment, *, stream: str, now: int) -> str:
    """Mint the token with which an agent writes to one stream for a day."""
    return grant(environment, _STORE, {"stream": stream}, now=now, seconds=_TOKEN_SECONDS)


def is_opened_by(token: str, stream: str, environments: Sequence[Environment], now: int) -> bool:
    """Return whether a token opens a stream now."""
    return is_granted(token, environments, _STORE, {"stream": stream}, now=now)
