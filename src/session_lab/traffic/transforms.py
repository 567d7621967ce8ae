"""From events to other events: fewer sessions, another speed, shorter silences, no names."""

from __future__ import annotations

import hashlib
import hmac
import math
import warnings
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa

from session_lab.errors import DataError, DataWarning
from session_lab.frames import NAT, check_events, milliseconds, to_instants
from session_lab.mistyped import answer_mistyped, level_of_caller
from session_lab.numbers import is_number
from session_lab.timing import LAST_INSTANT, LONGEST_DURATION, duration_text, to_milliseconds
from session_lab.traffic.engine.time_order import in_order

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from session_lab.timing import Duration

__all__ = ["anonymise", "cap_gaps", "sample", "scale"]

_SHORTEST_SALT = 8
_DIGEST_BYTES = 12
_WHOLE = 2**64


@answer_mistyped
def sample(events: pd.DataFrame, share: float, seed: int) -> pd.DataFrame:
    """Keep a share of the sessions, each with all of its events.

    Whether a session is kept depends on nothing but the seed and its id: a session that is in a
    sample is in every larger one of the same seed, whatever else is in the log.

    Parameters
    ----------
    events : DataFrame
        An events frame.
    share : float
        The probability with which each session is kept, 0 to 1.
    seed : int
        Any integer.

    Returns
    -------
    DataFrame
        The events of the sessions that were kept, in the same order.

    Examples
    --------
    >>> from session_lab.traffic import read, sample_path
    >>> events = read(sample_path("chats.ndjson"))
    >>> sample(events, 0.1, seed=0)["external_id"].nunique(), events["external_id"].nunique()
    (35, 347)
    """
    if not is_number(share) or not 0 <= share <= 1:
        raise DataError(f"{share!r} is not a number from 0 to 1", column="share")
    events = check_events(events)
    session, ids = pd.factorize(events["external_id"])
    key = hashlib.blake2b(f"sample/{seed}".encode(), digest_size=32).digest()
    kept = np.array([_uniform(key, name) < share for name in ids], dtype=bool)
    return events[kept[session]].reset_index(drop=True)


def _uniform(key: bytes, name: str) -> float:
    digest = hashlib.blake2b(name.encode(), digest_size=8, key=key).digest()
    return int.from_bytes(digest, "little") / _WHOLE


@answer_mistyped
def scale(events: pd.DataFrame, speed: float) -> pd.DataFrame:
    """Scale all times: faster or slower.

    Every time since the first event is divided by the speed, and so is every turn and every time
    until an expiry; a run policy is to be scaled alike where its waits are to mean the same.
    Results are rounded down to whole milliseconds, so the order stays.

    Parameters
    ----------
    events : DataFrame
        An events frame.
    speed : float
        2 is twice as fast, above zero.

    Raises
    ------
    DataError
        The speed is not above zero, or a time would lie beyond the year 9999.

    Examples
    --------
    >>> from session_lab.traffic import read, sample_path
    >>> events = read(sample_path("chats.ndjson"))
    >>> faster = scale(events, 2)
    >>> [round(log["at"].max().timestamp() - log["at"].min().timestamp()) for log in (events, faster)]
    [229903, 114952]
    """
    if not is_number(speed) or not 0 < speed < math.inf:
        raise DataError(f"{speed!r} is not a number above zero", column="speed")
    events = check_events(events)
    if not len(events):
        return events
    at = milliseconds(events["at"])
    first = int(at.min())
    scaled = {"at": to_instants(_sooner(at, first, speed, LAST_INSTANT))}
    if "turn_duration" in events:
        turns = _sooner(milliseconds(events["turn_duration"]), 0, speed, LONGEST_DURATION)
        scaled["turn_duration"] = pd.Series(turns.view("timedelta64[ms]"))
    if "expires_at" in events:
        expiry = milliseconds(events["expires_at"])
        scaled["expires_at"] = to_instants(_sooner(expiry, first, speed, LAST_INSTANT))
    return events.assign(**scaled)


def _sooner(times: NDArray[np.int64], origin: int, speed: float, most: int) -> NDArray[np.int64]:
    """Divide the times since an origin, of those that are not missing."""
    missing = times == NAT
    sooner = origin + np.floor(np.where(missing, 0, times - origin) / speed)
    if (sooner > most).any():
        raise DataError(f"at speed {speed!r} times lie beyond what can be told", column="speed")
    return np.where(missing, NAT, np.maximum(sooner, 0).astype(np.int64))


