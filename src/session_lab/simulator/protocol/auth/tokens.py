"""Public access tokens: JSON Web Tokens signed with an environment's secret key.

A token is made and checked as ``packages/core/src/v3/jwt.ts`` of the open-source server does, but
against a present that is handed in. The signature is HMAC from the standard library: the API takes
keys of any length, the bytes of a token must never change with a library, and there is no other
algorithm to support.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import Any

from session_lab.simulator.protocol.json_text import parse_json, render_json

__all__ = ["session_token", "sign", "unverified_claims", "verified_claims"]

Claims = dict[str, Any]

_ISSUER = "https://id.trigger.dev"
_AUDIENCE = "https://api.trigger.dev"
_HEADER = {"alg": "HS256"}
_DIGESTS = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}
_SESSION_TOKEN_SECONDS = 3600
_PARTS = 3


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
    signed = ".".join(_encode(render_json(part)) for part in (_HEADER, claims))
    return f"{signed}.{_encode(_signature(signed, secret_key, 'HS256'))}"


def unverified_claims(token: str) -> Claims | None:
    """Read the claims of a token, genuine or not; None where the text is no token.

    Examples
    --------
    >>> unverified_claims(sign({"pub": True}, "tr_dev_example"))
    {'pub': True}
    >>> unverified_claims("tr_dev_example") is None
    True
    """
    parts = token.split(".")
    return _decode_object(parts[1]) if len(parts) == _PARTS else None


def verified_claims(token: str, secret_key: str, now: int) -> Claims | None:
    """Read the claims of a token that is genuine and valid now; else None.

    Issuer and audience must be the platform's. A token that never says when it expires is valid
    for ever.
    """
    claims = unverified_claims(token)
    signed, _, signature = token.rpartition(".")
    header = _decode_object(signed.partition(".")[0])
    if claims is None or header is None or "crit" in header:
        return None
    algorithm = header.get("alg")
    if algorithm not in _DIGESTS:
        return None
    genuine = hmac.compare_digest(_decode(signature), _signature(signed, secret_key, algorithm))
    return claims if genuine and _is_valid(claims, now // 1000) else None


def _is_valid(claims: Claims, now: int) -> bool:
    times = {name: claims[name] for name in ("iat", "nbf", "exp") if name in claims}
    if any(isinstance(time, bool) or not isinstance(time, (int, float)) for time in times.values()):
        return False
    audience = claims.get("aud")
    return (
        claims.get("iss") == _ISSUER
        and _AUDIENCE in (audience if isinstance(audience, list) else [audience])
        and times.get("nbf", now) <= now
        and times.get("exp", now + 1) > now
    )


def _signature(signed: str, secret_key: str, algorithm: str) -> bytes:
    return hmac.digest(secret_key.encode(), signed.encode(), _DIGESTS[algorithm])


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return b""


def _decode_object(text: str) -> Claims | None:
    try:
        content = parse_json(_decode(text).decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None
