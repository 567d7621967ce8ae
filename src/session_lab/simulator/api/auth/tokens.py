"""Public access tokens: JSON Web Tokens signed with an environment's secret key.

Tokens are made and checked as ``packages/core/src/v3/jwt.ts`` of the open-source server does, but
against a present that is handed in instead of the machine's clock.
"""

from __future__ import annotations

import functools
import hmac
import json
from typing import TYPE_CHECKING, Any

import jwt
from jwt.algorithms import HMACAlgorithm
from jwt.utils import base64url_decode
from pydantic_core import to_json

from session_lab.simulator.api.javascript.json_text import parse_json, render_texts

if TYPE_CHECKING:
    from jwt.types import Options

__all__ = ["present_of", "session_token", "sign", "unverified_claims", "verified_claims"]

Claims = dict[str, Any]

_ALGORITHM = "HS256"
_ISSUER = "https://id.trigger.dev"
_AUDIENCE = "https://api.trigger.dev"
_SESSION_TOKEN_SECONDS = 3600
_DOTS = 2
_CLOCKS_APART = 60_000
"""By how many milliseconds the clocks of two programs may differ on one machine."""


class _PlatformKeys(HMACAlgorithm):
    """HMAC with the platform's keys, which are shorter than RFC 7518 asks for.

    PyJWT warns of such keys each time. Here nobody can choose longer ones, and no secret worth
    keeping is behind them. What a key looks like is checked once, not for every token.
    """

    def __init__(self) -> None:
        super().__init__(HMACAlgorithm.SHA256)
        self._prepared = functools.lru_cache(maxsize=256)(super().prepare_key)
        self._keyed = functools.lru_cache(maxsize=256)(
            functools.partial(hmac.new, digestmod="sha256")
        )

    def prepare_key(self, key: str | bytes) -> bytes:
        return self._prepared(key)

    def sign(self, msg: bytes, key: bytes) -> bytes:
        keyed = self._keyed(key).copy()
        keyed.update(msg)
        return keyed.digest()

    def check_key_length(self, key: bytes) -> str | None:  # noqa: ARG002  any length will do
        return None


class _Signatures(jwt.PyJWS):
    """Signatures under headers that name the algorithm and no type."""

    header_typ = ""

    def __init__(self) -> None:
        super().__init__(algorithms=[])
        self.register_algorithm(_ALGORITHM, _PlatformKeys())


class _HeaderEncoder(json.JSONEncoder):
    """Writes a token's header; PyJWT sets an encoder up for each, and this one is quick to make."""

    def __init__(self, **_: object) -> None:
        pass

    def encode(self, o: object) -> str:
        return to_json(o).decode()


_SIGNATURES = _Signatures()


def session_token(*, environment_id: str, secret_key: str, session_key: str, now: int) -> str:
    """Mint the token that a create answers with.

    It reads and writes one session and lives an hour.

    Parameters
    ----------
    environment_id : str
        The environment of the session.
    secret_key : str
        Its secret key.
    session_key : str
        The session's external id where it has one, else its id.
    now : int
        The present, in milliseconds since 1970.
    """
    seconds = now // 1000
    claims = {
        "sub": environment_id,
        "pub": True,
        "scopes": [f"read:sessions:{session_key}", f"write:sessions:{session_key}"],
        "iss": _ISSUER,
        "aud": _AUDIENCE,
        "exp": seconds + _SESSION_TOKEN_SECONDS,
        "iat": seconds,
    }
    return sign(claims, secret_key)


def sign(claims: Claims, secret_key: str) -> str:
    """Write claims as a signed token.

    Examples
    --------
    >>> sign({"sub": "env_lab"}, "tr_dev_example")
    'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJlbnZfbGFiIn0.NLM0TJQ3FpgM2PPZ72UeelaU0IpmhfK0SYHsI0ehP2U'
    """
    return _SIGNATURES.encode(
        render_texts(claims), secret_key, _ALGORITHM, json_encoder=_HeaderEncoder
    )


def unverified_claims(token: str) -> Claims | None:
    """Read the claims of a token, genuine or not; None where the text is not a token.

    Only the claims have to be readable: the API tells tokens from keys by them, before it looks at
    the rest.

    Examples
    --------
    >>> unverified_claims(sign({"pub": True}, "tr_dev_example"))
    {'pub': True}
    >>> unverified_claims("tr_dev_example") is None
    True
    """
    if token.count(".") != _DOTS:
        return None
    try:
        content = parse_json(base64url_decode(token.split(".")[1]).decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def present_of(claims: Claims, now: int, machine_at: int | None) -> int:
    """Return the present by the clock that a token was made by.

    The world makes tokens by its own clock, and clients make them by the machine's. A token is the
    client's where it says that it was made nearer to the machine's present than to the world's.

    Parameters
    ----------
    claims : dict
        What the token claims.
    now : int
        The world's present, in milliseconds since 1970.
    machine_at : int or None
        The machine's; None where there is no machine.

    Examples
    --------
    >>> present_of({"iat": 1_000}, now=86_400_000, machine_at=1_500_000)
    1500000
    >>> present_of({"iat": 86_000}, now=86_400_000, machine_at=1_500_000)
    86400000
    """
    made = claims.get("iat")
    if machine_at is None or isinstance(made, bool) or not isinstance(made, (int, float)):
        return now
    made_at = 1000 * made
    is_clients = abs(machine_at - made_at) < abs(now - made_at)
    return machine_at if is_clients and made_at <= machine_at + _CLOCKS_APART else now


def verified_claims(
    token: str,
    secret_key: str,
    now: int,
    *,
    audience: str = _AUDIENCE,
    issuer: str | None = _ISSUER,
) -> Claims | None:
    """Read the claims of a token that is genuine and valid now; else None.

    Issuer and audience must be those that are asked for, by default the platform's. A token that
    never says when it expires is valid for ever.
    """
    claims = _genuine_claims(token, secret_key, audience, issuer)
    return claims if claims is not None and _is_timely(claims, now // 1000) else None


@functools.lru_cache(maxsize=1024)
def _genuine_claims(
    token: str, secret_key: str, audience: str, issuer: str | None
) -> Claims | None:
    """Check all that time does not change, once for every token."""
    checked: Options = {
        "verify_signature": False,
        "verify_aud": True,
        "verify_iss": issuer is not None,
    }
    try:
        _SIGNATURES.decode(token, secret_key, algorithms=[_ALGORITHM])
        return jwt.decode(token, options=checked, audience=audience, issuer=issuer)
    except jwt.PyJWTError:
        return None


def _is_timely(claims: Claims, now: int) -> bool:
    times = {name: claims[name] for name in ("iat", "nbf", "exp") if name in claims}
    if any(isinstance(time, bool) or not isinstance(time, (int, float)) for time in times.values()):
        return False
    return bool(times.get("nbf", now) <= now and times.get("exp", now + 1) > now)
