from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from session_lab.simulator.api.access import Access, created_session, listed_sessions
from session_lab.simulator.api.auth import (
    Credential,
    Environment,
    Refusal,
    Resource,
    authenticate,
    session_token,
    sign,
)
from session_lab.simulator.api.auth.tokens import unverified_claims, verified_claims

NOW = 1_767_225_600_500
SECONDS = NOW // 1000
PRODUCTION = Environment("env_prod", "tr_prod_example")
DEVELOPMENT = Environment("env_dev", "tr_dev_example")
FEATURE = Environment("env_dev_feature", "tr_dev_example", branch="feature")
PREVIEW = Environment("env_preview", "tr_preview_example")
ENVIRONMENTS = [FEATURE, PRODUCTION, DEVELOPMENT, PREVIEW]
VALID = {
    "sub": "env_prod",
    "pub": True,
    "scopes": ["read:sessions"],
    "iss": "https://id.trigger.dev",
    "aud": "https://api.trigger.dev",
    "exp": SECONDS + 60,
    "iat": SECONDS,
}


def asked(credential: Credential, **parts: Any) -> Any:
    """Stand for a request's context, of which access sees no more than this."""
    return SimpleNamespace(credential=credential, **parts)


def resolve(header: str | None, branch: str | None = None) -> Credential | Refusal:
    return authenticate(header, ENVIRONMENTS, NOW, branch=branch)


def resolve_token(changes: dict[str, object], key: str = "tr_prod_example") -> Credential | Refusal:
    claims = {name: value for name, value in (VALID | changes).items() if value is not ...}
    return resolve(f"Bearer {sign(claims, key)}")


@pytest.mark.parametrize(
    "header", ["Bearer tr_prod_example", "tr_prod_example", "Bearer  tr_prod_example "]
)
def test_a_secret_key_opens_its_environment(header: str) -> None:
    assert resolve(header) == Credential(PRODUCTION)


@pytest.mark.parametrize("header", [None, "", "Bearer ", "  "])
def test_a_blank_header_is_a_missing_key(header: str | None) -> None:
    assert resolve(header) == Refusal("Invalid or Missing API key")


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "bearer tr_prod_example",
        "BEARER tr_prod_example",
        "Basic tr_prod_example",
        "Bearer Bearer tr_prod_example",
        "Bearer tr_prod_example-x",
        "Bearer tr_prod_exampl",
        "Bearer pk_prod_example",
        "Bearer tr_pat_example",
        "Bearer a.b.c",
        "Bearer é",
    ],
)
def test_anything_else_is_an_invalid_key(header: str) -> None:
    assert resolve(header) == Refusal("Invalid API key")


def test_a_secret_key_may_do_everything() -> None:
    assert Credential(PRODUCTION).may("admin", [Resource("sessions", "any")])


@pytest.mark.parametrize(
    ("key", "branch", "resolved"),
    [
        ("tr_prod_example", "feature", Credential(PRODUCTION)),
        ("tr_dev_example", None, Credential(DEVELOPMENT)),
        ("tr_dev_example", "", Credential(DEVELOPMENT)),
        ("tr_dev_example", "default", Credential(DEVELOPMENT)),
        ("tr_dev_example", "feature", Credential(FEATURE)),
        ("tr_dev_example", "refs/heads/feature", Credential(FEATURE)),
        ("tr_dev_example", "refs/notes/feature", Credential(DEVELOPMENT)),
        ("tr_dev_example", "other", Refusal("No matching branch env")),
        ("tr_preview_example", "default", Refusal("No matching branch env")),
        ("tr_preview_example", None, Refusal("x-trigger-branch header required for preview env")),
    ],
)
def test_the_branch_header_picks_an_environment(
    key: str, branch: str | None, resolved: Credential | Refusal
) -> None:
    assert resolve(key, branch) == resolved


def test_a_token_opens_its_environment_as_far_as_its_scopes_go() -> None:
    credential = resolve_token({})
    assert credential == Credential(PRODUCTION, ("read:sessions",))
    assert not credential.is_secret_key
    assert credential.may("read", [Resource("sessions", "any")])
    assert not credential.may("write", [Resource("sessions", "any")])


def test_a_token_of_a_branch_is_signed_with_the_key_it_shares() -> None:
    token = resolve_token({"sub": "env_dev_feature"}, "tr_dev_example")
    assert token == Credential(FEATURE, ("read:sessions",))


@pytest.mark.parametrize("pub", [False, 1, "true", None, ...])
def test_a_token_that_is_not_public_counts_as_a_key(pub: object) -> None:
    assert resolve_token({"pub": pub}) == Refusal("Invalid API key")


@pytest.mark.parametrize("sub", ["env_other", "", None, 7, ...])
def test_a_token_of_no_environment_is_refused(sub: object) -> None:
    assert resolve_token({"sub": sub}) == Refusal("Invalid Public Access Token")


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": SECONDS},
        {"exp": "tomorrow"},
        {"exp": True},
        {"nbf": SECONDS + 1},
        {"iat": "now"},
        {"iss": "https://id.example"},
        {"iss": ...},
        {"aud": "https://api.example"},
        {"aud": ["https://api.example"]},
        {"aud": ...},
    ],
)
def test_a_token_with_a_wrong_claim_is_refused(changes: dict[str, object]) -> None:
    assert resolve_token(changes) == Refusal("Public Access Token is invalid")


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": SECONDS + 1},
        {"exp": ...},
        {"nbf": SECONDS},
        {"iat": SECONDS + 999},
        {"iat": ...},
        {"aud": ["https://api.example", "https://api.trigger.dev"]},
    ],
)
def test_a_token_at_the_edge_of_validity_is_accepted(changes: dict[str, object]) -> None:
    assert isinstance(resolve_token(changes), Credential)


