"""The table of the sessions selected, as a widget: rows are sent when they come into sight."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any, ClassVar

import anywidget
import traitlets

from session_lab.errors import SessionLabError
from session_lab.frames.selection import Selection

if TYPE_CHECKING:
    from session_lab.widgets.data.session_table import SessionTable

__all__ = ["RowsTable"]

_STATIC = resources.files("session_lab.widgets") / "static"


class RowsTable(anywidget.AnyWidget):
    """A table in the browser, over any number of sessions.

    It asks for rows by ``{"window": [from, to], "by": column, "descending": flag}`` and nothing
    else; a question that a newer one has overtaken is not asked.

    Parameters
    ----------
    source : SessionTable
        The rows.
    """

    _esm: ClassVar[str] = (_STATIC / "rows.js").read_text(encoding="utf-8")
    _css: ClassVar[str] = (_STATIC / "rows.css").read_text(encoding="utf-8")

    columns: Any = traitlets.List().tag(sync=True)
    total = traitlets.Int(0).tag(sync=True)
    version = traitlets.Int(0).tag(sync=True)

    def __init__(self, source: SessionTable, **traits: Any) -> None:  # noqa: ANN401
        super().__init__(columns=source.columns, **traits)
        self._source = source
        self._selection = Selection()
        self.on_msg(self._on_message)

    def show(self, selection: Selection, total: int) -> None:
        """Show the sessions of a selection."""
        self._selection = selection
        with self.hold_sync():
            self.total = total
            self.version += 1

    def _on_message(self, _: object, content: dict[str, Any], __: object) -> None:
        match content:
            case {"window": [int() as start, int() as stop], "by": by, "descending": flag}:
                try:
                    rows, links = self._source.window(
                        self._selection,
                        start,
                        stop,
                        by=by if isinstance(by, str) else None,
                        descending=flag is True,
                    )
                except SessionLabError as error:
                    self.send({"problem": str(error)})
                    return
                self.send({"first": start, "rows": rows, "links": links, "version": self.version})
            case _:
                pass  # No table sends anything else.
