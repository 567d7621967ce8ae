"""Whose rate limit a request counts against.

The rules are those of ``authorizationRateLimitMiddleware.server.ts`` of the open-source server; the
limits themselves are in :mod:`session_lab.simulator.faults.rate_limit`.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import TYPE_CHECKING

from session_lab.simulator.api.auth import Refusal, authenticate
from session_lab.simulator.api.auth.tokens import unverified_claims
from session_lab.simulator.faults.rate_limit import Identifier
from session_lab.wire.text import trim

if TYPE_CHECKING:
    from collections.abc import Sequence

    from session_lab.simulator.api.auth import Environment
    from session_lab.simulator.api.http_types import Request

__all__ = ["identifier_of"]

_EXEMPT = re.compile(r"/api/v1/sessions/[^/]+/snapshot-url")


def identifier_of(
    request: Request, environments: Sequence[Environment], now: int
) -> Identifier | None:
    """Return whose limit a request counts against.

    Parameters
    ----------
    request : Request
        The request.
    environments : sequence of Environment
        All environments there are.
    now : int
        The present, in milliseconds since 1970, when tokens must be valid.

    Returns
    -------
    Identifier or None
        None when the request is not limited, or has no ``Authorization`` and is refused for that.
    """
    authorization = request.headers.get("authorization")
    if not authorization or not _is_limited(request):
        return None
    secret = trim(authorization.removeprefix("Bearer "))
    for environment in environments:
        is_root = environment.branch is None
        if is_root and hmac.compare_digest(secret.encode(), environment.secret_key.encode()):
            return Identifier(environment.id, is_public=False)
    credential = authenticate(authorization, environments, now, machine_at=request.machine_at)
    digest = hashlib.sha256(authorization.encode()).hexdigest()
    if isinstance(credential, Refusal):
        return Identifier(digest, is_public=False)
    user = _acting_user(secret)
    shared = None if user is None else f"{credential.environment.id}/{user}"
    return Identifier(shared or digest, is_public=True)


def _is_limited(request: Request) -> bool:
    is_covered = request.path.startswith("/api") and _EXEMPT.fullmatch(request.path) is None
    return is_covered and request.method != "OPTIONS"


def _acting_user(token: str) -> str | None:
    actor = (unverified_claims(token) or {}).get("act")
    user = actor.get("sub") if isinstance(actor, dict) else None
    return user if isinstance(user, str) and user else None
