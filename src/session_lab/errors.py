"""Every error and warning of session_lab, on one page.

::

    SessionLabError
    ├── APIError                        something went wrong while talking to an API
    │   ├── APIConnectionError          no reply arrived
    │   │   ├── APITimeoutError         no reply arrived in time
    │   │   └── ConnectionLimitError    every connection of the client is in use
    │   ├── APIResponseError            a reply arrived that is not what the API documents
    │   └── APIStatusError              the API replied with a status of 400 or above
    │       ├── BadRequestError             400
    │       ├── AuthenticationError         401
    │       ├── PermissionDeniedError       403
    │       ├── NotFoundError               404
    │       ├── ConflictError               409
    │       │   ├── SessionClosedError
    │       │   └── SessionExpiredError
    │       ├── RequestTooLargeError        413
    │       ├── UnprocessableEntityError    422
    │       ├── RateLimitError              429
    │       └── InternalServerError         500 and above
    ├── DataError (ValueError)          input that cannot be used, and where it stands
    ├── SimulationError (RuntimeError)  a simulated world was asked for something impossible
    └── MissingDependencyError (ImportError)

    SessionLabWarning (UserWarning)
    ├── DataWarning                     input was usable only after a change that is stated
    └── StatisticalWarning              a number is weakly supported by the data

Errors keep their facts as attributes and survive pickling and deep copies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

__all__ = [
    "APIConnectionError",
    "APIError",
    "APIResponseError",
    "APIStatusError",
    "APITimeoutError",
    "AuthenticationError",
    "BadRequestError",
    "ConflictError",
    "ConnectionLimitError",
    "DataError",
    "DataWarning",
    "InternalServerError",
    "MissingDependencyError",
    "NotFoundError",
    "PermissionDeniedError",
    "RateLimitError",
    "RequestTooLargeError",
    "SessionClosedError",
    "SessionExpiredError",
    "SessionLabError",
    "SessionLabWarning",
    "SimulationError",
    "StatisticalWarning",
    "UnprocessableEntityError",
]


class SessionLabError(Exception):
    """Base of every error that session_lab raises on purpose."""

    def __reduce__(self) -> str | tuple[Any, ...]:
        """Rebuild from the stored facts, so keyword-only constructors survive a pickle."""
        return _rebuild, (type(self), self.args, self.__dict__.copy())


def _rebuild(
    cls: type[SessionLabError], args: tuple[Any, ...], facts: dict[str, Any]
) -> SessionLabError:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(facts)
    return error


class APIError(SessionLabError):
    """Something went wrong while talking to an API."""


class APIConnectionError(APIError, ConnectionError):
    """No reply arrived: the connection was refused, cut, or could not be made."""


class APITimeoutError(APIConnectionError, TimeoutError):
    """No reply arrived in time."""


class ConnectionLimitError(APIConnectionError):
    """Nothing was sent: every connection that the client may have was in use for too long."""


class APIResponseError(APIError):
    """A reply arrived whose content is not what the API documents.

    Attributes
    ----------
    status_code : int
        The HTTP status of the reply.
    body : str
        The beginning of the reply's text.
    """

    def __init__(self, message: str, *, status_code: int, body: str) -> None:
        super().__init__(message)
        self.status_code = status_code
        self.body = body


class APIStatusError(APIError):
    """The API replied with a status of 400 or above.

    Attributes
    ----------
    status_code : int
        The HTTP status of the reply.
    body : object
        The decoded JSON body, or its text where it was not JSON.
    request_id : str or None
        The server's id for the request, where it sent one.
    headers : Mapping of str to str
        The reply's headers, names in lower case.
    """

    def __init__(
        self,
        message: str,
        *,
        status_code: int,
        body: object = None,
        request_id: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status_code = status_code
        self.body = body
        self.request_id = request_id
        self.headers: Mapping[str, str] = dict(headers or {})


class BadRequestError(APIStatusError):
    """400: the request was refused as malformed or not allowed in this state."""


class AuthenticationError(APIStatusError):
    """401: the key or token is missing or not valid."""


class PermissionDeniedError(APIStatusError):
    """403: the key or token is valid but does not reach this resource."""


class NotFoundError(APIStatusError):
    """404: no such session, run or route in this environment."""


class ConflictError(APIStatusError):
    """409: the session's state forbids the request."""


class SessionClosedError(ConflictError):
    """The session is closed; its external id cannot be started again."""


class SessionExpiredError(ConflictError):
    """The session is past its expiry; its external id cannot be started again."""


class RequestTooLargeError(APIStatusError):
    """413: the body is over the route's limit, or its length was not announced."""


class UnprocessableEntityError(APIStatusError):
    """422: the request was understood but cannot be carried out."""


class RateLimitError(APIStatusError):
    """429: too many requests for this credential.

    Attributes
    ----------
    retry_after : timedelta or None
        How long the server asks to wait, where it says so.
    """

    retry_after: timedelta | None = None


class InternalServerError(APIStatusError):
    """500 or above: the server failed."""


class DataError(SessionLabError, ValueError):
    """Input that cannot be used.

    Attributes
    ----------
    source : str or None
        The file, argument or object the value came from.
    row : int or None
        Line number in a text file (from 1) or row number in a table (from 0).
    column : str or None
        The field's name.
    unit : str
        What ``row`` counts: ``"row"``, ``"line"`` or ``"entry"``.

    Examples
    --------
    >>> str(DataError("a duration cannot be negative", source="events", row=3, column="duration"))
    'events, row 3, duration: a duration cannot be negative'
    """

    def __init__(
        self,
        message: str,
        *,
        source: str | None = None,
        row: int | None = None,
        column: str | None = None,
        unit: str = "row",
    ) -> None:
        super().__init__(message)
        self.source = source
        self.row = row
        self.column = column
        self.unit = unit

    def __str__(self) -> str:
        """Put the place in front of what was wrong there."""
        row = None if self.row is None else f"{self.unit} {self.row}"
        parts = ("" if part is None else str(part) for part in (self.source, row, self.column))
        place = ", ".join(filter(None, parts))
        return f"{place}: {self.args[0]}" if place else str(self.args[0])


class SimulationError(SessionLabError, RuntimeError):
    """A simulated world was asked for something that cannot happen in it."""


class MissingDependencyError(SessionLabError, ImportError):
    """An optional feature was used whose package is not installed.

    Attributes
    ----------
    name : str
        The package.
    """

    def __reduce__(self) -> str | tuple[Any, ...]:
        """Rebuild with the name, which ImportError keeps outside ``__dict__``."""
        return ImportError.__reduce__(self)


class SessionLabWarning(UserWarning):
    """Base of every warning that session_lab gives."""


class DataWarning(SessionLabWarning):
    """Input was usable only after a change, which the message states."""


class StatisticalWarning(SessionLabWarning):
    """A number is weakly supported by the data, for the reason the message states."""
