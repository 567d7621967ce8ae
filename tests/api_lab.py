"""A simulated API that tests send requests to, as a client would, without a port."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from session_lab.simulator.api.auth import Environment, sign
from session_lab.simulator.api.http_types import Request, Response
from session_lab.simulator.backend import Backend

KEY = "tr_prod_example"
LAB = Environment("env_lab", KEY)
OTHER = Environment("env_other", "tr_stg_example")
CREATE = {"type": "chat", "taskIdentifier": "agent", "triggerConfig": {"basePayload": {}}}
FORBIDDEN = {
    "error": "Unauthorized",
    "code": "unauthorized",
    "param": "access_token",
    "type": "authorization",
}


class ApiLab:
    """A backend, and short ways to ask it."""

    def __init__(self, profile: str = "2026-08", **options: Any) -> None:
        self.backend = Backend([LAB, OTHER], profile=profile, **options)
        self.world = self.backend.world

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: dict[str, str] | str = "",
        key: str | None = KEY,
        **headers: str,
    ) -> Response:
        """Send a request; a body that is not text goes as JSON, and its length is announced.

        The world's time, which every response has in ``date``, is left out. An event stream is
        written out.
        """
        text = body if isinstance(body, str) else json.dumps(body)
        content = b"" if body is None else text.encode()
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if method not in {"GET", "HEAD", "OPTIONS"}:
            given = {"content-length": str(len(content))} | given
        if key is not None:
            given["authorization"] = f"Bearer {key}"
        asked = query if isinstance(query, str) else urlencode(query)
        response = self.backend.handle(Request(method, path, asked, given, content))
        headers = {name: text for name, text in response.headers.items() if name != "date"}
        follow = response.follow
        body = response.body if follow is None else self.backend.written_out(follow)
        return response._replace(headers=headers, body=body)

    def json(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        """Send a request and read the answer."""
        return json.loads(self.ask(method, path, body, **options).body)

    def start(self, external_id: str | None = None, **fields: Any) -> Any:
        """Create a session."""
        named = {} if external_id is None else {"externalId": external_id}
        return self.json("POST", "/api/v1/sessions", CREATE | named | fields)

    def token(self, *scopes: str, **claims: Any) -> str:
        """Sign a public token that is valid for an hour."""
        seconds = self.world.now // 1000
        known = {
            "sub": LAB.id,
            "pub": True,
            "scopes": list(scopes),
            "iss": "https://id.trigger.dev",
            "aud": "https://api.trigger.dev",
            "exp": seconds + 3600,
        }
        return sign(known | claims, KEY)


def refusal(response: Response) -> tuple[int, Any]:
    """Show a refusal: its status, and its error if it is of the usual form."""
    body = json.loads(response.body)
    return response.status, body["error"] if set(body) == {"error"} else body
