"""Checks that frozen classes of settings share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from typing import TYPE_CHECKING, Any, ClassVar

from session_lab.errors import DataError
from session_lab.timing import duration_text, instant_text, to_instant, to_milliseconds

if TYPE_CHECKING:
    from collections.abc import Callable
    from dataclasses import Field

__all__ = ["Checks"]


class Checks:
    """The base of frozen dataclasses that check their fields and keep them in one form."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    def _keep(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def _keep_duration(self, name: str) -> int:
        """Check a duration, keep its text, and return its milliseconds."""
        value: int = self._as(name, lambda given: to_milliseconds(given, name=name))
        self._keep(name, duration_text(value))
        return value

    def _keep_instants(self, name: str) -> None:
        """Check a list of instants, and keep their texts in order, each once."""
        given: object = getattr(self, name)
        if isinstance(given, str) or not isinstance(given, Iterable):
            raise self._refusal(name, f"{given!r} is not a list of instants")
        made: list[int] = self._as(
            name, lambda values: sorted({to_instant(value, name=name) for value in values})
        )
        self._keep(name, tuple(instant_text(instant) for instant in made))

    def _as(self, name: str, make: Callable[[Any], Any], *given: Any) -> Any:  # noqa: ANN401
        """Make something of a field's value; an error names the field."""
        try:
            return make(*(given or (getattr(self, name),)))
        except DataError as error:
            raise self._refusal(name, str(error.args[0])) from None

    def _refusal(self, name: str, message: str) -> DataError:
        return DataError(message, source=type(self).__name__, column=name)

    def _shown(self) -> str:
        """Return the repr: what differs from the defaults."""
        changed = (
            f"{field.name}={getattr(self, field.name)!r}"
            for field in fields(self)
            if getattr(self, field.name) != field.default
        )
        return f"{type(self).__name__}({', '.join(changed)})"
