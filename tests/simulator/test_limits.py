"""How many requests the API takes."""

from __future__ import annotations

import copy
import json
import math
import pickle
from dataclasses import asdict
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_lab.errors import DataError
from session_lab.simulator.api import error_responses
from session_lab.simulator.api.auth import Environment, session_token, sign
from session_lab.simulator.api.http_types import Request
from session_lab.simulator.api.rate_limiting import identifier_of
from session_lab.simulator.faults.rate_limit import (
    Identifier,
    RateLimit,
    RateLimitResult,
    TokenBucket,
)

NOW = 1_767_225_600_000
KEYS = Identifier("env_lab", is_public=False)
TOKEN = Identifier("some-token", is_public=True)
LAB = Environment("env_lab", "tr_dev_example")
PREVIEW = Environment("env_preview", "tr_preview_example")
BRANCH = Environment("env_branch", "tr_preview_example", branch="feature")
ENVIRONMENTS = (LAB, PREVIEW, BRANCH)


def send(
    limit: RateLimit, identifier: Identifier, instants: list[int], bucket: TokenBucket | None = None
) -> list[RateLimitResult]:
    """Send one request at each instant."""
    results: list[RateLimitResult] = []
    for now in instants:
        result, bucket = limit.take(identifier, bucket, now)
        results.append(result)
    return results


def n_taken(results: list[RateLimitResult]) -> int:
    return sum(result.success for result in results)


# The bucket of a secret key


def test_a_key_has_750_requests_at_once_and_250_more_every_ten_seconds():
    limit = RateLimit()
    instants = [NOW] * 760 + [NOW + 9_999] * 5 + [NOW + 10_000] * 260 + [NOW + 20_000] * 260
    results = send(limit, KEYS, instants)
    assert [n_taken(results[:760]), n_taken(results[760:765])] == [750, 0]
    assert [n_taken(results[765:1025]), n_taken(results[1025:])] == [250, 250]


def test_every_response_tells_the_limit_what_is_left_and_when_more_comes():
    first, second = send(RateLimit(), KEYS, [NOW, NOW + 4_000])
    assert first.headers == {
        "x-ratelimit-limit": "750",
        "x-ratelimit-remaining": "749",
        "x-ratelimit-reset": str(NOW + 10_000),
    }
    assert second.headers["x-ratelimit-remaining"] == "748"
    assert second.headers["x-ratelimit-reset"] == first.headers["x-ratelimit-reset"]
    assert first.success


def test_a_request_over_the_limit_is_answered_429_with_the_same_headers():
    *_, last = send(RateLimit(burst=1, refill=1), KEYS, [NOW, NOW + 2_500])
    assert not last.success
    refusal = error_responses.rate_limited(last, NOW + 2_500)
    body = json.loads(refusal.body)
    assert refusal.status == 429
    assert last.headers.items() <= refusal.headers.items()
    assert last.headers["x-ratelimit-remaining"] == "0"
    assert (body["remaining"], body["limit"], body["reset"]) == (-1, 1, NOW + 10_000)
    assert body["secondsUntilReset"] == 7.5


def test_a_bucket_gains_by_whole_intervals_from_its_first_request_until_it_is_full_again():
    limit = RateLimit(burst=3, refill=1, interval="10s")
    resets = [result.reset - NOW for result in send(limit, KEYS, [NOW, NOW + 9_000, NOW + 12_000])]
    assert resets == [10_000, 10_000, 20_000]
    # The last of them leaves one of three, so two more intervals after it the bucket is forgotten.
    assert (
        send(limit, KEYS, [NOW, NOW + 9_000, NOW + 12_000, NOW + 32_000])[-1].reset == NOW + 40_000
    )
    assert (
        send(limit, KEYS, [NOW, NOW + 9_000, NOW + 12_000, NOW + 32_001])[-1].reset == NOW + 42_001
    )


def test_what_a_bucket_gains_beyond_its_size_is_lost():
    limit = RateLimit(burst=2, refill=2, interval="1s")
    assert n_taken(send(limit, KEYS, [NOW] + [NOW + 3_600_000] * 5)) == 1 + 2


# The window of a public token


def test_a_token_has_60_requests_in_each_minute_of_the_clock():
    instants = [NOW + 59_000] * 70 + [NOW + 60_000] * 70
    results = send(RateLimit(), TOKEN, instants)
    assert [n_taken(results[:70]), n_taken(results[70:])] == [60, 60]
    assert {result.reset for result in results[:70]} == {NOW + 60_000}
    assert results[0].headers["x-ratelimit-limit"] == "60"


def test_a_refused_token_is_told_that_nothing_is_left():
    *_, last = send(RateLimit(public_requests=1), TOKEN, [NOW, NOW])
    assert (last.success, last.remaining) == (False, 0)


# Properties

