"""From a reply to a result or an error: pure."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import ValidationError

from session_lab import errors
from session_lab.client.redaction import redact, redact_headers, redact_json, redact_url
from session_lab.timing import duration_text
from session_lab.wire.errors import ErrorBody

if TYPE_CHECKING:
    from collections.abc import Mapping

    from session_lab.client.requests import Operation

__all__ = ["RawResponse", "Reply", "error_of", "read_reply"]

T = TypeVar("T")

_SHOWN = 500
"""How many characters of an unexpected reply an error keeps."""

_BY_STATUS: dict[int, type[errors.APIStatusError]] = {
    400: errors.BadRequestError,
    401: errors.AuthenticationError,
    403: errors.PermissionDeniedError,
    404: errors.NotFoundError,
    409: errors.ConflictError,
    413: errors.RequestTooLargeError,
    422: errors.UnprocessableEntityError,
    429: errors.RateLimitError,
}


@dataclass(frozen=True)
class Reply:
    """A reply of the server, names of headers in lower case.

    ``secrets`` are what an error made of it must not show; they are not pickled.
    """

    status_code: int
    headers: Mapping[str, str]
    content: bytes = field(repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False, compare=False)

    def __reduce__(self) -> tuple[type[Reply], tuple[object, ...]]:
        """Leave the secrets behind."""
        return Reply, (self.status_code, self.headers, self.content)

    @property
    def is_success(self) -> bool:
        """Whether the status is 200 to 299."""
        return HTTPStatus.OK <= self.status_code < HTTPStatus.MULTIPLE_CHOICES

    @property
    def text(self) -> str:
        """The content as text; bytes that are not UTF-8 are replaced."""
        return self.content.decode("utf-8", "replace")


@dataclass(frozen=True)
class RawResponse(Generic[T]):
    """A reply together with what it means.

    Attributes
    ----------
    status_code : int
        Such as 201 for a session that was made and 200 for one that was there.
    headers : Mapping of str to str
        Names in lower case.
    content : bytes
        The body.
    """

    operation: Operation[T]
    reply: Reply

    def __repr__(self) -> str:
        """Show the call and the status; a body may hold a token."""
        return f"RawResponse({self.operation.method} {self.operation.path}: {self.status_code})"

    @property
    def status_code(self) -> int:
        """The HTTP status."""
        return self.reply.status_code

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers, names in lower case."""
        return self.reply.headers

    @property
    def content(self) -> bytes:
        """The body."""
        return self.reply.content

    def parse(self) -> T:
        """Read the body, as the plain call does.

        Raises
        ------
        APIResponseError
            The body is not what the API documents.
        """
        return read_reply(self.operation, self.reply)


def read_reply(operation: Operation[T], reply: Reply) -> T:
    """Make the result out of a successful reply.

    Raises
    ------
    APIResponseError
        The body is not JSON, or not what the API documents.
    """
    try:
        return operation.read(_decode(reply))
    except ValidationError as error:
        issue = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(step) for step in issue["loc"]) or "the body"
        reason = f"the reply differs from the API's description: {place}: {issue['msg']}"
    except (ValueError, RecursionError):
        kind = reply.headers.get("content-type", "of no stated type")
        reason = f"the reply ({kind}) is not JSON; is base_url the address of the API?"
    # Raised here, so that no context keeps the reply's text, which may hold a secret.
    raise _unreadable(operation, reply, reason)


def error_of(
    operation: Operation[object], reply: Reply, *, wait: int | None = None
) -> errors.APIError:
    """Make the error that a reply without success stands for.

    Parameters
    ----------
    operation, reply
        What was asked, and what came.
    wait : int, optional
        Milliseconds that the server asks to wait.
    """
    if reply.status_code < HTTPStatus.BAD_REQUEST:
        target = redact_url(reply.headers.get("location", "an unknown place"), reply.secrets)
        reason = f"the server answered {reply.status_code} and points to {target}; check base_url"
        return _unreadable(operation, reply, reason)
    body = _body_of(reply)
    problem = _problem_in(body)
    headers = redact_headers(reply.headers, reply.secrets)
    error = _class_of(reply.status_code, problem)(
        f"{operation.method} {operation.path}: {_sentence(reply, problem)}",
        status_code=reply.status_code,
        body=body,
        request_id=headers.get("x-request-id"),
        headers=headers,
    )
    if isinstance(error, errors.RateLimitError) and wait is not None:
        error.retry_after = timedelta(milliseconds=wait)
        error.args = (f"{error.args[0]} (it asks to wait {duration_text(wait)})",)
    return error


def _body_of(reply: Reply) -> object:
    try:
        return redact_json(_decode(reply), reply.secrets)
    except (ValueError, RecursionError):
        return redact(reply.text, reply.secrets)


def _problem_in(body: object) -> ErrorBody:
    try:
        return ErrorBody.model_validate(body)
    except ValidationError:
        return ErrorBody()


def _decode(reply: Reply) -> Any:  # noqa: ANN401  JSON
    # Python's own decoder: it takes half surrogate pairs, which agents do send.
    return json.loads(reply.content) if reply.content else None


def _unreadable(operation: Operation[object], reply: Reply, reason: str) -> errors.APIResponseError:
    return errors.APIResponseError(
        f"{operation.method} {operation.path}: {reason}",
        status_code=reply.status_code,
        body=redact(reply.text, reply.secrets)[:_SHOWN],
    )


def _class_of(status_code: int, problem: ErrorBody) -> type[errors.APIStatusError]:
    if status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return errors.InternalServerError
    found = _BY_STATUS.get(status_code, errors.APIStatusError)
    if found is errors.ConflictError:
        text = (problem.message or "").lower()
        if problem.code == "session_closed" or "closed" in text:
            return errors.SessionClosedError
        if "expired" in text:
            return errors.SessionExpiredError
    return found


def _sentence(reply: Reply, problem: ErrorBody) -> str:
    try:
        phrase = HTTPStatus(reply.status_code).phrase
    except ValueError:
        phrase = "status"
    message = problem.message
    if message is None:
        is_html = "html" in reply.headers.get("content-type", "")
        hint = "an HTML page; is base_url the address of the API?" if is_html else "no explanation"
        return f"{reply.status_code} {phrase}, with {hint}"
    return f"{reply.status_code} {phrase}: {message[:_SHOWN]}"
