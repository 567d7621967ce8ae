"""How many requests the API takes: its rate limits.

The rules are those of the open-source server (``apps/webapp/app/services/apiRateLimit.server.ts``
and ``authorizationRateLimitMiddleware.server.ts``, defaults in ``apps/webapp/app/env.server.ts``):

* Paths that start with ``/api`` are limited, except ``snapshot-url``; ``/realtime`` is not, and
  preflights are not.
* All uses of a secret key share the bucket of the key's environment. It holds 750 requests and
  gains 250 every 10 seconds, all at once, from the moment of its first request.
* A public token has 60 requests in each minute of the clock. Tokens that act for a user share what
  that user has in the environment.
* A credential that is not valid has a bucket of its own, like that of a key: limits are checked
  before credentials are.

Everything is whole numbers, so a limit is exact and alike on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from session_lab.errors import DataError
from session_lab.timing import duration_text, to_milliseconds

if TYPE_CHECKING:
    from session_lab.timing import Duration

__all__ = ["Identifier", "RateLimit", "RateLimitResult", "TokenBucket"]


class Identifier(NamedTuple):
    """Whose requests are counted together, and whether they come with public tokens.

    The name is an environment's id, or a hash where there is none; it gives no secret away.
    """

    name: str
    is_public: bool


class TokenBucket(NamedTuple):
    """What an identifier may still send; a window of a public token counts as one too.

    Attributes
    ----------
    tokens : int
        Requests that are left.
    since : int
        When it last gained some, in milliseconds since 1970.
    until : int
        When it is full again and can be forgotten.
    """

    tokens: int
    since: int
    until: int


class RateLimitResult(NamedTuple):
    """Whether a request is taken, and what its response says about the limit.

    Attributes
    ----------
    success : bool
        Whether the request is taken.
    limit, remaining : int
        Requests that a full bucket has, and those that are left; -1 in an empty bucket.
    reset : int
        When the bucket gains tokens again, in milliseconds since 1970.
    """

    success: bool
    limit: int
    remaining: int
    reset: int

    @property
    def headers(self) -> dict[str, str]:
        """The headers of every response to a limited request."""
        return {
            "x-ratelimit-limit": str(self.limit),
            "x-ratelimit-remaining": str(max(0, self.remaining)),
            "x-ratelimit-reset": str(self.reset),
        }


@dataclass(frozen=True, kw_only=True)
class RateLimit:
    """How many requests the API takes.

    Parameters
    ----------
    burst : int
        What the bucket of an environment's secret key holds.
    refill : int
        What the bucket gains after each interval.
    interval : str or timedelta
        How long it takes to gain that.
    public_requests : int
        How many requests a public token has in each window.
    public_window : str or timedelta
        How long a window is; windows are counted from 1970.

    Raises
    ------
    DataError
        A number below 1, or a duration of nothing or without a unit.

    Examples
    --------
    >>> limit = RateLimit(burst=1, refill=1, interval="10s")
    >>> lab = Identifier("env_lab", is_public=False)
    >>> result, bucket = limit.take(lab, None, 0)
    >>> result.success, result.headers["x-ratelimit-remaining"]
    (True, '0')
    >>> result, bucket = limit.take(lab, bucket, 4_000)
    >>> result.success, result.headers["x-ratelimit-reset"]
    (False, '10000')
    >>> result, bucket = limit.take(lab, bucket, 10_000)
    >>> result.success
    True
    """

    burst: int = 750
    refill: int = 250
    interval: Duration = "10 s"
    public_requests: int = 60
    public_window: Duration = "1 min"

    def __post_init__(self) -> None:
        """Check every value and keep durations in one canonical form."""
        for name in ("burst", "refill", "public_requests"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise _refusal(name, f"{value!r} is not a whole number of 1 or more")
        for name in ("interval", "public_window"):
            try:
                length = to_milliseconds(getattr(self, name), name=name)
            except DataError as error:
                raise _refusal(name, str(error.args[0])) from None
            if length == 0:
                raise _refusal(name, "must be longer than nothing")
            object.__setattr__(self, name, duration_text(length))

    @classmethod
    def of(cls, choice: object) -> RateLimit | None:
        """Read a choice: a RateLimit, True for the API's own limits, None or False for none.

        Raises
        ------
        DataError
            It is none of these.
        """
        if isinstance(choice, RateLimit):
            return choice
        if choice is None or isinstance(choice, bool):
            return cls() if choice else None
        message = f"{choice!r} is not a rate limit; give True, a RateLimit, or None for no limit"
        raise DataError(message, column="rate_limit")

    def take(
        self, identifier: Identifier, bucket: TokenBucket | None, now: int
    ) -> tuple[RateLimitResult, TokenBucket]:
        """Count one request.

        Parameters
        ----------
        identifier : Identifier
            Who sends it.
        bucket : TokenBucket or None
            What the identifier has left; None when it never sent a request.
        now : int
            The present, in milliseconds since 1970.

        Returns
        -------
        RateLimitResult
            Whether the request is taken.
        TokenBucket
            What the identifier has left after it.
        """
        if identifier.is_public:
            return self._from_window(bucket, now)
        return self._from_bucket(bucket, now)

    def _from_window(
        self, window: TokenBucket | None, now: int
    ) -> tuple[RateLimitResult, TokenBucket]:
        length = to_milliseconds(self.public_window)
        since = now // length * length
        if window is None or window.since != since:
            window = TokenBucket(self.public_requests, since, since + length)
        left = max(0, window.tokens - 1)
        result = RateLimitResult(window.tokens > 0, self.public_requests, left, window.until)
        return result, window._replace(tokens=left)

    def _from_bucket(
        self, bucket: TokenBucket | None, now: int
    ) -> tuple[RateLimitResult, TokenBucket]:
        """Withdraw one token from a bucket.

        The server forgets a bucket once it must be full again, so that the next request starts its
        intervals anew; until then they go on from the first one.
        """
        interval = to_milliseconds(self.interval)
        if bucket is None or not bucket.since <= now <= bucket.until:
            bucket = TokenBucket(self.burst, now, now)
        refills = max(0, now - bucket.since) // interval
        left = min(self.burst, bucket.tokens + refills * self.refill) - 1
        since = bucket.since + refills * interval
        result = RateLimitResult(left >= 0, self.burst, left, since + interval)
        if not result.success:
            return result, bucket
        refills_to_full = -(-(self.burst - left) // self.refill)
        return result, TokenBucket(left, since, now + refills_to_full * interval)


def _refusal(field: str, message: str) -> DataError:
    return DataError(message, source="RateLimit", column=field)
