"""What the arguments of a world and of its requests must be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from session_lab.errors import DataError
from session_lab.simulator.model.settings.platform import Platform
from session_lab.simulator.model.settings.policy import RunPolicy
from session_lab.timing import to_instant, to_milliseconds
from session_lab.wire.limits import RESERVED_ID_PREFIX

if TYPE_CHECKING:
    from session_lab.timing import Duration, Instant

__all__ = ["expiry", "not_an_external_id", "run_model", "turn_length"]


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


def not_an_external_id(external_id: str) -> DataError:
    """Return the error for what is empty or reads like the API's own ids."""
    message = (
        f"{external_id!r} cannot be an external id; use a text that is not empty and does not "
        f"begin with {RESERVED_ID_PREFIX!r}, which marks the API's own ids"
    )
    return DataError(message, column="external_id")


def expiry(instant: Instant) -> int:
    """Return an expiry in milliseconds since 1970."""
    return to_instant(instant, name="expires_at")


def turn_length(duration: Duration) -> int:
    """Return the length of a turn in milliseconds."""
    return to_milliseconds(duration, name="turn_duration")
