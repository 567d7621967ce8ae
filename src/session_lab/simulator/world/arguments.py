"""What the arguments of a world and of its requests must be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from session_lab.errors import DataError
from session_lab.simulator.model.platform import Platform
from session_lab.simulator.model.policy import RunPolicy
from session_lab.timing import to_instant, to_milliseconds
from session_lab.wire.limits import RESERVED_ID_PREFIX

if TYPE_CHECKING:
    from session_lab.timing import Duration, Instant

__all__ = ["check_external_id", "expiry", "run_model", "turn_length"]


def run_model(policy: object, platform: object) -> tuple[RunPolicy | None, Platform | None]:
    """Return a policy and a platform of which neither or both are given.

    Raises
    ------
    DataError
        They are something else.
    """
    if policy is not None and not isinstance(policy, RunPolicy):
        raise DataError(f"{policy!r} is not a RunPolicy", column="policy")
    if platform is not None and not isinstance(platform, Platform):
        raise DataError(f"{platform!r} is not a Platform", column="platform")
    if policy is None and platform is None:
        return None, None
    return policy or RunPolicy(), platform or Platform()


def check_external_id(external_id: str) -> None:
    """Check that a session can go by an external id.

    Raises
    ------
    DataError
        It is empty or reads like the API's own ids.
    """
    if not external_id or external_id.startswith(RESERVED_ID_PREFIX):
        message = (
            f"{external_id!r} cannot be an external id; use a text that is not empty and does not "
            f"begin with {RESERVED_ID_PREFIX!r}, which marks the API's own ids"
        )
        raise DataError(message, column="external_id")


def expiry(instant: Instant | int | None) -> int | None:
    """Return an expiry in milliseconds since 1970; a number is one already."""
    if instant is None or isinstance(instant, int):
        return instant
    return to_instant(instant, name="expires_at")


def turn_length(duration: Duration | None) -> int | None:
    """Return the length of a turn in milliseconds, if it is given."""
    return None if duration is None else to_milliseconds(duration, name="turn_duration")
