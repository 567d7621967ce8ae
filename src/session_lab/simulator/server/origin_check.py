"""Keep web pages away from the control API, which takes no key.

Any page in a browser on this machine can send requests to a local port. What it cannot do is hide
where it came from: browsers name the page's origin, and the name of the host they were sent to.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from session_lab.simulator.api.http_types import Request

__all__ = ["comes_from_elsewhere", "is_loopback"]


def is_loopback(host: str) -> bool:
    """Tell whether a host's name or address means this machine.

    Examples
    --------
    >>> is_loopback("localhost"), is_loopback("127.0.0.1"), is_loopback("::1")
    (True, True, True)
    >>> is_loopback("0.0.0.0"), is_loopback("lab.example")
    (False, False)
    """
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def comes_from_elsewhere(request: Request) -> bool:
    """Tell whether a browser sent a request for a page, or to a name, of another machine.

    Examples
    --------
    >>> from session_lab.simulator.api.http_types import Request
    >>> def sent(**headers):
    ...     return comes_from_elsewhere(Request("POST", "/_lab/reset", headers=headers))
    >>> sent(host="127.0.0.1:8787"), sent(host="127.0.0.1:8787", origin="http://localhost:3000")
    (False, False)
    >>> sent(host="127.0.0.1:8787", origin="https://evil.example"), sent(host="evil.example:8787")
    (True, True)
    """
    headers = request.headers
    addresses = [f"//{headers['host']}"] if "host" in headers else []
    addresses += [headers["origin"]] if "origin" in headers else []
    return not all(is_loopback(_host(address)) for address in addresses)


def _host(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""
