"""When to try again, and one call with all its attempts: pure.

:func:`exchange` decides and a shell does: the generator yields an :class:`Attempt`, and is sent
what came of it. Both shells drive the same generator.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, NoReturn

from session_lab.client.requests import prepare
from session_lab.client.responses import Reply, error_of
from session_lab.timing import LONGEST_DURATION, to_instant

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from session_lab.client.config import Settings
    from session_lab.client.requests import Operation, Request
    from session_lab.errors import APIError
    from session_lab.timing import Clock

__all__ = [
    "Attempt",
    "CallContext",
    "Outcome",
    "Unanswered",
    "exchange",
    "fail",
    "wait_before_retry",
]

_FIRST_BACKOFF = 500
_LONGEST_BACKOFF = 8_000

_SECONDS = re.compile(r"[0-9]{1,15}(\.[0-9]{1,9})?", re.ASCII)
_INSTANT = re.compile(r"[0-9]{1,15}", re.ASCII)

_log = logging.getLogger("session_lab.client")


@dataclass(frozen=True)
class CallContext:
    """What a call needs besides itself.

    Attributes
    ----------
    settings : Settings
        The client's settings.
    clock : Clock
        Measures the deadline and reads the instants that servers ask to wait for.
    uniform : callable
        Gives random numbers from 0 up to 1, for waits and part ids.
    """

    settings: Settings
    clock: Clock
    uniform: Callable[[], float]


@dataclass(frozen=True)
class Attempt:
    """A request to be sent, after a wait in milliseconds."""

    request: Request
    wait: int = 0


@dataclass(frozen=True)
class Unanswered:
    """An attempt that brought no reply.

    Attributes
    ----------
    error : APIError
        What went wrong.
    may_have_acted : bool
        Whether the request may have reached the server.
    is_final : bool
        Whether another attempt would end the same way.
    """

    error: APIError
    may_have_acted: bool
    is_final: bool = False


Outcome = Reply | Unanswered
"""What came of an attempt."""


def exchange(
    operation: Operation[object], context: CallContext
) -> Generator[Attempt, Outcome, Reply]:
    """Carry out one call, with as many attempts as it takes and may take.

    Yields
    ------
    Attempt
        What to do next; send its outcome back.

    Returns
    -------
    Reply
        The successful reply.

    Raises
    ------
    APIError
        What the last attempt brought.
    """
    now = context.clock.milliseconds
    request = prepare(operation, context.settings, context.uniform)
    left = context.settings.deadline
    deadline = now() + left
    number, wait = 1, 0
    while True:
        outcome = yield Attempt(_hurry(request, left - wait), wait)
        _record(operation, outcome, number)
        if isinstance(outcome, Reply) and outcome.is_success:
            return outcome
        decided = wait_before_retry(operation, outcome, number, context)
        left = deadline - now()
        if decided is None or decided >= left:
            fail(operation, outcome, number, context)
        _log.info("%s %s: trying again in %d ms", operation.method, operation.path, decided)
        number, wait = number + 1, decided


def _hurry(request: Request, left: int) -> Request:
    return replace(
        request,
        timeout=min(request.timeout, left),
        read_timeout=min(request.read_timeout, left),
        deadline=left,
    )


def wait_before_retry(
    operation: Operation[object], outcome: Outcome, number: int, context: CallContext
) -> int | None:
    """Return how many milliseconds to wait before another attempt, or None to give up.

    The server's own ``x-should-retry`` decides first. The wait is what the server asks for, plus
    full jitter: a random part of an interval that doubles with each attempt.
    """
    if number > context.settings.max_retries or not _may_retry(operation, outcome):
        return None
    interval = min(_LONGEST_BACKOFF, _FIRST_BACKOFF * 2 ** (number - 1))
    asked = _asked_wait(outcome, context.clock) if isinstance(outcome, Reply) else None
    return (asked or 0) + int(interval * context.uniform())


def fail(
    operation: Operation[object], outcome: Outcome, number: int, context: CallContext
) -> NoReturn:
    """Raise the error of the last attempt."""
    if isinstance(outcome, Reply):
        error = error_of(operation, outcome, wait=_asked_wait(outcome, context.clock))
    else:
        error = outcome.error
    if number > 1:
        error.add_note(f"after {number} attempts")
    raise error


def _may_retry(operation: Operation[object], outcome: Outcome) -> bool:
    if isinstance(outcome, Unanswered):
        return not outcome.is_final and (operation.idempotent or not outcome.may_have_acted)
    told = outcome.headers.get("x-should-retry", "").lower()
    if told in {"true", "false"}:
        return told == "true"
    status = outcome.status_code
    # A request over the rate limit was turned away before anything was done.
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return True
    passing = status == HTTPStatus.REQUEST_TIMEOUT or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return operation.idempotent and passing


def _asked_wait(reply: Reply, clock: Clock) -> int | None:
    """Return the milliseconds that the server asks to wait; None where it asks for nothing."""
    waits = [_retry_after(reply.headers.get("retry-after", ""), clock)]
    reset = reply.headers.get("x-ratelimit-reset", "")
    if reply.status_code == HTTPStatus.TOO_MANY_REQUESTS and _INSTANT.fullmatch(reset):
        waits.append(int(reset) - clock.milliseconds())
    asked = max((wait for wait in waits if wait is not None), default=None)
    return None if asked is None else min(max(asked, 0), LONGEST_DURATION)


def _retry_after(value: str, clock: Clock) -> int | None:
    """Read seconds or an HTTP date; whatever is neither counts as absent."""
    if _SECONDS.fullmatch(value):
        return int(float(value) * 1000)
    try:
        return to_instant(parsedate_to_datetime(value)) - clock.milliseconds()
    except Exception:  # noqa: BLE001  the parser raises five kinds, and the value is a stranger's
        return None


def _record(operation: Operation[object], outcome: Outcome, number: int) -> None:
    result = outcome.status_code if isinstance(outcome, Reply) else outcome.error
    _log.debug("%s %s: %s (attempt %d)", operation.method, operation.path, result, number)
