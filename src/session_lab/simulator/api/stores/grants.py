"""Grants: signed texts with which the API sends agents to the stores beside it.

A grant says what may be done with one stream or object, and until when in the world's time. It is
made of nothing but its claims and the environment's secret key, so none is kept anywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from session_lab.simulator.api.auth.tokens import sign, unverified_claims, verified_claims

if TYPE_CHECKING:
    from collections.abc import Sequence

    from session_lab.simulator.api.auth import Environment

__all__ = ["grant", "is_granted"]


def grant(
    environment: Environment, store: str, what: dict[str, Any], *, now: int, seconds: int
) -> str:
    """Write a grant.

    Parameters
    ----------
    environment : Environment
        Whose stream or object it is.
    store : str
        The store that is to take the grant.
    what : dict
        What is granted.
    now : int
        The present, in milliseconds since 1970.
    seconds : int
        How long the grant lives.
    """
    claims = {"sub": environment.id, "aud": store, "exp": now // 1000 + seconds, **what}
    return sign(claims, environment.secret_key)


def is_granted(
    text: str, environments: Sequence[Environment], store: str, what: dict[str, Any], *, now: int
) -> bool:
    """Return whether a text is a grant of this, by one of some environments, that still holds."""
    unverified = unverified_claims(text)
    if unverified is None:
        return False
    environment = next((each for each in environments if each.id == unverified.get("sub")), None)
    if environment is None:
        return False
    claims = verified_claims(text, environment.secret_key, now, audience=store, issuer=None)
    return claims is not None and claims.items() >= what.items()
