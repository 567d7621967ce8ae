"""Small services for ipywidgets: making controls, moving one from code, and closing a tree."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import ipywidgets  # type: ignore[import-untyped]

from session_lab.timing import to_milliseconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["NOTHING", "WRAPPED", "Kit", "close_tree", "given", "put", "view_of"]

NOTHING = ""
"""What stands for None among a control's options; None itself would show as no choice at all."""

WRAPPED = MappingProxyType({"flex_flow": "row wrap"})
"""The layout of a row that goes on below where it is too long."""


class Kit:
    """Makes controls that share their looks.

    A layout and a style are widgets of their own, and each would travel with every control. Browsers
    title what has no tooltip "null", so that each control has its description for one.
    """

    def __init__(self) -> None:
        self._looks: dict[object, Any] = {}
        self._made: WeakSet[Any] = WeakSet()
        self.is_closed = False

    def make(
        self,
        kind: Callable[..., Any],
        *arguments: Any,  # noqa: ANN401  ipywidgets has no types
        layout: Mapping[str, str] = MappingProxyType({}),
        style: Mapping[str, str] = MappingProxyType({}),
        **options: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        """Make a control; layout and style are those of its kind but for what is said of them."""
        traits = kind.class_traits()  # type: ignore[attr-defined]
        for name, wanted in (("layout", layout), ("style", style)):
            if name in traits:
                options[name] = self._look(traits[name].klass, wanted)
        if "description" in traits:
            options["tooltip"] = options.get("description", "")
        made = kind(*arguments, **options)
        self._made.add(made)
        return made

    def close(self) -> None:
        """Close what was made, shown or not, and then the looks, which nothing has any more."""
        self.is_closed = True
        for one in [*self._made]:
            close_tree(one)
        for one in self._looks.values():
            one.close()
        self._looks.clear()

    def _look(self, kind: Callable[..., Any], wanted: Mapping[str, str]) -> Any:  # noqa: ANN401
        key = (kind, *sorted(wanted.items()))
        if key not in self._looks:
            self._looks[key] = kind(**wanted)
        return self._looks[key]


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
    """Close a widget and all below it; ipywidgets keeps every widget in a table until then."""
    for one in [*_tree(widget)]:
        one.unobserve_all()
        one.close()


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