@pytest.mark.parametrize("scopes", [..., None, "read:sessions", [], [7]])
def test_a_token_without_usable_scopes_may_do_nothing(scopes: object) -> None:
    assert resolve_token({"scopes": scopes}) == Credential(PRODUCTION, ())


def test_a_token_signed_with_another_key_is_refused() -> None:
    assert resolve_token({}, "tr_dev_example") == Refusal("Public Access Token is invalid")


def test_a_token_whose_claims_were_changed_is_refused() -> None:
    header, _, signature = sign(VALID, "tr_prod_example").split(".")
    claims = sign(VALID | {"scopes": ["admin"]}, "tr_prod_example").split(".")[1]
    forged = resolve(f"{header}.{claims}.{signature}")
    assert forged == Refusal("Public Access Token is invalid")


@pytest.mark.parametrize(
    "header",
    ["e30", "eyJhbGciOiJub25lIn0", "eyJhbGciOiJIUzI1NiIsImNyaXQiOlsieCJdfQ", "W10", "%%%"],
    ids=["no algorithm", "none", "critical extension", "no object", "no base64"],
)
def test_a_token_with_an_unusable_header_is_refused(header: str) -> None:
    _, claims, signature = sign(VALID, "tr_prod_example").split(".")
    refused = resolve(f"{header}.{claims}.{signature}")
    assert refused == Refusal("Public Access Token is invalid")


def test_the_token_of_a_session_reads_and_writes_that_session_for_an_hour() -> None:
    token = session_token(
        environment_id="env_prod", secret_key="tr_prod_example", session_key="chat:7", now=NOW
    )
    claims = unverified_claims(token)
    assert claims is not None
    assert list(claims) == ["sub", "pub", "scopes", "iss", "aud", "exp", "iat"]
    assert claims["scopes"] == ["read:sessions:chat:7", "write:sessions:chat:7"]
    assert (claims["iat"], claims["exp"]) == (SECONDS, SECONDS + 3600)
    assert verified_claims(token, "tr_prod_example", NOW) == claims
    assert verified_claims(token, "tr_prod_example", NOW + 3_600_000) is None


def test_tokens_are_those_of_an_independent_implementation() -> None:
    jwt = pytest.importorskip("jwt", reason="PyJWT is not installed")
    key = "tr_prod_0123456789abcdefghijklmn"
    token = sign(VALID, key)
    options = {"verify_exp": False, "verify_iat": False}
    audience = "https://api.trigger.dev"
    assert jwt.decode(token, key, ["HS256"], options=options, audience=audience) == VALID
    assert jwt.encode(VALID, key, "HS256", headers={"typ": None}) == token


@pytest.mark.parametrize(
    ("scope", "allowed"),
    [
        ("read:sessions", True),
        ("read:sessions:", True),
        ("read:sessions:chat:7", True),
        ("read:sessions:chat", False),
        ("read:sessions:CHAT:7", False),
        ("read:all", True),
        ("read:all:x", True),
        ("*:sessions", True),
        ("*:all", True),
        ("admin", True),
        ("admin:sessions", False),
        ("admin:all", False),
        ("read", False),
        ("*", False),
        ("", False),
        ("READ:sessions", False),
        ("write:sessions", False),
        ("read:tasks", False),
    ],
)
def test_a_scope_reaches_one_session(scope: str, *, allowed: bool) -> None:
    credential = Credential(PRODUCTION, (scope,))
    assert (
        credential.may("read", [Resource("sessions", "session_x"), Resource("sessions", "chat:7")])
        is allowed
    )


@pytest.mark.parametrize(
    ("scope", "allowed"),
    [
        ("write:sessions", True),
        ("write:sessions:chat", False),
        ("write:tasks", True),
        ("write:tasks:agent", True),
        ("write:tasks:agen", False),
        ("write:all", True),
        ("trigger:tasks:agent", False),
        ("*:tasks:agent", True),
    ],
)
def test_a_create_needs_its_task_or_all_sessions(scope: str, *, allowed: bool) -> None:
    assert (
        Access("write", created_session).is_given(
            asked(Credential(PRODUCTION, (scope,)), body={"taskIdentifier": "agent"})
        )
        is allowed
    )


@pytest.mark.parametrize(
    ("scope", "unfiltered", "filtered"),
    [
        ("read:sessions", True, True),
        ("read:tasks", True, True),
        ("read:tasks:agent", False, True),
        ("read:tasks:other", False, False),
        ("read:sessions:chat", False, False),
    ],
)
def test_a_list_needs_a_whole_type_or_the_task_it_filters_for(
    scope: str, *, unfiltered: bool, filtered: bool
) -> None:
    credential = Credential(PRODUCTION, (scope,))
    access = Access("read", listed_sessions)
    assert access.is_given(asked(credential, query={})) is unfiltered
    query = {"filter[taskIdentifier]": "agent"}
    assert access.is_given(asked(credential, query=query)) is filtered


def test_secret_keys_stay_out_of_reprs() -> None:
    assert "tr_prod_example" not in repr(Credential(PRODUCTION))
