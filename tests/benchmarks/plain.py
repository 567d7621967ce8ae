"""The server a team would write by hand: a route over a dict, and a stream in a list.

For sessions it does what a create asks for and nothing else: it knows the key, checks the body, signs the public
token and answers in the API's form. There are no other calls, no runs, no journal and no time.
"""

from __future__ import annotations

import asyncio
import json
from itertools import count
from typing import TYPE_CHECKING, Any

import jwt
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route

from session_lab.wire import StartBody

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

__all__ = ["ENVIRONMENT_ID", "SECRET_KEY", "app"]

ENVIRONMENT_ID = "env_lab"
SECRET_KEY = "tr_dev_0123456789abcdef0123456789abcdef"
NOW, NOW_TEXT = 1_767_225_600, "2026-01-01T00:00:00.000Z"


def make_app() -> Starlette:
    sessions: dict[str, dict[str, Any]] = {}
    numbers = count(1)

    async def create(request: Request) -> JSONResponse:
        if request.headers.get("authorization") != f"Bearer {SECRET_KEY}":
            return JSONResponse({"error": "Invalid API key"}, 401)
        try:
            body = StartBody.model_validate_json(await request.body())
        except ValidationError as error:
            return JSONResponse({"error": str(error)}, 400)
        number = next(numbers)
        session_id = f"session_{number:025x}"
        name = body.external_id or session_id
        known = sessions.get(name)
        if known is not None:
            return JSONResponse(known | {"isCached": True}, 200)
        run_id = f"run_{number:025x}"
        given = body.model_dump(mode="json", by_alias=True, exclude_unset=True)
        sessions[name] = {
            "id": session_id,
            "externalId": body.external_id,
            "type": body.type,
            "taskIdentifier": body.task_identifier,
            "triggerConfig": given["triggerConfig"],
            "currentRunId": run_id,
            "tags": body.tags or [],
            "metadata": body.metadata,
            "closedAt": None,
            "closedReason": None,
            "expiresAt": given.get("expiresAt"),
            "createdAt": NOW_TEXT,
            "updatedAt": NOW_TEXT,
            "runId": run_id,
            "publicAccessToken": _token(name),
            "isCached": False,
        }
        return JSONResponse(sessions[name], 201)

    return Starlette(routes=[Route("/api/v1/sessions", create, methods=["POST"]), *_streaming()])


def _streaming() -> list[Route]:
    """One stream in a list: appends wake its readers, who are sent what is new."""
    records: list[str] = []
    news = [asyncio.Event()]

    async def append(request: Request) -> JSONResponse:
        records.append((await request.body()).decode())
        news.append(asyncio.Event())
        news.pop(0).set()
        return JSONResponse({"ok": True, "seq": len(records) - 1})

    async def events() -> AsyncIterator[str]:
        yield "event: ping\ndata: {}\n\n"
        position = 0
        while True:
            while position < len(records):
                batch = [{"seq_num": position, "body": records[position]}]
                position += 1
                yield f"event: batch\ndata: {json.dumps({'records': batch})}\n\n"
            await news[0].wait()

    async def follow(_: Request) -> StreamingResponse:
        return StreamingResponse(events(), media_type="text/event-stream")

    path = "/realtime/v1/sessions/stream/out"
    return [
        Route(f"{path}/append", append, methods=["POST"]),
        Route(path, follow, methods=["GET"]),
    ]


def _token(name: str) -> str:
    claims = {
        "sub": ENVIRONMENT_ID,
        "pub": True,
        "scopes": [f"read:sessions:{name}", f"write:sessions:{name}"],
        "iss": "https://id.trigger.dev",
        "aud": "https://api.trigger.dev",
        "exp": NOW + 3600,
        "iat": NOW,
    }
    return jwt.encode(claims, SECRET_KEY, algorithm="HS256")


app = make_app()
