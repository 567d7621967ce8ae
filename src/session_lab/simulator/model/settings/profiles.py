"""Profiles: which published state of the API a world follows, as one table of switches."""

from __future__ import annotations

from typing import NamedTuple

from session_lab.errors import DataError

__all__ = ["PROFILES", "Profile", "profile_named"]


class Profile(NamedTuple):
    """What differs between published states of the API.

    Attributes
    ----------
    name : str
        The month of the server snapshot.
    append_to_closed : int
        Status that answers an append to a closed session.
    refused_start_rewrites : bool
        Whether a start that is answered 409 has already rewritten ``triggerConfig``.
    side_channels : bool
        Whether sessions have named side channels, scopes reach single channels, streams can start
        at the newest record, and transcripts can be read.
    """

    name: str
    append_to_closed: int
    refused_start_rewrites: bool
    side_channels: bool


PROFILES = {
    profile.name: profile
    for profile in (
        Profile("2026-08", append_to_closed=400, refused_start_rewrites=True, side_channels=False),
        Profile("2026-10", append_to_closed=409, refused_start_rewrites=False, side_channels=True),
    )
}


def profile_named(name: str) -> Profile:
    """Find a profile.

    Raises
    ------
    DataError
        There is no such profile.
    """
    if not isinstance(name, str) or name not in PROFILES:
        message = f"{name!r} is not a known profile; the known ones are {', '.join(PROFILES)}"
        raise DataError(message, column="profile")
    return PROFILES[name]
