"""Keep web pages of other sites away from a server that a browser on this machine can reach.

Any page in a browser on this machine can send requests to a local port. What it cannot do is hide
where it came from: browsers name the page's origin, and the name of the host they were sent to.
"""

from __future__ import annotations

import functools
import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from session_lab.simulator.api.http_types import Request

__all__ = ["comes_from_elsewhere", "is_loopback"]


def is_loopback(host: str) -> bool:
    """Return whether a host's name or address means this machine.

    Examples
    --------
    >>> is_loopback("localhost"), is_loopback("127.0.0.1"), is_loopback("::1")
    (True, True, True)
    >>> is_loopback("0.0.0.0"), is_loopback("lab.example")
    (False, False)
    """
    if host == "localhost" or host.endswith(".localhost"):
        return True
    address = _address(host)
    return address is not None and address.is_loopback


def comes_from_elsewhere(request: Request) -> bool:
    """Return whether a browser sent a request for a page of another site.

    A page of this machine and a page that the server itself sent are no others. A host that is
    named by anything but an address or ``localhost`` may be a name that its owner has pointed at
    this machine in order to pass for the server.

    Examples
    --------
    >>> from session_lab.simulator.api.http_types import Request
    >>> def sent(**headers):
    ...     return comes_from_elsewhere(Request("POST", "/_lab/reset", headers=headers))
    >>> sent(host="127.0.0.1:8787"), sent(host="127.0.0.1:8787", origin="http://localhost:3000")
    (False, False)
    >>> sent(host="192.0.2.7:8787"), sent(host="192.0.2.7:8787", origin="http://192.0.2.7:8787")
    (False, False)
    >>> sent(host="127.0.0.1:8787", origin="https://evil.example"), sent(host="evil.example:8787")
    (True, True)
    """
    return _is_elsewhere(request.headers.get("host"), request.headers.get("origin"))


@functools.lru_cache(maxsize=256)
def _is_elsewhere(host: str | None, origin: str | None) -> bool:
    name = None if host is None else _host(f"//{host}")
    if name is not None and not is_loopback(name) and _address(name) is None:
        return True
    if origin is None or is_loopback(_host(origin)):
        return False
    return host is None or origin.partition("://")[2] != host


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
