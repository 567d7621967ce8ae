"""Authentication and authorization."""

from __future__ import annotations

from session_lab.simulator.api.auth.credentials import (
    Credential,
    Environment,
    Refusal,
    authenticate,
)
from session_lab.simulator.api.auth.scopes import Resource
from session_lab.simulator.api.auth.tokens import session_token, sign

__all__ = [
    "Credential",
    "Environment",
    "Refusal",
    "Resource",
    "authenticate",
    "session_token",
    "sign",
]