gaps = st.lists(st.integers(0, 25), min_size=1, max_size=60)
limits = st.builds(
    RateLimit,
    burst=st.integers(1, 6),
    refill=st.integers(1, 4),
    interval=st.integers(1, 12).map(lambda ms: timedelta(milliseconds=ms)),
    public_requests=st.integers(1, 5),
    public_window=st.integers(1, 12).map(lambda ms: timedelta(milliseconds=ms)),
)


def instants_of(gaps: list[int]) -> list[int]:
    return [NOW + sum(gaps[: place + 1]) for place in range(len(gaps))]


def milliseconds(duration: Any) -> int:
    return int(duration.removesuffix("ms"))


@given(limit=limits, gaps=gaps)
def test_no_interval_sees_more_of_a_key_than_a_full_bucket_and_its_refills(
    limit: RateLimit, gaps: list[int]
):
    instants = instants_of(gaps)
    results = zip(instants, send(limit, KEYS, instants), strict=True)
    admitted = [now for now, result in results if result.success]
    for first in range(len(admitted)):
        for last in range(first, len(admitted)):
            elapsed = admitted[last] - admitted[first]
            refills = elapsed // milliseconds(limit.interval) + 1
            assert last - first + 1 <= limit.burst + refills * limit.refill


@given(limit=limits, gaps=gaps)
def test_a_bucket_counts_as_one_that_is_filled_tick_by_tick(limit: RateLimit, gaps: list[int]):
    # Counted in the plainest way, one millisecond at a time, on the intervals of the bucket.
    interval = milliseconds(limit.interval)
    left, since, clock = limit.burst, NOW + gaps[0], NOW + gaps[0]
    forgotten_after = clock
    instants = instants_of(gaps)
    for now, result in zip(instants, send(limit, KEYS, instants), strict=True):
        while clock < now:
            clock += 1
            if clock - since == interval:
                left, since = min(limit.burst, left + limit.refill), clock
        if clock > forgotten_after:
            assert left == limit.burst
            since = clock
        assert result.success == (left > 0)
        assert result.reset == since + interval
        assert result.remaining == left - 1
        if result.success:
            left -= 1
            forgotten_after = clock + math.ceil((limit.burst - left) / limit.refill) * interval


