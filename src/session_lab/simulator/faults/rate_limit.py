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

import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from session_lab.errors import DataError
from session_lab.simulator.api.auth import Refusal, authenticate
from session_lab.simulator.api.auth.tokens import unverified_claims
from session_lab.simulator.api.error_responses import rate_limited
from session_lab.timing import duration_text, to_milliseconds
from session_lab.wire.text import trim

if TYPE_CHECKING:
    from collections.abc import Sequence

    from session_lab.simulator.api.auth import Environment
    from session_lab.simulator.api.http_types import Request, Response
    from session_lab.timing import Duration

__all__ = ["Account", "Meter", "RateLimit", "Verdict", "account_of"]

_EXEMPT = re.compile(r"/api/v1/sessions/[^/]+/snapshot-url")


class Account(NamedTuple):
    """Whose requests are counted together, and whether they come with public tokens.

    The name is an environment's id, or a hash where there is none; it gives no secret away.
    """

    name: str
    is_public: bool


class Meter(NamedTuple):
    """What an account has left.

    Attributes
    ----------
    left : int
        Requests that it may still send.
    since : int
        When it last gained some, in milliseconds since 1970.
    until : int
        When it is as good as new and can be forgotten.
    """

    left: int
    since: int
    until: int


class Verdict(NamedTuple):
    """Whether a request is taken, and what its response tells about the limit.

    Attributes
    ----------
    admitted : bool
        Whether the request is taken.
    limit, remaining : int
        Requests that a fresh account has, and those that are left; -1 in an empty bucket.
    reset : int
        When the account gains again, in milliseconds since 1970.
    now : int
        When this was decided.
    """

    admitted: bool
    limit: int
    remaining: int
    reset: int
    now: int

    @property
    def headers(self) -> dict[str, str]:
        """The headers of every response to a limited request."""
        return {
            "x-ratelimit-limit": str(self.limit),
            "x-ratelimit-remaining": str(max(0, self.remaining)),
            "x-ratelimit-reset": str(self.reset),
        }

    @property
    def refusal(self) -> Response | None:
        """The response to a request that is not taken, complete with its headers."""
        if self.admitted:
            return None
        return rate_limited(
            limit=self.limit, remaining=self.remaining, reset=self.reset, now=self.now
        )


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
    >>> lab = Account("env_lab", is_public=False)
    >>> verdict, meter = limit.take(lab, None, 0)
    >>> verdict.admitted, verdict.headers["x-ratelimit-remaining"]
    (True, '0')
    >>> verdict, meter = limit.take(lab, meter, 4_000)
    >>> verdict.refusal.status, verdict.headers["x-ratelimit-reset"]
    (429, '10000')
    >>> verdict, meter = limit.take(lab, meter, 10_000)
    >>> verdict.admitted
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
        message = f"{choice!r} is no rate limit; give True, a RateLimit, or None for no limit"
        raise DataError(message, column="rate_limit")

    def take(self, account: Account, meter: Meter | None, now: int) -> tuple[Verdict, Meter]:
        """Count one request.

        Parameters
        ----------
        account : Account
            Who sends it.
        meter : Meter or None
            What that account has left; None when it never sent a request.
        now : int
            The present, in milliseconds since 1970.

        Returns
        -------
        Verdict
            Whether the request is taken.
        Meter
            What the account has left after it.
        """
        if account.is_public:
            return self._from_window(meter, now)
        return self._from_bucket(meter, now)

    def _from_window(self, meter: Meter | None, now: int) -> tuple[Verdict, Meter]:
        window = to_milliseconds(self.public_window)
        since = now // window * window
        if meter is None or meter.since != since:
            meter = Meter(self.public_requests, since, since + window)
        left = max(0, meter.left - 1)
        verdict = Verdict(meter.left > 0, self.public_requests, left, meter.until, now)
        return verdict, meter._replace(left=left)

    def _from_bucket(self, meter: Meter | None, now: int) -> tuple[Verdict, Meter]:
        """Take one request from a bucket.

        The server forgets a bucket once it must be full again, so that the next request starts its
        intervals anew; until then they go on from the first one.
        """
        interval = to_milliseconds(self.interval)
        if meter is None or now > meter.until:
            meter = Meter(self.burst, now, now)
        refills = max(0, now - meter.since) // interval
        left = min(self.burst, meter.left + refills * self.refill) - 1
        since = meter.since + refills * interval
        verdict = Verdict(left >= 0, self.burst, left, since + interval, now)
        if not verdict.admitted:
            return verdict, meter
        refills_to_full = -(-(self.burst - left) // self.refill)
        return verdict, Meter(left, since, now + refills_to_full * interval)


def account_of(request: Request, environments: Sequence[Environment], now: int) -> Account | None:
    """Tell whose limit a request counts against.

    Parameters
    ----------
    request : Request
        The request.
    environments : sequence of Environment
        All environments there are.
    now : int
        The present, in milliseconds since 1970, when tokens must be valid.

    Returns
    -------
    Account or None
        None when the request is not limited, or has no ``Authorization`` and is refused for that.
    """
    authorization = request.headers.get("authorization")
    if not authorization or not _is_limited(request):
        return None
    secret = trim(authorization.removeprefix("Bearer "))
    for environment in environments:
        is_root = environment.branch is None
        if is_root and hmac.compare_digest(secret.encode(), environment.secret_key.encode()):
            return Account(environment.id, is_public=False)
    credential = authenticate(authorization, environments, now)
    digest = hashlib.sha256(authorization.encode()).hexdigest()
    if isinstance(credential, Refusal):
        return Account(digest, is_public=False)
    user = _acting_user(secret)
    shared = None if user is None else f"{credential.environment.id}/{user}"
    return Account(shared or digest, is_public=True)


def _is_limited(request: Request) -> bool:
    is_covered = request.path.startswith("/api") and _EXEMPT.fullmatch(request.path) is None
    return is_covered and request.method != "OPTIONS"


def _acting_user(token: str) -> str | None:
    actor = (unverified_claims(token) or {}).get("act")
    user = actor.get("sub") if isinstance(actor, dict) else None
    return user if isinstance(user, str) and user else None


def _refusal(field: str, message: str) -> DataError:
    return DataError(message, source="RateLimit", column=field)
