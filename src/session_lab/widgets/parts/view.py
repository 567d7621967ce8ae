"""The picture that answers, as a widget: what it shows, and the gestures that come back."""

from __future__ import annotations

import json
import zlib
from importlib import resources
from typing import TYPE_CHECKING, Any, ClassVar

import anywidget
import traitlets

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from session_lab.plots.pictures.marks import Key
    from session_lab.plots.pictures.scene import Scene

__all__ = ["View"]

_STATIC = resources.files("session_lab.widgets") / "static"


def _packed(value: object, _: object) -> bytes:
    """Compress what travels with every move: to a seventh of its size, in a millisecond or two."""
    return zlib.compress(json.dumps(value).encode())


class View(anywidget.AnyWidget):
    """A picture in the browser, with the lines above it, and its table and its code below.

    It changes nothing by itself: a gesture arrives at ``on_gesture`` as ``{"pick": key}``,
    ``{"brush": [from, to]}`` in the unit of the axis, ``{"brush": []}``, ``{"reset": True}`` or
    ``{"export": kind}``.

    Parameters
    ----------
    on_gesture : callable
        Called with each gesture.
    """

    _esm: ClassVar[str] = (_STATIC / "view.js").read_text(encoding="utf-8")
    _css: ClassVar[str] = (_STATIC / "view.css").read_text(encoding="utf-8")

    svg = traitlets.Unicode("").tag(sync=True, to_json=_packed)
    scene = traitlets.Dict().tag(sync=True, to_json=_packed)
    picked: Any = traitlets.List().tag(sync=True)
    brushed: Any = traitlets.List().tag(sync=True)
    code = traitlets.Unicode("").tag(sync=True)
    table = traitlets.Unicode("").tag(sync=True, to_json=_packed)
    lines: Any = traitlets.List().tag(sync=True)
    drawn = traitlets.Int(0).tag(sync=True)

    def __init__(
        self,
        on_gesture: Callable[[dict[str, Any]], None],
        **traits: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(**traits)
        self.name = ""
        """By which pages find the static twin of the view, to hide it while the view is alive."""
        self._on_gesture = on_gesture
        self.on_msg(self._on_message)

    def show(
        self,
        scene: Scene | None,
        picked: Sequence[Key],
        brushed: Sequence[float | None],
        *,
        code: str,
        table: str,
        lines: Sequence[str],
    ) -> None:
        """Show a picture, or none, and what stands around it; all of it arrives in one message.

        Parameters
        ----------
        scene : Scene or None
            The picture.
        picked : sequence of str or tuple of str
            The marks that are picked.
        brushed : sequence of float
            The chosen stretch of the horizontal axis, in its own unit; empty where there is none.
        code : str
            The call that makes the view, below it and to be copied.
        table : str
            The numbers behind the picture, as HTML.
        lines : sequence of str
            What is said above it.
        """
        with self.hold_sync():
            self.svg = "" if scene is None else scene.svg
            self.scene = {} if scene is None else scene.to_json()
            self.picked = list(picked)
            self.brushed = list(brushed)
            self.code = code
            self.table = table
            self.lines = list(lines)
            self.drawn += 1

    def _on_message(self, _: object, content: dict[str, Any], __: object) -> None:
        if content.get("hello"):
            self.send({"alive": self.name or "view"})
        else:
            self._on_gesture(content)
            self.send({"alive": ""})
