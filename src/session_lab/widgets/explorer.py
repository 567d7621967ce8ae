"""What every explorer is: a state, the result it stands for, and a thin shell of controls.

A subclass says how a state becomes a result (:meth:`Explorer._result`, the headless twin), how it
becomes code (:meth:`Explorer._code`), which control moves which field of the state, and what its
marks choose. All else is here: keeping controls and state in step, drawing the newest state only,
gestures, messages in the place of tracebacks, the static page, and closing.
"""

from __future__ import annotations

import threading
import warnings
from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass, field, replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import ipywidgets  # type: ignore[import-untyped]

from session_lab.errors import DataError, SessionLabError
from session_lab.frames import Selection
from session_lab.frames.selection import one_of
from session_lab.mistyped import AnswersMistyped
from session_lab.plots.pictures.picture import Picture
from session_lab.timing import duration_text, instant_text
from session_lab.widgets.parts.call_text import plotted
from session_lab.widgets.parts.cell_cleanup import close_earlier
from session_lab.widgets.parts.controls import WRAPPED, close_tree, given, put
from session_lab.widgets.parts.export import KINDS, free_path, write_rows, write_whole
from session_lab.widgets.parts.html import code_html, figure_html, message_html, table_html
from session_lab.widgets.parts.resting import at_rest, can_wait
from session_lab.widgets.parts.static_twin import display_both, name_of
from session_lab.widgets.parts.view import View

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

    import pandas as pd

    from session_lab.analysis.results import Result
    from session_lab.plots.pictures.marks import Key
    from session_lab.plots.pictures.scene import Scene
    from session_lab.widgets.parts.selection_panel import SelectionPanel

__all__ = ["Explorer", "ExplorerState"]

_WORKING = "Working …"
_DRAFT = "a first answer from a few of the chats; all of them are played once you rest"
_KEPT = 16
"""States whose results and pictures are kept."""
_STEPS = (3_600_000, 60_000, 1_000, 1)
"""What the ends of a stretch are rounded to, in milliseconds."""


@dataclass(frozen=True)
class ExplorerState(AnswersMistyped):
    """What an explorer shows; subclasses add their own fields and check them.

    Attributes
    ----------
    selection : Selection
        The sessions it is about.
    """

    selection: Selection = field(default_factory=Selection)


State = TypeVar("State", bound=ExplorerState)
Value = TypeVar("Value")


