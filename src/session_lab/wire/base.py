"""What all models of the wire share: names, unknown fields, absent fields and times."""

from __future__ import annotations

import re
import warnings
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    PlainSerializer,
    PlainValidator,
    SerializerFunctionWrapHandler,
    WithJsonSchema,
    model_serializer,
)
from pydantic.alias_generators import to_camel

from session_lab.errors import DataWarning

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["FIRST_MOMENT", "LAST_MOMENT", "Moment", "OmittingModel", "WireModel", "read_moment"]

FIRST_MOMENT = datetime.min.replace(tzinfo=UTC)
"""What times before year 1 become."""

LAST_MOMENT = datetime.max.replace(tzinfo=UTC, microsecond=999_000)
"""What times after year 9999 become."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# JavaScript writes years outside 0 to 9999 with a sign and six digits; year 0 exists there too.
_BEYOND_PYTHON = re.compile(r"([+-])\d{6}-|0000-")


def read_moment(value: object) -> datetime:
    """Turn a time of the API into an aware datetime in UTC.

    The server holds instants up to the year 275760, Python up to 9999. One session that "never"
    expires must not make a whole page unreadable, so a time outside Python's years becomes
    :data:`FIRST_MOMENT` or :data:`LAST_MOMENT`, with a :class:`~session_lab.errors.DataWarning`.

    Parameters
    ----------
    value : object
        ISO 8601 text (without a zone it is UTC), milliseconds since 1970, or a datetime.

    Examples
    --------
    >>> read_moment("2026-04-24T09:00:00.000Z")
    datetime.datetime(2026, 4, 24, 9, 0, tzinfo=datetime.timezone.utc)
    """
    if isinstance(value, str):
        beyond = _BEYOND_PYTHON.match(value)
        if beyond:
            return _nearest(value, late=beyond[1] == "+")
        value = datetime.fromisoformat(value)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return _EPOCH + timedelta(milliseconds=value)
        except OverflowError:
            return _nearest(value, late=value > 0)
    if not isinstance(value, datetime):
        message = "a time is ISO 8601 text or milliseconds since 1970"
        raise ValueError(message)  # noqa: TRY004  pydantic reports ValueErrors with their place
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError:  # its zone carries it over the first or the last of Python's years
        return _nearest(value, late=value.year > FIRST_MOMENT.year)


def _nearest(value: object, *, late: bool) -> datetime:
    nearest = LAST_MOMENT if late else FIRST_MOMENT
    message = f"{value} lies outside the years 1 to 9999; {_write_moment(nearest)} stands for it"
    warnings.warn(message, DataWarning, stacklevel=2)
    return nearest


def _write_moment(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


Moment = Annotated[
    datetime,
    PlainValidator(read_moment),
    PlainSerializer(_write_moment, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""An instant on the wire: an aware datetime in UTC here, ``2026-04-24T09:00:00.000Z`` there."""


class WireModel(BaseModel):
    """Something that travels: snake_case here, camelCase on the wire.

    Fields that this version does not know are kept, under the names they came with.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="allow",
        frozen=True,
        # NaN stays NaN, which JSON then refuses, instead of silently turning into null.
        ser_json_inf_nan="constants",
    )

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        """Show what is given, and times as the API writes them."""
        for name, value in super().__repr_args__():
            if value is not None:
                yield name, _write_moment(value) if isinstance(value, datetime) else value


class OmittingModel(WireModel):
    """A model of optional fields which the API refuses as ``null``: None is left out."""

    @model_serializer(mode="wrap")
    def _leave_out_none(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in handler(self).items() if value is not None}
