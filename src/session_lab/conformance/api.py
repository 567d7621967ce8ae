"""The API that is tried: its requests, and what is asked of their answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from session_lab.errors import APIStatusError
from session_lab.timing import instant_text, to_instant
from session_lab.wire.endpoints import ENDPOINTS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from session_lab.client import Client

__all__ = ["TAG", "Answer", "Api", "Differs", "expect"]

TAG = "session-lab-conformance"
"""What every session that is started here is tagged with."""


class Differs(Exception):  # noqa: N818 (it is a verdict, not a failure)
    """The API answered something else than what the source states."""


class Answer(NamedTuple):
    """An answer of the API, refusals included."""

    status: int
    body: Any
    headers: Mapping[str, str]


class Api:
    """The API that is tried, under external ids that no other trial has.

    Parameters
    ----------
    connect : callable
        Makes a client from a key or token; one that sends each request once, since a refusal is an
        answer here.
    key : str
        The environment's secret key.
    prefix : str
        What the external ids begin with.

    Attributes
    ----------
    client : Client
        One that holds the key.
    """

    def __init__(self, connect: Callable[[str], Client], key: str, prefix: str) -> None:
        self.client = connect(key)
        self._connect = connect
        self._started: dict[str, None] = {}
        self._prefix = prefix
        self._ids = 0

    def new_id(self) -> str:
        """Return an external id that is not in use."""
        self._ids += 1
        return f"{self._prefix}-{self._ids}"

    def ask(self, name: str, body: object = None, **ids: str) -> Answer:
        """Make a call by its name and return the answer, whatever its status."""
        endpoint = ENDPOINTS[name]
        return self.request(endpoint.method, endpoint.path_for(**ids), json=body)

    def request(self, method: str, path: str, **options: object) -> Answer:
        """Make any request and return the answer, whatever its status."""
        return _answer(self.client, method, path, options)

    def as_holder_of(self, token: str, name: str, body: object = None, **ids: str) -> Answer:
        """Make a call with a token in place of the key."""
        with self._connect(token) as other:
            endpoint = ENDPOINTS[name]
            return _answer(other, endpoint.method, endpoint.path_for(**ids), {"json": body})

    def start(self, external_id: str | None = None, **fields: Any) -> Answer:  # noqa: ANN401  the fields of a body
        """Start a session; None takes an external id that is not in use."""
        external_id = self.new_id() if external_id is None else external_id
        body = {
            "type": TAG,
            "taskIdentifier": TAG,
            "externalId": external_id,
            "tags": [TAG],
            "triggerConfig": {"basePayload": {"topic": "tea"}},
            **fields,
        }
        answer = self.ask("sessions.start", body)
        self._started[external_id] = None
        return answer

    def begin(self, **fields: Any) -> tuple[str, Any]:  # noqa: ANN401
        """Start a session that must come about; return its external id and its row."""
        answer = self.start(**fields)
        expect("the status of a start that creates", answer.status, equals=201)
        return answer.body["externalId"], answer.body

    def minutes_from_now(self, minutes: int) -> str:
        """Return an instant by the API's own time, which a new session tells."""
        _, row = self.begin()
        return instant_text(to_instant(row["createdAt"], name="createdAt") + minutes * 60_000)

    def close(self) -> None:
        """Close the sessions that were started, so that nothing of a trial stays open."""
        for external_id in self._started:
            self.ask("sessions.close", {"reason": TAG}, session=external_id)
        self.client.close()


def expect(what: str, observed: object, *, equals: object) -> None:
    """Check that what was observed is what the source states.

    Raises
    ------
    Differs
        It is not.
    """
    if observed != equals:
        raise Differs(f"{what} is {observed!r}, not {equals!r}")


def _answer(client: Client, method: str, path: str, options: dict[str, Any]) -> Answer:
    try:
        raw = client.with_raw_response.request(method, path, **options)
    except APIStatusError as error:
        return Answer(error.status_code, error.body, error.headers)
    return Answer(raw.status_code, raw.parse() if raw.content else None, raw.headers)
