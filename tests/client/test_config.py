from __future__ import annotations

import pickle
from datetime import timedelta

import pytest

from session_lab.client import AsyncClient, Client
from session_lab.client.config import DEFAULT_BASE_URL, Settings, resolve
from session_lab.errors import DataError

KEY = "tr_dev_0123456789abcdefghijklmn"


def settle(environ: dict[str, str] | None = None, **given: object) -> Settings:
    values: dict[str, object] = {
        "api_key": None,
        "base_url": None,
        "preview_branch": None,
        "timeout": "30s",
        "deadline": timedelta(minutes=2),
        "max_retries": 2,
    }
    return resolve(**(values | given), environ=environ or {})  # type: ignore[arg-type]


def test_an_argument_comes_before_the_environment():
    environ = {
        "TRIGGER_SECRET_KEY": "tr_dev_env",
        "TRIGGER_API_URL": "https://env.example",
        "TRIGGER_PREVIEW_BRANCH": "env-branch",
    }

    settings = settle(environ, api_key=KEY, base_url="http://127.0.0.1:8787", preview_branch="mine")

    assert settings.api_key == KEY
    assert settings.base_url == "http://127.0.0.1:8787"
    assert settings.preview_branch == "mine"


def test_what_is_given_nowhere_has_a_default():
    settings = settle({"TRIGGER_SECRET_KEY": KEY})

    assert settings.base_url == DEFAULT_BASE_URL == "https://api.trigger.dev"
    assert settings.preview_branch is None
    assert (settings.timeout, settings.deadline) == (30_000, 120_000)


@pytest.mark.parametrize(
    ("environ", "key"),
    [
        ({"TRIGGER_SECRET_KEY": "a", "TRIGGER_ACCESS_TOKEN": "b"}, "a"),
        ({"TRIGGER_ACCESS_TOKEN": "b"}, "b"),
        ({"TRIGGER_SECRET_KEY": "", "TRIGGER_ACCESS_TOKEN": "b"}, "b"),
        ({"TRIGGER_SECRET_KEY": " a\n"}, "a"),
    ],
    ids=["secret key first", "access token", "empty is unset", "blanks are cut off"],
)
def test_the_key_is_found_in_the_environment(environ: dict[str, str], key: str):
    assert settle(environ).api_key == key


@pytest.mark.parametrize(
    ("environ", "branch"),
    [
        ({"TRIGGER_PREVIEW_BRANCH": "a", "VERCEL_GIT_COMMIT_REF": "b"}, "a"),
        ({"VERCEL_GIT_COMMIT_REF": "b", "TRIGGER_DEV_BRANCH": "c"}, "b"),
        ({"TRIGGER_DEV_BRANCH": "c"}, "c"),
        ({"TRIGGER_DEV_BRANCH": "default"}, None),
    ],
)
def test_the_branch_is_found_in_the_environment(environ: dict[str, str], branch: str | None):
    assert settle(environ, api_key=KEY).preview_branch == branch


@pytest.mark.parametrize(
    "url", ["http://localhost:8787/", " http://localhost:8787// ", "http://localhost:8787"]
)
def test_a_trailing_slash_of_the_address_is_dropped(url: str):
    assert settle(api_key=KEY, base_url=url).base_url == "http://localhost:8787"


@pytest.mark.parametrize(
    "url",
    ["api.trigger.dev", "ftp://a", "http://", "http://a:port", "https://a?x=1", "https://u:p@a"],
)
def test_an_address_that_cannot_be_used_is_refused(url: str):
    with pytest.raises(DataError, match=r"^base_url: "):
        settle(api_key=KEY, base_url=url)


def test_a_missing_key_is_told_with_the_way_to_give_one():
    with pytest.raises(DataError, match=r"pass api_key, or set .* TRIGGER_SECRET_KEY"):
        settle()


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_a_client_without_a_key_cannot_be_made(
    kind: type[Client | AsyncClient], monkeypatch: pytest.MonkeyPatch
):
    with pytest.raises(DataError, match="no API key"):
        kind()
    monkeypatch.setenv("TRIGGER_SECRET_KEY", KEY)
    kind()


@pytest.mark.parametrize("key", ["Bearer secret-thing", "secret\nthing", "secret\u00e9thing"])
def test_a_key_that_cannot_be_sent_is_refused_without_being_shown(key: str):
    with pytest.raises(DataError) as caught:
        settle(api_key=key)

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("timeout", 30),
        ("timeout", "0s"),
        ("deadline", "-1s"),
        ("max_retries", -1),
        ("preview_branch", "déjà"),
    ],
)
def test_a_setting_that_cannot_be_used_is_refused_by_name(name: str, value: object):
    with pytest.raises(DataError) as caught:
        settle(api_key=KEY, **{name: value})

    assert caught.value.column == name


def test_the_key_is_in_no_repr():
    settings = settle(api_key=KEY)

    assert KEY not in repr(settings)
    assert KEY not in repr(Client(KEY))
    assert repr(AsyncClient(KEY)) == "AsyncClient(base_url='https://api.trigger.dev')"
    assert pickle.loads(pickle.dumps(settings)) == settings  # noqa: S301  made here


@pytest.mark.parametrize(
    ("key", "environment"),
    [
        ("tr_dev_0123456789", "dev"),
        ("tr_prod_sk_0123456789", "prod"),
        ("tr_stg_0123456789", "stg"),
        ("tr_preview_0123456789", "preview"),
        ("tr_pat_0123456789", None),
        ("eyJhbGciOiJIUzI1NiJ9.e30.x", None),
    ],
)
def test_a_secret_key_says_what_environment_it_opens(key: str, environment: str | None):
    assert settle(api_key=key).environment == environment
