"""Pools of connections: made of the settings and the environment, one for each process and loop."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from session_lab.client.redaction import redact_url
from session_lab.client.transport.network import BoundedBackend
from session_lab.errors import DataError, SessionLabError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Hashable

    from session_lab.client.config import Settings

__all__ = ["AsyncPools", "Pools", "closed_error"]


class Pools:
    """The pool of the running process.

    A child made by ``fork`` has the parent's sockets in its hands: a request on one of them would
    take the parent's reply. So each process gets a pool of its own. The parent's stays in the table
    untouched, since closing it here would also say goodbye to the server in the parent's name.

    Parameters
    ----------
    settings : Settings
        What pools are made of.
    given : httpx.BaseTransport, optional
        A transport of the user's own, which stands for all pools.
    """

    def __init__(self, settings: Settings, given: httpx.BaseTransport | None) -> None:
        self._settings = settings
        self._given = given
        self._home = os.getpid()
        self._pools: dict[int, httpx.BaseTransport] = {}
        self._is_closed = False
        if given is None:
            # What the settings or the environment forbid is said when the client is made.
            self.current()
        elif isinstance(given, httpx.HTTPTransport):
            _bound(given)

    def current(self) -> httpx.BaseTransport:
        """Return the transport of this process.

        Raises
        ------
        SessionLabError
            The client is closed, or its transport belongs to another process.
        """
        if self._is_closed:
            raise closed_error()
        process = os.getpid()
        if self._given is not None:
            _check_home(self._given, here=process, home=self._home, what="process")
            return self._given
        found = self._pools.get(process)
        if found is None:
            made = _make(httpx.HTTPTransport, self._settings)
            _bound(made)
            # Of two threads that come here at once the first wins, without a lock: one that is
            # held while another thread forks stays locked in the child.
            found = self._pools.setdefault(process, made)
            if found is not made:
                made.close()
        return found

    def close(self) -> None:
        """Close the connections of this process."""
        self._is_closed = True
        pool = self._pools.pop(os.getpid(), None) if self._given is None else self._given
        if pool is not None:
            pool.close()


class AsyncPools:
    """The pool of the running event loop, in the running process; the rest is as in ``Pools``."""

    def __init__(self, settings: Settings, given: httpx.AsyncBaseTransport | None) -> None:
        self._settings = settings
        self._given = given
        self._home: Hashable = None
        self._pools: dict[Hashable, tuple[httpx.AsyncBaseTransport, AsyncGenerator[None, None]]]
        self._pools = {}
        self._is_closed = False
        if given is None:
            _ssl_context()
            _proxy_options(settings)

    async def current(self) -> httpx.AsyncBaseTransport:
        """Return the transport of this process and event loop.

        Raises
        ------
        SessionLabError
            The client is closed, or its transport belongs to another event loop.
        """
        if self._is_closed:
            raise closed_error()
        here = (os.getpid(), asyncio.get_running_loop())
        if self._given is not None:
            self._home = self._home or here
            _check_home(self._given, here=here, home=self._home, what="event loop")
            return self._given
        found = self._pools.get(here)
        if found is None:
            made = _make(httpx.AsyncHTTPTransport, self._settings)
            guard = self._guard(here, made)
            found = self._pools[here] = made, guard
            await anext(guard)
        return found[0]

    async def _guard(
        self, here: Hashable, pool: httpx.AsyncBaseTransport
    ) -> AsyncGenerator[None, None]:
        """Close a pool in its own loop: whoever ends a loop closes its asynchronous generators."""
        try:
            yield
        finally:
            self._pools.pop(here, None)
            await pool.aclose()

    async def close(self) -> None:
        """Close the connections of this event loop."""
        self._is_closed = True
        if self._given is not None:
            await self._given.aclose()
            return
        found = self._pools.get((os.getpid(), asyncio.get_running_loop()))
        if found is not None:
            await found[1].aclose()


def closed_error() -> SessionLabError:
    """Make the error of a call on a closed client."""
    return SessionLabError("this client is closed; make a new one, or call it before close()")


def _check_home(given: object, *, here: Hashable, home: Hashable, what: str) -> None:
    if here != home and isinstance(given, httpx.HTTPTransport | httpx.AsyncHTTPTransport):
        message = (
            f"the transport of this client belongs to another {what}; make a client with a "
            "transport of its own here, or give none"
        )
        raise SessionLabError(message)


def _bound(transport: httpx.HTTPTransport) -> None:
    """Make the sockets of a transport keep to deadlines.

    httpx has no argument for that, though the pool that it wraps has one.
    """
    pool: Any = transport._pool  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    if not isinstance(pool._network_backend, BoundedBackend):  # noqa: SLF001
        pool._network_backend = BoundedBackend(pool._network_backend)  # noqa: SLF001


def _make(kind: type[Any], settings: Settings) -> Any:  # noqa: ANN401  an object of that kind
    most = settings.max_connections
    limits = httpx.Limits(max_connections=most, max_keepalive_connections=most)
    return kind(verify=_ssl_context(), limits=limits, **_proxy_options(settings))


def _ssl_context() -> Any:  # noqa: ANN401  an ssl.SSLContext; ssl is slow to load
    try:
        return httpx.create_ssl_context()
    except OSError as error:
        message = (
            f"the certificates cannot be read: {error}; look at the environment variables "
            "SSL_CERT_FILE, SSL_CERT_DIR and SSLKEYLOGFILE"
        )
        raise DataError(message, source="environment") from None


def _proxy_options(settings: Settings) -> dict[str, Any]:
    """Choose the proxy that the environment names for the one address of a client."""
    parts = urlsplit(settings.base_url)
    proxies = getproxies()
    name = next((name for name in (parts.scheme, "all") if proxies.get(name)), None)
    if name is None or proxy_bypass(parts.netloc):
        return {}
    url = proxies[name] if "://" in proxies[name] else f"http://{proxies[name]}"
    try:
        # Each kind of proxy checks its address when it is made; nothing is connected.
        httpx.HTTPTransport(proxy=url, verify=False).close()
    except (httpx.InvalidURL, ValueError, ImportError) as error:
        variable = f"{name.upper()}_PROXY"
        reason = str(error).replace(url, redact_url(url)).rstrip(".")
        message = (
            f"{redact_url(url)!r} cannot be used as a proxy: {reason}; change the "
            f"environment variable {variable}, or name {parts.hostname} in NO_PROXY"
        )
        raise DataError(message, source=variable) from None
    return {"proxy": url}
