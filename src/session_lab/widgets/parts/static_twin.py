"""How something live is displayed so that its static twin is seen wherever it is not alive.

A notebook that is reopened without a kernel, exported or built into a site takes the view of a
widget and shows an error or nothing. So two outputs are written: the static twin, and the view.
While the view is alive, that is once a kernel has answered it, a style rule hides the twin; while
it is not, the twin is seen and what a dead view leaves behind is hidden.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from IPython.display import display

from session_lab.widgets.parts.controls import view_of

__all__ = ["display_both", "name_of", "static_html"]

_RULES = (
    "body:has(.sl-live-{name}) .sl-static-{name} {{display: none}} "
    ".jp-OutputArea-child:has(.sl-static-{name}) + "
    ".jp-OutputArea-child:not(:has(.sl-live-{name})), "
    ".output:has(> .sl-static-{name}) + .output:not(:has(.sl-live-{name})) {{display: none}}"
)


def name_of(html: str) -> str:
    """Return a name for a twin, the same for the same page."""
    return sha256(html.encode()).hexdigest()[:12]


def static_html(html: str, name: str) -> str:
    """Wrap a static twin, with the rules that hide it while the view of its name is alive."""
    rules = _RULES.format(name=name)
    return f'<div class="sl-static-{name}"><style>{rules}</style>{html}</div>'


def display_both(html: str, name: str, text: str, widget: Any | None) -> None:  # noqa: ANN401
    """Display a static twin, and a live widget where there is one."""
    display({"text/plain": text, "text/html": static_html(html, name)}, raw=True)  # type: ignore[no-untyped-call]
    if widget is not None:
        # Empty text: where no view is shown, the twin above says all.
        display({**view_of(widget), "text/plain": ""}, raw=True)  # type: ignore[no-untyped-call]
