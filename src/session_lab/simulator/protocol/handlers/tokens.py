"""What clients need to sign public tokens by themselves.

Route ``apps/webapp/app/routes/api.v1.auth.jwt.claims.ts`` of the open-source server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from session_lab.simulator.protocol.messages import json_response
from session_lab.simulator.protocol.pipelines import Writing

if TYPE_CHECKING:
    from session_lab.simulator.protocol.exchange import Exchange
    from session_lab.simulator.protocol.messages import Response

__all__ = ["CLAIMS"]


def _claims(exchange: Exchange) -> Response:
    return json_response({"sub": exchange.environment, "pub": True})


CLAIMS: Final = Writing(method="POST", takes_tokens=False, handle=_claims)
