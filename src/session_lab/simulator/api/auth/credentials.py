"""Who is asking: secret keys and public access tokens.

The rules are those of ``internal-packages/rbac/src/bearerCredentials.ts`` of the open-source
server. Additional keys with scopes of their own are not modelled: a key opens its whole
environment.
"""

from __future__ import annotations

import functools
import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from session_lab.simulator.api.auth.scopes import Resource, some_scope_allows
from session_lab.simulator.api.auth.tokens import present_of, unverified_claims, verified_claims
from session_lab.wire.text import BLANKS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["Credential", "Environment", "Refusal", "authenticate"]

_REF_PREFIXES = tuple(
    f"refs/{kind}/" for kind in ("heads", "remotes", "tags", "pull", "merge", "release")
)
_DEFAULT_BRANCH = "default"
_KINDS = {"dev", "stg", "prod", "preview"}


@dataclass(frozen=True, slots=True)
class Environment:
    """An environment of the API.

    A branch environment has the secret key of the environment it branches from.
    """

    id: str
    secret_key: str = field(repr=False)
    branch: str | None = None

    @property
    def name(self) -> str:
        """Its short name: its branch, or what its key says, such as ``"prod"``."""
        kind = self.secret_key.split("_")[1:2]
        return self.branch or (kind[0] if kind and kind[0] in _KINDS else "dev")


@dataclass(frozen=True, slots=True)
class Credential:
    """A valid credential: its environment, and the scopes of a token (None for a secret key)."""

    environment: Environment
    scopes: tuple[str, ...] | None = None

    @property
    def is_secret_key(self) -> bool:
        """Whether this is a secret key, which may do everything, and not a public token."""
        return self.scopes is None

    def may(self, action: str, resources: Iterable[Resource]) -> bool:
        """Return whether the credential allows an action on any of some resources."""
        return self.scopes is None or some_scope_allows(self.scopes, action, resources)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a credential was refused, in the API's words; the status is 401."""

    error: str


def authenticate(
    authorization: str | None,
    environments: Sequence[Environment],
    now: int,
    *,
    branch: str | None = None,
    machine_at: int | None = None,
) -> Credential | Refusal:
    """Resolve the ``Authorization`` header.

    A literal ``Bearer`` and one blank are cut off its front; a bare key works too.

    Parameters
    ----------
    authorization : str or None
        The header's value.
    environments : sequence of Environment
        All environments there are.
    now : int
        The present, in milliseconds since 1970.
    branch : str or None
        The value of ``x-trigger-branch``, which keys of Preview and Development environments obey.
    machine_at : int or None
        The present by the machine's clock. A token that was made by that clock, as clients make
        theirs, is judged by it.

    Examples
    --------
    >>> lab = Environment("env_lab", "tr_dev_example")
    >>> authenticate("Bearer tr_dev_example", [lab], now=0)
    Credential(environment=Environment(id='env_lab', branch=None), scopes=None)
    >>> authenticate("bearer tr_dev_example", [lab], now=0)
    Refusal(error='Invalid API key')
    """
    credential = (authorization or "").removeprefix("Bearer ").strip(BLANKS)
    if not credential:
        return Refusal("Invalid or Missing API key")
    claims = unverified_claims(credential)
    if claims is not None and claims.get("pub") is True:
        present = present_of(claims, now, machine_at)
        return _resolve_token(credential, claims.get("sub"), environments, present)
    return _resolve_key(credential, tuple(environments), branch)


@functools.lru_cache(maxsize=256)
def _resolve_key(
    key: str, environments: tuple[Environment, ...], branch: str | None
) -> Credential | Refusal:
    """Find what a secret key opens, which time does not change."""
    root = next((found for found in environments if _opens(key, found)), None)
    if root is None:
        return Refusal("Invalid API key")
    return _resolve_branch(root, environments, _branch_name(branch))


def _opens(key: str, environment: Environment) -> bool:
    same = hmac.compare_digest(key.encode(), environment.secret_key.encode())
    return same and environment.branch is None


def _resolve_token(
    token: str, environment_id: object, environments: Sequence[Environment], now: int
) -> Credential | Refusal:
    environment = next((found for found in environments if found.id == environment_id), None)
    if environment is None:
        return Refusal("Invalid Public Access Token")
    claims = verified_claims(token, environment.secret_key, now)
    if claims is None:
        return Refusal("Public Access Token is invalid")
    scopes = claims.get("scopes")
    listed = scopes if isinstance(scopes, list) else []
    return Credential(environment, tuple(scope for scope in listed if isinstance(scope, str)))


def _resolve_branch(
    root: Environment, environments: Sequence[Environment], branch: str | None
) -> Credential | Refusal:
    is_preview = root.secret_key.startswith("tr_preview_")
    is_development = root.secret_key.startswith("tr_dev_")
    if is_preview and branch is None:
        return Refusal("x-trigger-branch header required for preview env")
    if branch is None or not (is_preview or is_development):
        return Credential(root)
    if is_development and branch == _DEFAULT_BRANCH:
        return Credential(root)
    for environment in environments:
        if (environment.secret_key, environment.branch) == (root.secret_key, branch):
            return Credential(environment)
    return Refusal("No matching branch env")


def _branch_name(header: str | None) -> str | None:
    """Cut git's prefixes off a branch; other refs count as absent."""
    if not header:
        return None
    for prefix in _REF_PREFIXES:
        if header.startswith(prefix):
            return header.removeprefix(prefix)
    return None if header.startswith("refs/") else header