@given(limit=limits, gaps=gaps)
def test_no_window_sees_more_of_a_token_than_its_share(limit: RateLimit, gaps: list[int]):
    length = milliseconds(limit.public_window)
    instants = instants_of(gaps)
    results = list(zip(instants, send(limit, TOKEN, instants), strict=True))
    for window in {now // length for now in instants}:
        inside = [result for now, result in results if now // length == window]
        assert n_taken(inside) == min(len(inside), limit.public_requests)
        left = [result.remaining for result in inside]
        assert left == sorted(left, reverse=True)


@given(limit=limits, gaps=gaps, identifier=st.sampled_from([KEYS, TOKEN]), wait=st.integers(0, 100))
def test_who_waits_longer_never_has_less(
    limit: RateLimit, gaps: list[int], identifier: Identifier, wait: int
):
    bucket: TokenBucket | None = None
    for now in instants_of(gaps):
        _, bucket = limit.take(identifier, bucket, now)
    waits = range(wait + 1)
    left = [limit.take(identifier, bucket, now + longer)[0].remaining for longer in waits]
    assert all(sooner <= later for sooner, later in pairwise(left))


@given(limit=limits, gaps=gaps, identifier=st.sampled_from([KEYS, TOKEN]))
def test_a_refused_request_is_taken_when_it_comes_back_at_the_reset(
    limit: RateLimit, gaps: list[int], identifier: Identifier
):
    bucket: TokenBucket | None = None
    for now in instants_of(gaps):
        result, bucket = limit.take(identifier, bucket, now)
        assert result.reset > now
        if not result.success:
            assert not limit.take(identifier, bucket, result.reset - 1)[0].success
            assert limit.take(identifier, bucket, result.reset)[0].success


@given(limit=limits, gaps=gaps, identifier=st.sampled_from([KEYS, TOKEN]))
def test_a_meter_that_is_written_down_and_read_again_goes_on_alike(
    limit: RateLimit, gaps: list[int], identifier: Identifier
):
    *before, last = instants_of(gaps)
    bucket: TokenBucket | None = None
    for now in before:
        _, bucket = limit.take(identifier, bucket, now)
    read = None if bucket is None else TokenBucket(*json.loads(json.dumps(bucket)))
    assert limit.take(identifier, read, last) == limit.take(identifier, bucket, last)


# Whose requests count together


def bearer(secret: str, path: str = "/api/v1/sessions", method: str = "GET") -> Request:
    return Request(method, path, headers={"authorization": f"Bearer {secret}"})


def token(**claims: Any) -> str:
    common = {
        "sub": "env_lab",
        "pub": True,
        "iss": "https://id.trigger.dev",
        "aud": "https://api.trigger.dev",
        "exp": NOW // 1000 + 60,
    }
    return sign(common | claims, "tr_dev_example")


@pytest.mark.parametrize("authorization", ["Bearer tr_dev_example", "tr_dev_example"])
def test_requests_with_a_key_count_for_its_environment(authorization: str):
    request = Request("GET", "/api/v1/sessions", headers={"authorization": authorization})
    assert identifier_of(request, ENVIRONMENTS, NOW) == Identifier("env_lab", is_public=False)


@pytest.mark.parametrize("environments", [ENVIRONMENTS, ENVIRONMENTS[::-1]])
def test_the_branches_of_an_environment_share_its_account(environments: tuple[Environment, ...]):
    request = Request(
        "GET",
        "/api/v1/sessions",
        headers={"authorization": "Bearer tr_preview_example", "x-trigger-branch": "feature"},
    )
    assert identifier_of(request, environments, NOW) == Identifier("env_preview", is_public=False)


def test_every_public_token_counts_for_itself():
    tokens = [
        session_token(
            environment_id="env_lab", secret_key="tr_dev_example", session_key=key, now=NOW
        )
        for key in ("a", "b")
    ]
    first, second = (identifier_of(bearer(text), ENVIRONMENTS, NOW) for text in tokens)
    assert first is not None
    assert second is not None
    assert first.is_public
    assert second.is_public
    assert first != second


def test_tokens_that_act_for_one_user_count_together():
    identifiers = {
        identifier_of(bearer(token(act={"sub": "user_1"}, iat=iat)), ENVIRONMENTS, NOW)
        for iat in (1, 2)
    }
    assert identifiers == {Identifier("env_lab/user_1", is_public=True)}


def test_a_credential_that_is_not_valid_has_a_bucket_of_its_own():
    wrong, expired = (
        identifier_of(bearer(secret), ENVIRONMENTS, NOW)
        for secret in ("tr_dev_wrong", token(exp=NOW // 1000 - 1))
    )
    assert wrong is not None
    assert expired is not None
    assert not wrong.is_public
    assert not expired.is_public
    assert len({wrong, expired, KEYS}) == 3


@pytest.mark.parametrize("secret", ["tr_dev_example", "tr_dev_wrong", token()])
def test_no_account_gives_its_secret_away(secret: str):
    assert secret not in repr(identifier_of(bearer(secret), ENVIRONMENTS, NOW))


@pytest.mark.parametrize(
    "request_",
    [
        bearer("tr_dev_example", "/realtime/v1/sessions/a/in/append", "POST"),
        bearer("tr_dev_example", "/api/v1/sessions/a/snapshot-url"),
        bearer("tr_dev_example", "/api/v1/sessions", "OPTIONS"),
        Request("GET", "/api/v1/sessions"),
        Request("GET", "/api/v1/sessions", headers={"authorization": ""}),
    ],
    ids=["channels", "snapshot-url", "preflight", "no header", "empty header"],
)
def test_what_is_not_limited_counts_for_nobody(request_: Request):
    assert identifier_of(request_, ENVIRONMENTS, NOW) is None


@pytest.mark.parametrize("path", ["/api/v1/sessions/a", "/api/v3/runs/run_1", "/api/nothing/here"])
def test_every_other_path_of_the_api_is_limited(path: str):
    assert identifier_of(bearer("tr_dev_example", path), ENVIRONMENTS, NOW) == KEYS


# The limits as users write them


def test_limits_are_off_unless_they_are_asked_for():
    own = RateLimit(burst=5)
    assert RateLimit.of(None) is None
    assert RateLimit.of(choice=False) is None
    assert RateLimit.of(choice=True) == RateLimit()
    assert RateLimit.of(own) is own


@pytest.mark.parametrize("choice", [1, 750, "on", {"burst": 1}])
def test_any_other_choice_is_refused_with_what_is_allowed(choice: object):
    with pytest.raises(DataError, match="give True, a RateLimit, or None") as caught:
        RateLimit.of(choice)
    assert caught.value.column == "rate_limit"


@pytest.mark.parametrize("field", ["burst", "refill", "public_requests"])
@pytest.mark.parametrize("value", [0, -1, 1.5, True, "5", None])
def test_a_number_of_requests_is_a_whole_number_of_one_or_more(field: str, value: Any):
    with pytest.raises(DataError, match="whole number of 1 or more") as caught:
        RateLimit(**{field: value})
    assert (caught.value.source, caught.value.column) == ("RateLimit", field)


@pytest.mark.parametrize("field", ["interval", "public_window"])
@pytest.mark.parametrize("value", [10, "10", "0s", None, "soon"])
def test_a_length_of_time_has_a_unit_and_is_not_nothing(field: str, value: Any):
    with pytest.raises(DataError) as caught:
        RateLimit(**{field: value})
    assert (caught.value.source, caught.value.column) == ("RateLimit", field)


def test_limits_say_what_they_are_and_survive_copies():
    limit = RateLimit(interval=timedelta(seconds=90))
    assert "interval='1 min 30 s'" in repr(limit)
    assert pickle.loads(pickle.dumps(limit)) == copy.deepcopy(limit) == limit  # noqa: S301 -- its own bytes
    assert RateLimit(**asdict(limit)) == limit