class Explorer(AnswersMistyped, ABC, Generic[State]):
    """Controls over an analysis, with everything they show to be had without them.

    Parameters
    ----------
    state : ExplorerState
        What to show first.
    panel : SelectionPanel
        The controls that choose sessions, which several explorers may share.
    shared : bool
        Whether the panel belongs to someone else, who shows and closes it.
    """

    title: ClassVar[str]
    """What the explorer is about, in a word or two."""

    def __init__(self, state: State, panel: SelectionPanel, *, shared: bool) -> None:
        self._state = state
        self._panel = panel
        self._shared = shared
        self._known: dict[State, tuple[Result, tuple[str, ...]]] = {}
        # Appending and taking are one step each, so no thread can lose another's newest state.
        self._wanted: deque[State] = deque(maxlen=1)
        self._drawing = threading.Lock()
        self._is_following = False
        self._is_shown, self._is_stale, self._is_closed = not shared, True, False
        self._picture = Picture()
        self._scenes: dict[State, Scene] = {}
        self._scene: Scene | None = None
        self._whole: State | None = None
        self._is_draft = False
        self._controls: dict[str, Any] = {}
        # What is in it is made when it is first seen: behind a tab it would only take time.
        self.widget = panel.kit.make(ipywidgets.VBox)
        panel.subscribe(self._on_selection)
        if not shared:
            close_earlier(self)
            self.show()

    @abstractmethod
    def _result(self, state: State) -> Result:
        """Compute what a state shows."""

    @abstractmethod
    def _code(self, state: State) -> str:
        """Write the call that computes what a state shows."""

    @abstractmethod
    def _make_controls(self) -> dict[str, Any]:
        """Make the controls, each under the name of the field of the state that it moves."""

    def _in_use(self, state: State) -> set[str]:  # noqa: ARG002  for subclasses
        """Return the controls that make a difference in a state; the others are switched off."""
        return set(self._controls)

    def _draft(self, state: State) -> Result | None:  # noqa: ARG002  for subclasses
        """Return what a part of the data says, where the whole would keep someone waiting."""
        return None

    def _prepare(self, state: State) -> None:
        """Do what takes long about the result of a state, in a thread of its own."""

    def _hints(self, state: State) -> tuple[str, ...]:  # noqa: ARG002  for subclasses
        """Return what to bear in mind in a state, beside what its result says."""
        return ()

    def _owned(self, state: State) -> tuple[str, ...]:  # noqa: ARG002  for subclasses
        """Name the criteria that the view itself shows, and is therefore not filtered by."""
        return ()

    def _picking(self, state: State, mark: Key) -> State:  # noqa: ARG002  for subclasses
        """Return the state after a mark was picked."""
        raise DataError("the marks of this view choose no sessions", column=str(mark))

    def _picked(self, state: State) -> Sequence[Key]:  # noqa: ARG002  for subclasses
        """Return the marks that are picked in a state."""
        return ()

    def _stretch(self, state: State) -> str | None:  # noqa: ARG002  for subclasses
        """Name the criterion, ``created`` or ``lifetime``, that a stretch of the axis chooses."""
        return None

    def _coverage(self, state: State) -> tuple[int, int]:
        """Return how many sessions a state is about, and how many there are."""
        return self._panel.count(state.selection)

    def _lacking(self, state: State) -> str | None:
        """Return why there is nothing to draw in a state, if that is so."""
        n, _ = self._coverage(state)
        return None if n else "nothing is selected; take away a filter, or widen the time window"

    @property
    def state(self) -> State:
        """What is shown now; set another one to show that.

        Raises
        ------
        DataError
            The new state belongs to another explorer, or names what the data do not have.
        """
        return self._state

    @state.setter
    def state(self, state: State) -> None:
        if type(state) is not type(self._state):
            kind = type(self._state).__name__
            raise DataError(f"{state!r} is not a {kind}", column="state")
        if not isinstance(state.selection, Selection):
            raise DataError(f"{state.selection!r} is not a Selection", column="selection")
        self._coverage(state)  # Refuses values that the data do not have.
        self._state = state
        self._follow()
        # First the picture that was asked for, then the lists and the table of rows.
        self._refresh()
        self._panel.value = state.selection

    @property
    def filter(self) -> Selection:
        """What the current view is filtered by: the selection without what the view itself shows.

        A view of tags shows all tags, also those that are not picked, so that others can be.
        """
        return self._filtered(self._state).selection

    def _filtered(self, state: State) -> State:
        return replace(state, selection=state.selection.without(self._owned(state)))

    def pick(self, mark: Key) -> None:
        """Pick a mark of the picture, or put it back: what a click in the browser does.

        Parameters
        ----------
        mark : str or tuple of str
            What the mark stands for: a tag, a pair of tags, a group, an end cause, a timeout.

        Raises
        ------
        DataError
            The view has no such mark, or its marks choose nothing.
        """
        self.state = self._picking(self._state, mark)

    def brush(self, start: Any = None, end: Any = None) -> None:  # noqa: ANN401  times or durations
        """Choose a stretch of the horizontal axis: what dragging in the browser does.

        Parameters
        ----------
        start, end : str, datetime or timedelta, optional
            Its bounds: instants where the axis is time, durations where it is the age of sessions;
            without both, the stretch is taken away.

        Raises
        ------
        DataError
            The axis is neither, or the stretch is empty.
        """
        name = self._stretch(self._state)
        if name is None:
            raise DataError("no stretch can be chosen in this view", column="start")
        bounds = {f"{name}_from": start, f"{name}_to": end}
        self.state = replace(self._state, selection=replace(self._state.selection, **bounds))

    def reset(self) -> None:
        """Remove every criterion of the selection."""
        self.state = replace(self._state, selection=Selection())

    def rows(self) -> pd.DataFrame:
        """Return the sessions that are selected, by every criterion."""
        return self._panel.rows(self._state.selection)

    def export(self, kind: str, path: str | os.PathLike[str]) -> Path:
        """Write what is shown to a file: what the buttons in the browser do.

        Parameters
        ----------
        kind : {"csv", "parquet", "png", "svg", "code"}
            The selected sessions as a table, the picture, or the call that makes the picture.
        path : str or path
            Where to; written whole or not at all.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        DataError
            The kind is unknown, or there is nothing to draw.
        """
        one_of(kind, KINDS, name="kind")
        target = Path(path)
        if kind in {"csv", "parquet"}:
            write_rows(self.rows(), target, kind)
        elif kind == "code":
            write_whole(target, f"{plotted(self.code())}\n".encode())
        elif kind == "png":
            write_whole(target, self._picture.draw(self.data()))
        else:
            scene = self._picture.scene(self.data())
            write_whole(target, scene.to_svg().encode())
        return target

    def data(self) -> Result:
        """Return the result that is shown: what the code of :meth:`code` returns.

        Raises
        ------
        DataError
            The analysis cannot be done on what is selected.
        """
        return self._computed(self._filtered(self._state))[0]

    def code(self) -> str:
        """Return the call that makes the current view; it calls the frames by their usual names.

        Paste it where ``session_lab`` is imported as ``sl`` and the frames are called ``sessions``,
        ``runs`` and ``operations``. It returns what :meth:`data` does; the line below the picture,
        which is also what is copied and exported, ends with ``.plot()`` and makes the picture too.
        """
        return self._code(self._filtered(self._state))

    def to_html(self) -> str:
        """Return the current view as a page without controls: message, picture, table and code."""
        self.show()
        if self._is_draft:
            self._draw_whole()
        parts = [
            f"<h4>{escape(self.title)}</h4>",
            message_html(self._view.lines),
            self._image_html(),
            self._view.table,
            code_html(self._view.code),
        ]
        return f"<div>{''.join(parts)}</div>"

    def _image_html(self) -> str:
        """Return the picture for a page without a kernel; empty where there is none."""
        if not self._view.svg:
            return ""
        png = self._picture.draw(self.data())
        return figure_html(png, self._picture.alt)

    def show(self) -> None:
        """Draw what waited for the explorer to be seen."""
        self._is_shown = True
        if not self._controls:
            self._assemble()
        if self._is_stale:
            self._refresh()

    def hide(self) -> None:
        """Defer changes until the explorer is seen again."""
        self._is_shown = False

    def close(self) -> None:
        """Close the controls and let go of the figure; state, data and code remain."""
        self._is_closed = True
        self._panel.unsubscribe(self._on_selection)
        close_tree(self.widget)
        self._picture.close()
        if not self._shared:
            self._panel.close()

    def __repr__(self) -> str:
        """Show the state."""
        return f"{type(self).__name__}({self._state!r})"

    def _ipython_display_(self) -> None:
        """Display the live controls, and for pages without a kernel the picture and the table."""
        html = self.to_html()
        name = self.live_as(html)
        display_both(html, name, repr(self), None if self._is_closed else self.widget)
        self._panel.get_ready()

    def live_as(self, html: str) -> str:
        """Replace a static twin by the view from now on; return the twin's name."""
        self._view.name = name_of(html)
        return self._view.name

    def _assemble(self) -> None:
        self._controls = self._make_controls()
        make = self._panel.kit.make
        self._view: View = make(View, self._on_gesture)
        row = make(ipywidgets.HBox, [*self._controls.values()], layout=WRAPPED)
        parts = [row, self._view]
        if not self._shared:
            parts = [self._panel.widget, *parts, self._panel.table]
        self.widget.children = parts
        self._follow()
        for control in self._controls.values():
            control.observe(self._on_control, names="value")
        if self._is_closed:
            close_tree(self.widget)
            if self._panel.kit.is_closed:
                self._panel.kit.close()

    def _on_control(self, change: Any) -> None:  # noqa: ANN401  ipywidgets has no types
        if self._is_following:
            return
        name = next(name for name, one in self._controls.items() if one is change["owner"])
        try:
            self.state = replace(self._state, **{name: given(change["new"])})
        except DataError as error:
            self._view.lines = [str(error)]

    def _on_gesture(self, gesture: dict[str, Any]) -> None:
        """Do what was done in the browser, by the same methods that code calls."""
        try:
            match gesture:
                case {"pick": [*parts]}:
                    self.pick(tuple(map(str, parts)))
                case {"pick": str(mark)}:
                    self.pick(mark)
                case {"brush": [int() | float() as start, int() | float() as end]}:
                    self.brush(*self._values(start, end))
                case {"brush": []}:
                    self.brush()
                case {"reset": True}:
                    self.reset()
                case {"export": str(kind)}:
                    written = self.export(kind, free_path(self.title, kind))
                    self._view.lines = [f"Written to {written}"]
                case _:
                    pass  # No view sends anything else.
        except (DataError, OSError) as error:
            self._view.lines = [str(error)]

    def _values(self, start: float, end: float) -> tuple[str, str]:
        """Return places on the axis as text, no finer than the eye can tell them apart."""
        unit = None if self._scene is None else self._scene.x
        if unit is None:
            raise DataError("no stretch can be chosen in this view", column="start")
        low, high = (one * unit.milliseconds for one in (start, end))
        step = next((step for step in _STEPS if step <= (high - low) / 20), 1)
        low, high = (round(one / step) * step for one in (low, high))
        text = instant_text if unit.kind == "time" else duration_text
        return text(low), text(high)

    def _on_selection(self, selection: Selection) -> None:
        if selection != self._state.selection:
            self._state = replace(self._state, selection=selection)
            self._refresh()

    def _follow(self) -> None:
        """Bring the controls in step with the state."""
        self._is_following = True
        try:
            in_use = self._in_use(self._state)
            for name, control in self._controls.items():
                put(control, getattr(self._state, name))
                control.disabled = name not in in_use
        finally:
            self._is_following = False

    def _refresh(self) -> None:
        """Draw the newest state, once, however many changes arrive meanwhile.

        The browser holds back changes of a control while the kernel is busy and then sends only
        the last. A change from another thread, as comms have one in newer kernels, finds the lock
        taken: it leaves its state behind, and who draws now goes on with it.
        """
        self._is_stale = not self._is_shown
        if self._is_stale or self._is_closed:
            return
        self._wanted.append(self._state)
        self._draw_newest()

    def _draw_newest(self) -> None:
        while self._wanted and self._drawing.acquire(blocking=False):
            try:
                if self._wanted:  # Else another thread has just drawn it.
                    self._draw(self._wanted.pop())
            finally:
                self._drawing.release()

    def _draw(self, state: State) -> None:
        self._view.lines = [_WORKING]
        n, total = self._coverage(state)
        lines = [f"{n:,} of {total:,} sessions"]
        scene, table, draft = None, "", None
        filtered = self._filtered(state)
        owned = [name for name in self._owned(state) if name in state.selection.criteria]
        if owned:
            # Both ends of a stretch are one criterion to whoever reads it.
            ends = (name.removesuffix("_from").removesuffix("_to") for name in owned)
            names = " and ".join(name.replace("_", " ") for name in dict.fromkeys(ends))
            # On the same line: a line more would move the picture away from under the pointer.
            lines[0] += f" selected; the picture is not filtered by {names}, which this view shows"
        try:
            if lacking := self._lacking(filtered):
                raise DataError(lacking)
            is_whole = state == self._whole or filtered in self._known or not can_wait()
            draft = None if is_whole else self._draft(filtered)
            if draft is None:
                result, notes = self._computed(filtered)
            else:
                result, notes = draft, (_DRAFT,)
            if self._wanted:
                return  # A newer state is waiting, so nobody would see this one.
            scene = self._drawn(filtered, result) if draft is None else self._picture.scene(draft)
            table = table_html(result.overview(), (result.formula, *result.notes))
            lines += [*self._hints(filtered), *notes]
        except SessionLabError as error:
            lines.append(str(error))
        self._scene = scene
        code = self._code(filtered)
        if scene is not None:
            code = plotted(code)
        self._is_draft = draft is not None
        if self._is_draft:
            self._finish(state, filtered)
        brushed = self._brushed(state, scene)
        self._view.show(scene, self._picked(state), brushed, code=code, table=table, lines=lines)

    def _finish(self, state: State, filtered: State) -> None:
        """Draw the whole of a state once nobody moves away from it any more."""

        def is_wanted() -> bool:
            return state == self._state and not self._is_closed

        def draw() -> None:
            if is_wanted():
                self._draw_whole()

        at_rest(is_wanted, lambda: self._prepare(filtered), draw)

    def _draw_whole(self) -> None:
        self._whole = self._state
        self._refresh()

    def _drawn(self, state: State, result: Result) -> Scene:
        """Return the picture of a state, which is drawn once."""
        return _remembered(self._scenes, state, lambda: self._picture.scene(result))

    def _brushed(self, state: State, scene: Scene | None) -> list[float | None]:
        """Return the chosen stretch in the unit of the axis; empty where there is none."""
        name = self._stretch(state)
        if scene is None or scene.x is None or name is None:
            return []
        bounds = state.selection.window if name == "created" else state.selection.lengths
        unit = scene.x.milliseconds
        return [] if bounds == (None, None) else [at and at / unit for at in bounds]

    def _computed(self, state: State) -> tuple[Result, tuple[str, ...]]:
        """Return the result of a state, which is computed once, and what was warned of."""
        return _remembered(self._known, state, lambda: self._compute(state))

    def _compute(self, state: State) -> tuple[Result, tuple[str, ...]]:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            result = self._result(state)
        return result, tuple(dict.fromkeys(str(warning.message) for warning in caught))


def _remembered(known: dict[State, Value], state: State, make: Callable[[], Value]) -> Value:
    """Return what was made for a state, or make it; who goes back soon finds it again."""
    value = known.pop(state) if state in known else make()
    known[state] = value
    if len(known) > _KEPT:
        del known[next(iter(known))]
    return value
