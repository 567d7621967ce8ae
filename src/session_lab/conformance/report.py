"""Trying every behaviour, and the verdicts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from session_lab.conformance.api import Api, Differs
from session_lab.conformance.behaviours import BEHAVIOURS
from session_lab.errors import APIConnectionError, APIError

if TYPE_CHECKING:
    from collections.abc import Callable

    from session_lab.client import Client

__all__ = ["ConformanceReport", "Verdict", "conform"]


class Verdict(NamedTuple):
    """How an API stands to one behaviour.

    Attributes
    ----------
    behaviour, source : str
        What it is, and where it is stated.
    verdict : {"holds", "differs"}
        Whether the API does so.
    detail : str
        What it does instead; empty where it holds.
    """

    behaviour: str
    source: str
    verdict: Literal["holds", "differs"]
    detail: str


@dataclass(frozen=True)
class ConformanceReport:
    """The verdict on each behaviour.

    Attributes
    ----------
    url : str
        The API that was tried.
    verdicts : tuple of Verdict
        In the order in which they were tried.
    """

    url: str
    verdicts: tuple[Verdict, ...]

    @property
    def differences(self) -> tuple[Verdict, ...]:
        """The verdicts where the API does something else."""
        return tuple(verdict for verdict in self.verdicts if verdict.verdict == "differs")

    @property
    def counts(self) -> str:
        """How many behaviours hold and how many differ, in words."""
        n_differing = len(self.differences)
        return f"{len(self.verdicts) - n_differing} hold, {n_differing} differ"

    def __str__(self) -> str:
        """Write a line for each behaviour, and the count."""
        lines = [f"{self.url}: {len(self.verdicts)} behaviours"]
        for verdict in self.verdicts:
            lines.append(f"  {verdict.verdict:<8} {verdict.behaviour}  [{verdict.source}]")
            if verdict.detail:
                lines.append(f"           {verdict.detail}")
        return "\n".join([*lines, self.counts])

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        n_differing = len(self.differences)
        return {
            "url": self.url,
            "n_holding": len(self.verdicts) - n_differing,
            "n_differing": n_differing,
            "verdicts": [verdict._asdict() for verdict in self.verdicts],
        }


def conform(
    connect: Callable[[str], Client],
    key: str,
    *,
    url: str,
    prefix: str,
    on_verdict: Callable[[Verdict], object] = lambda _: None,
) -> ConformanceReport:
    """Try every behaviour against an API, and close the sessions that were started for it.

    Parameters
    ----------
    connect : callable
        Makes a client of the API from a key or token; one that sends each request once.
    key : str
        The environment's secret key.
    url : str
        What the report calls the API.
    prefix : str
        What the external ids of the trial begin with; one that the environment has not seen.
    on_verdict : callable
        Called with each verdict as it comes.

    Raises
    ------
    APIConnectionError
        The API cannot be reached.

    Examples
    --------
    >>> import session_lab as sl
    >>> sim = sl.Simulator()
    >>> connect = lambda key: sl.Client(key, "http://lab", transport=sim.transport, max_retries=0)
    >>> report = conform(connect, "tr_dev_simulated", url="in process", prefix="trial")
    >>> len(report.differences)
    0
    """
    api = Api(connect, key, prefix)
    verdicts: list[Verdict] = []
    try:
        for name, source, check in BEHAVIOURS:
            detail = _difference(check, api)
            verdict = Verdict(name, source, "differs" if detail else "holds", detail)
            on_verdict(verdict)
            verdicts.append(verdict)
    finally:
        api.close()
    return ConformanceReport(url, tuple(verdicts))


def _difference(check: Callable[[Api], None], api: Api) -> str:
    """Try a behaviour; return what the API does instead, or nothing."""
    try:
        check(api)
    except Differs as difference:
        return str(difference)
    except APIConnectionError:
        raise
    except (APIError, LookupError, TypeError, AttributeError) as error:
        # An answer of another shape cannot be read as the check reads it.
        return f"the answer cannot be read: {type(error).__name__}: {error}"
    return ""
