"""The criteria of a selection as buttons that take them away, in one widget."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any, ClassVar

import anywidget
import traitlets

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Chips"]

_STATIC = resources.files("session_lab.widgets") / "static"


class Chips(anywidget.AnyWidget):
    """Buttons that come and go: one widget, where a widget for each would leave something behind.

    Parameters
    ----------
    on_take : callable
        Called with the place of the button that was clicked.
    """

    _esm: ClassVar[str] = (_STATIC / "chips.js").read_text(encoding="utf-8")
    _css: ClassVar[str] = (_STATIC / "chips.css").read_text(encoding="utf-8")

    texts: Any = traitlets.List().tag(sync=True)

    def __init__(self, on_take: Callable[[int], None], **traits: Any) -> None:  # noqa: ANN401
        super().__init__(**traits)
        self._on_take = on_take
        self.on_msg(self._on_message)

    def show(self, texts: Sequence[str]) -> None:
        """Show a button for each text."""
        self.texts = list(texts)

    def _on_message(self, _: object, content: dict[str, Any], __: object) -> None:
        match content:
            case {"take": int(place)} if 0 <= place < len(self.texts):
                self._on_take(place)
            case _:
                pass  # The buttons send nothing else, but one of them may be gone meanwhile.
