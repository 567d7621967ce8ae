"""Any request to the API, for routes that this package has no name for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from session_lab.client.config import check_header
from session_lab.client.operations.arguments import limit_bytes
from session_lab.client.operations.json_values import json_text
from session_lab.client.requests import Operation
from session_lab.errors import DataError
from session_lab.wire.limits import MAX_APPEND_BODY_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["request"]

_IDEMPOTENT = {"DELETE", "GET", "HEAD", "OPTIONS", "PUT"}


def request(
    method: str,
    path: str,
    *,
    params: Mapping[str, str | int] | None = None,
    json: object = None,
    headers: Mapping[str, str] | None = None,
    idempotent: bool | None = None,
) -> Operation[Any]:
    """Send any request, with the client's key, retries and errors.

    Parameters
    ----------
    method : str
        Such as ``"GET"``.
    path : str
        Begins with a slash and is percent-encoded already.
    params : mapping, optional
        The query; it is percent-encoded here.
    json : object, optional
        The body; None sends none.
    headers : mapping, optional
        Further headers; the key is not among them.
    idempotent : bool, optional
        Whether it may be sent again when the first outcome is unknown. By default that follows
        from the method: POST and PATCH may not.

    Returns
    -------
    object
        The decoded JSON of the reply.

    Examples
    --------
    >>> from session_lab.client import Client
    >>> client = Client("tr_dev_example")
    >>> client.dry_run.request("GET", "/api/v1/runs", params={"page[size]": 5}).url
    'https://api.trigger.dev/api/v1/runs?page%5Bsize%5D=5'
    """
    if not path.startswith("/"):
        message = f"{path!r} does not begin with a slash; base_url goes before it"
        raise DataError(message, column="path")
    method = method.upper()
    extra = {
        name.lower(): check_header(value, name=name) for name, value in (headers or {}).items()
    }
    if "authorization" in extra:
        raise DataError("the key goes into the client's api_key", column="headers")
    content = None
    if json is not None:
        content = limit_bytes(json_text(json, name="json"), MAX_APPEND_BODY_BYTES, name="json")
    return Operation(
        method=method,
        path=path,
        query=tuple((name, str(value)) for name, value in (params or {}).items()),
        headers=extra,
        content=content,
        read=lambda decoded: decoded,
        idempotent=method in _IDEMPOTENT if idempotent is None else idempotent,
    )
