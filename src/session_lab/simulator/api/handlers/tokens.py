"""What clients need to sign public tokens by themselves.

Route ``apps/webapp/app/routes/api.v1.auth.jwt.claims.ts`` of the open-source server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from session_lab.simulator.api.checks import Writing
from session_lab.simulator.api.http_types import json_response

if TYPE_CHECKING:
    from session_lab.simulator.api.context import Exchange
    from session_lab.simulator.api.http_types import Response

__all__ = ["CLAIMS"]


def _claims(exchange: Exchange) -> Response:
    return json_response({"sub": exchange.environment, "pub": True})


CLAIMS: Final = Writing(method="POST", takes_tokens=False, handle=_claims)
