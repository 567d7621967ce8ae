"""Small services for ipywidgets: moving a control from code, and closing all of a tree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets  # type: ignore[import-untyped]

from session_lab.timing import to_milliseconds

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["NOTHING", "close_tree", "given", "put", "title_all", "view_of"]

NOTHING = ""
"""What stands for None among a control's options; None itself would show as no choice at all."""


def given(value: Any) -> Any:  # noqa: ANN401  ipywidgets has no types
    """Return what a control's value means."""
    return None if value == NOTHING else value


def put(control: Any, value: Any) -> None:  # noqa: ANN401  ipywidgets has no types
    """Move a control to a value, and make room for one beyond its options or its range.

    A slider over named values is one of durations here, and keeps them in order.
    """
    value = NOTHING if value is None else value
    if hasattr(control, "options"):
        known = [option[1] if isinstance(option, tuple) else option for option in control.options]
        wanted = value if isinstance(value, tuple) else (value,)
        missing = [one for one in wanted if one not in known]
        if missing:
            options = [*control.options, *((str(one), one) for one in missing)]
            control.options = sorted(options, key=_length) if _is_slider(control) else options
    if hasattr(control, "max"):
        control.max = max(control.max, value)
    if control.value != value:
        control.value = value


def close_tree(widget: Any) -> None:  # noqa: ANN401  ipywidgets has no types
    """Close a widget and all below it, with their layouts and styles.

    ipywidgets keeps every widget in a table of its own until it is closed.
    """
    for one in [*_tree(widget)]:
        one.unobserve_all()
        for part in ("layout", "style"):
            if hasattr(one, part):
                getattr(one, part).close()
        one.close()


def title_all(widget: Any) -> None:  # noqa: ANN401  ipywidgets has no types
    """Title every control of a tree by its description; the browser titles others "null"."""
    for one in _tree(widget):
        if hasattr(one, "description") and one.tooltip is None:
            one.tooltip = one.description


def view_of(widget: Any) -> dict[str, object]:  # noqa: ANN401  ipywidgets has no types
    """Return what Jupyter shows a live widget by."""
    view: dict[str, object] = widget._repr_mimebundle_()
    return view


def _is_slider(control: Any) -> bool:  # noqa: ANN401  ipywidgets has no types
    return isinstance(control, ipywidgets.SelectionSlider)


def _length(option: tuple[str, str]) -> int:
    return to_milliseconds(option[1])


def _tree(widget: Any) -> Iterator[Any]:  # noqa: ANN401  ipywidgets has no types
    for child in getattr(widget, "children", ()):
        yield from _tree(child)
    yield widget
