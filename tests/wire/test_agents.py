from __future__ import annotations

import pytest
from pydantic import ValidationError

from session_lab.wire import SnapshotUrl, TokenClaims, WaitBody, WaitReply
from session_lab.wire.limits import MAX_IDEMPOTENCY_KEY_LENGTH, MAX_WAITPOINT_TAGS


def test_a_wait_is_written_under_the_names_of_the_api_without_what_was_not_given():
    body = WaitBody(session="chat", io="in", idempotency_key="k", idempotency_key_ttl="1h")
    assert body.model_dump(by_alias=True, mode="json") == {
        "session": "chat",
        "io": "in",
        "idempotencyKey": "k",
        "idempotencyKeyTTL": "1h",
    }


@pytest.mark.parametrize(
    "changed",
    [
        {"io": "both"},
        {"idempotency_key": "k" * (MAX_IDEMPOTENCY_KEY_LENGTH + 1)},
        {"tags": ["t"] * (MAX_WAITPOINT_TAGS + 1)},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_a_wait_beyond_the_limits_is_refused(changed: dict[str, object]):
    with pytest.raises(ValidationError, match=next(iter(changed)).split("_")[0]):
        WaitBody.model_validate({"session": "chat", "io": "in"} | changed)


def test_answers_are_read_and_an_address_that_holds_a_credential_is_not_shown():
    assert WaitReply.model_validate({"waitpointId": "waitpoint_c1", "isCached": True}).is_cached
    assert TokenClaims.model_validate({"sub": "env_lab", "pub": True}).sub == "env_lab"
    url = SnapshotUrl.model_validate({"presignedUrl": "https://store/x?signature=s3cret"})
    assert url.presigned_url.endswith("s3cret")
    assert "s3cret" not in repr(url)