@answer_mistyped
def cap_gaps(events: pd.DataFrame, cap: Duration) -> pd.DataFrame:
    """Shorten the times in which nothing happens.

    Where the next event of the log, of whichever session, comes later than ``cap`` after the one
    before, it and all that follows move up until the gap is ``cap``. An expiry moves with the start
    that asks for it.

    Parameters
    ----------
    events : DataFrame
        An events frame, in order of time.
    cap : str or timedelta
        The longest gap.

    Returns
    -------
    DataFrame
        The events; what was done stands in ``attrs["capped_gaps"]`` as well.

    Raises
    ------
    DataError
        The events are not in order of time.
    DataWarning
        As a warning: how many gaps were shortened, and by how much in all.

    Examples
    --------
    >>> import warnings
    >>> import pandas as pd
    >>> events = pd.DataFrame({
    ...     "at": pd.to_datetime(["2026-01-01T09:00Z", "2026-01-01T17:00Z"]),
    ...     "op": ["start", "message"],
    ...     "external_id": ["chat-1", "chat-1"],
    ... })
    >>> with warnings.catch_warnings(action="ignore"):
    ...     capped = cap_gaps(events, "1h")
    >>> capped["at"].dt.hour.tolist()
    [9, 10]
    """
    limit = to_milliseconds(cap, name="cap")
    events = check_events(events)
    if in_order(events) is not None:
        raise DataError("the events are not in order of time; sort them first", source="events")
    at = milliseconds(events["at"])
    excess = np.maximum(np.diff(at, prepend=at[:1]) - limit, 0)
    if not excess.any():
        return events
    back = np.cumsum(excess)
    moved = {"at": to_instants(at - back)}
    if "expires_at" in events:
        expiry = milliseconds(events["expires_at"])
        moved["expires_at"] = to_instants(
            np.where(expiry == NAT, NAT, np.maximum(expiry - back, 0))
        )
    capped = events.assign(**moved)
    report = (
        f"shortened {np.count_nonzero(excess)} gaps to {duration_text(limit)}; the log is "
        f"{duration_text(int(back[-1]))} shorter, and its longest gap was "
        f"{duration_text(int(excess.max()) + limit)}"
    )
    warnings.warn(report, DataWarning, stacklevel=level_of_caller())
    capped.attrs["capped_gaps"] = report
    return capped


@answer_mistyped
def anonymise(
    events: pd.DataFrame, salt: str | bytes, *, tags: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Replace what could tell whose a session is.

    Ids become ``chat-`` and 24 hexadecimal digits of the HMAC-SHA256 of the id under the salt, so
    that a session stays one and nobody without the salt can tell whose, also not by trying ids.
    Tags are replaced as the mapping says; a tag that it does not have is left out, because nobody
    said that it is harmless. Times, types, task identifiers and recorded outcomes stay; times alone
    can give a known person away, which :func:`scale` and shifting do not prevent.

    Parameters
    ----------
    events : DataFrame
        An events frame.
    salt : str or bytes
        A secret of at least 8 bytes, the same for logs whose sessions are to be joined.
    tags : mapping of str to str, optional
        What becomes of each tag that may be kept.

    Examples
    --------
    >>> from session_lab.traffic import read, sample_path
    >>> events = read(sample_path("chats.ndjson"))
    >>> told = anonymise(events, "a secret of ours", tags={"plan:pro": "paying"})
    >>> told["external_id"].str.len().unique().tolist()
    [29]
    """
    secret = salt.encode() if isinstance(salt, str) else salt
    if not isinstance(secret, bytes):
        raise DataError(f"{type(salt).__name__} is neither text nor bytes", column="salt")
    if len(secret) < _SHORTEST_SALT:
        raise DataError(f"the salt is shorter than {_SHORTEST_SALT} bytes", column="salt")
    events = check_events(events)
    session, ids = pd.factorize(events["external_id"])
    names = pa.array([_pseudonym(secret, name) for name in ids], pa.large_string())
    told = events.assign(external_id=pd.array(names.take(pa.array(session)), dtype=_TEXT))
    told.attrs = {}
    if "tags" in told:
        known = dict(tags or {})
        lists = [_replaced(row, known) for row in pa.array(told["tags"].array).to_pylist()]
        told["tags"] = pd.Series(pd.arrays.ArrowExtensionArray(pa.array(lists, _TAGS)))
    return told


_TEXT = pd.StringDtype("pyarrow")
_TAGS = pa.list_(pa.string())


def _pseudonym(secret: bytes, name: str) -> str:
    digest = hmac.digest(secret, name.encode(), "sha256")
    return f"chat-{digest[:_DIGEST_BYTES].hex()}"


def _replaced(tags: list[str] | None, known: Mapping[str, str]) -> list[str] | None:
    return None if tags is None else [known[tag] for tag in tags if tag in known]
