"""Talk to the Sessions API.

A pure core builds requests, reads replies, decides on retries and walks pages; :class:`Client` and
:class:`AsyncClient` are two thin shells over it. Every call is listed once, in
:mod:`~session_lab.client.views`; the transport alone knows sockets.
"""

from __future__ import annotations

from session_lab.client.aio import AsyncClient
from session_lab.client.config import DEFAULT_BASE_URL
from session_lab.client.operations.sessions import UNSET, Unset
from session_lab.client.pages.listing import AsyncListing, AsyncPage, Listing, Page
from session_lab.client.requests import Request
from session_lab.client.responses import RawResponse
from session_lab.client.sync import Client

__all__ = [
    "DEFAULT_BASE_URL",
    "UNSET",
    "AsyncClient",
    "AsyncListing",
    "AsyncPage",
    "Client",
    "Listing",
    "Page",
    "RawResponse",
    "Request",
    "Unset",
]


def __dir__() -> list[str]:
    return __all__
