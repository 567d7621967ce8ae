from __future__ import annotations

import pytest

from session_lab.wire import ErrorBody, Problem


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"error": "Not found"}, "Not found"),
        ({"error": {"message": "No credits"}}, "No credits"),
        ({"error": {"code": 1}}, None),
        ({"message": "Unexpected Server Error"}, None),
        ({}, None),
        (
            {
                "error": "Query Error",
                "details": [
                    {"path": ["page[size]"], "message": "Number must be at most 100"},
                    {"path": ["filter", 0], "message": "Invalid"},
                ],
            },
            "Query Error (page[size]: Number must be at most 100; filter.0: Invalid)",
        ),
    ],
)
def test_an_error_body_gives_its_sentence(body: dict[str, object], message: str | None):
    assert ErrorBody.model_validate(body).message == message


def test_the_refusal_of_a_closed_session_carries_its_reason():
    body = ErrorBody.model_validate(
        {"ok": False, "error": "closed", "code": "session_closed", "closedReason": "done"}
    )

    assert (body.ok, body.code, body.closed_reason) == (False, "session_closed", "done")


def test_the_problem_of_the_rate_limiter_carries_its_counts():
    problem = Problem.model_validate(
        {
            "title": "Rate Limit Exceeded",
            "status": 429,
            "type": "about:blank",
            "detail": "Retry in 3 seconds.",
            "error": "Retry in 3 seconds.",
            "reset": 1_767_225_603_000,
            "limit": 750,
            "remaining": 0,
            "secondsUntilReset": 3,
        }
    )

    assert problem.message == "Retry in 3 seconds."
    assert (problem.reset, problem.seconds_until_reset) == (1_767_225_603_000, 3)
