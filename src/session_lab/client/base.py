"""What both clients are beside their calls: settings, and the views made of them."""

from __future__ import annotations

from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

from session_lab.client.calls import Origin
from session_lab.client.engines import DryRunEngine
from session_lab.client.views import CallView

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from session_lab.client.calls import DryRun, Engine
    from session_lab.client.config import Settings
    from session_lab.client.retry import CallContext

__all__ = ["BaseClient"]

Mode = TypeVar("Mode")


class BaseClient(CallView[Mode]):
    """A client that is a value: it pickles and copies to its settings, never to its sockets."""

    _settings: Settings | None = None
    _given: Mapping[str, object] = MappingProxyType({})

    def _show(self, engine: Engine, context: CallContext, given: Mapping[str, object]) -> None:
        """Show the views; ``given`` are the arguments that are not settings, as they came."""
        self._settings = context.settings
        self._given = given
        origin = Origin(self._recipe(), "")
        super().__init__(engine, origin)
        self.clock = context.clock
        self.dry_run: CallView[DryRun] = CallView(DryRunEngine(context), origin.inner("dry_run"))
        self._raw_origin = origin.inner("with_raw_response")

    def __reduce__(self) -> tuple[object, ...]:
        """Make the same client again, with connections of its own."""
        return self._recipe(), ()

    def _recipe(self) -> Callable[[], object]:
        settings = {} if self._settings is None else self._settings.arguments()
        kind: Callable[..., object] = type(self)
        return partial(kind, **settings, **self._given)

    @property
    def environment(self) -> str | None:
        """What its key says it opens: ``"dev"``, ``"stg"``, ``"preview"``, ``"prod"``, or None.

        Only secret keys say so; tokens do not. (Trigger.dev docs: API keys)
        """
        return None if self._settings is None else self._settings.environment

    def __repr__(self) -> str:
        """Show where it talks to, and no key."""
        address = None if self._settings is None else self._settings.base_url
        return f"{type(self).__name__}(base_url={address!r})"
