"""The explorer notebook in JupyterLab: run, and every control moved by its label."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Locator, Page

pytestmark = pytest.mark.needs_chromium

PICTURE = ".sl-view svg"
# An element of SVG has no `offsetParent`; what is not laid out has no boxes.
SHOWN = """root => {
    const pictures = [...root.querySelectorAll('.sl-view svg')];
    const seen = pictures.find(one => one.getClientRects().length);
    return [seen?.outerHTML ?? null, root.innerText];
}"""
RUN = "name => { window.jupyterapp.commands.execute(name); }"
EXPLORER = "print(id(explorer))"
WIDGETS = "import ipywidgets; print(len(ipywidgets.Widget.get_manager_state()['state']))"


class Seen:
    """What the explorer of a tab shows: its picture, its table and its code."""

    def __init__(self, page: Page, explorer: Locator) -> None:
        self._page, self._explorer = page, explorer

    def now(self) -> Any:
        """Return the picture that is seen, or None, and the text; both at one moment."""
        return self._explorer.evaluate(f"root => ({SHOWN})(root)")

    def settled(self) -> Any:
        """Wait until nothing is being computed."""
        self._page.wait_for_function(
            "root => !root.innerText.includes('Working')", arg=self._explorer.element_handle()
        )
        return self.now()

    def change(
        self, move: Callable[[], object], picture: Literal["new", "same", "none"] = "new"
    ) -> None:
        """Move something, and see the text change, and the picture where it should.

        A tab that is opened for the first time has no picture until the kernel has drawn one, so
        that without a picture nothing has been answered yet.
        """
        before = self.settled()
        move()
        # The picture and the text come in messages of their own.
        self._page.wait_for_function(
            f"""([root, [oldPicture, oldText], wanted]) => {{
                const [picture, text] = ({SHOWN})(root);
                const found = picture === null ? 'none' : picture === oldPicture ? 'same' : 'new';
                return text !== oldText && found === wanted && !text.includes('Working');
            }}""",
            arg=[self._explorer.element_handle(), before, picture],
        )


@pytest.fixture
def notebook(page: Page, lab: Any) -> Page:
    """Open the notebook, forget its outputs, and run it."""
    page.goto(f"{lab.url}/doc/tree/explorers.ipynb?token={lab.token}")
    page.wait_for_selector("text=Python 3 (ipykernel) | Idle")
    for command in ("notebook:clear-all-cell-outputs", "notebook:run-all-cells"):
        page.evaluate(RUN, command)
    page.wait_for_selector(f"{PICTURE}:visible", timeout=120_000)
    # The last cell has run when its output is there.
    page.wait_for_selector("text=is not one of 'distribution'", timeout=120_000)
    return page


def test_every_control_of_the_explorers_moves_what_is_shown(notebook: Page, screenshots: Path):
    errors: list[str] = []
    notebook.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
    explorer = notebook.locator(".jp-OutputArea-output:has(.widget-tab)").first
    explorer.scroll_into_view_if_needed()
    seen = Seen(notebook, explorer)
    _move_filters(explorer, seen)
    _move_tags(explorer, seen)
    explorer.screenshot(path=screenshots / "explorer-tags.png")
    seen.change(partial(_open_tab_with_keys, explorer, "Lifetimes"))
    _move_lifetimes(explorer, seen)
    explorer.screenshot(path=screenshots / "explorer-lifetimes.png")
    seen.change(partial(_open_tab_with_keys, explorer, "Churn"))
    _move_churn(explorer, seen)
    explorer.screenshot(path=screenshots / "explorer-churn.png")
    seen.change(partial(_open_tab_with_keys, explorer, "What if"))
    _move_policy(explorer, seen)
    explorer.screenshot(path=screenshots / "explorer-what-if.png")
    _controls_have_names(explorer)
    _in_the_dark(explorer, screenshots)
    seen.change(lambda: _choose(explorer, "Status", "ACTIVE"))
    seen.change(lambda: _choose(explorer, "Ended by", "closed"), "none")
    assert "nothing is selected" in seen.settled()[1]
    assert not explorer.locator(f"{PICTURE}:visible").count()
    explorer.screenshot(path=screenshots / "explorer-empty.png")
    _reset_from_the_toolbar(explorer, seen)
    _read_rows(explorer)
    explorer.locator(".sl-rows").screenshot(path=screenshots / "explorer-rows.png")
    _zoom(explorer)
    _narrow(notebook, explorer, screenshots)
    assert errors == []


def test_running_the_notebook_again_leaves_no_widgets_behind(notebook: Page):
    old, before = _printed(notebook, EXPLORER), _printed(notebook, WIDGETS)
    notebook.evaluate(RUN, "notebook:run-all-cells")
    while _printed(notebook, EXPLORER) == old:
        notebook.wait_for_timeout(100)
    assert _printed(notebook, WIDGETS) == before


def test_the_toolbar_copies_the_code_and_writes_files_beside_the_notebook(notebook: Page, lab: Any):
    explorer = notebook.locator(".jp-OutputArea-output:has(.widget-tab)").first
    # The last change that the notebook makes to the explorer; from then on it rests.
    explorer.get_by_role("button", name="lang:ja").wait_for()
    notebook.context.grant_permissions(["clipboard-read", "clipboard-write"])
    explorer.get_by_role("button", name="Copy the code of this view").click()
    notebook.wait_for_function(
        "async code => await navigator.clipboard.readText() === code",
        arg=explorer.locator("pre:visible").inner_text(),
    )
    for content, name in (
        ("the sessions selected as CSV", "tags.csv"),
        ("the picture as PNG", "tags.png"),
        ("the code", "tags.py"),
        ("the sessions selected as CSV", "tags-2.csv"),
    ):
        explorer.get_by_role("button", name=f"Write {content} to a file").click()
        explorer.get_by_text(f"Written to {name}").wait_for()
    n = int(_printed(notebook, "print(len(explorer.rows()))"))
    assert [len(pd.read_csv(lab.folder / name)) for name in ("tags.csv", "tags-2.csv")] == [n, n]
    assert n > 0
    assert (lab.folder / "tags.png").read_bytes().startswith(b"\x89PNG")
    assert ".plot()" in (lab.folder / "tags.py").read_text(encoding="utf-8")


def _printed(notebook: Page, code: str) -> str:
    """Run code in the notebook's kernel; return what it prints."""
    return notebook.evaluate(
        """code => new Promise(done => {
            const context = window.jupyterapp.shell.currentWidget.context;
            const future = context.sessionContext.session.kernel.requestExecute({code});
            let text = '';
            future.onIOPub = message => { text += message.content.text ?? ''; };
            future.done.then(() => done(text));
        })""",
        code,
    )


def _open_tab_with_keys(explorer: Locator, name: str) -> None:
    tabs = explorer.get_by_role("tab")
    tabs.first.focus()
    for _ in range(tabs.all_inner_texts().index(name)):
        explorer.page.keyboard.press("ArrowRight")
    explorer.page.keyboard.press("Enter")


def _move_filters(explorer: Locator, seen: Seen) -> None:
    # The notebook ends with a selection; take it away. Tags that occur together are shown whatever
    # tags are chosen.
    seen.change(lambda: _list(explorer, "Tags").select_option([]), "same")
    for label, option, picture in (
        ("Status", "CLOSED", "new"),
        ("Ended by", "closed", "new"),
        ("Tags", "plan:pro", "same"),
    ):
        seen.change(partial(_choose, explorer, label, option), picture)
        seen.change(partial(_list(explorer, label).select_option, []), picture)
    for key in ("ArrowRight", "ArrowLeft"):
        seen.change(partial(explorer.locator(".noUi-handle").first.press, key))


def _move_tags(explorer: Locator, seen: Seen) -> None:
    seen.change(partial(_slider(explorer, "How many").press, "ArrowRight"))
    for view in ("How often", "By namespace", "By status", "Over time"):
        seen.change(partial(_pick, explorer, "Show", view))
    seen.change(partial(_pick, explorer, "Periods", "hour"))
    seen.change(partial(_pick, explorer, "Periods", "day"))


def _move_lifetimes(explorer: Locator, seen: Seen) -> None:
    seen.change(partial(_pick, explorer, "Expiry is", "no end (censors)"))
    seen.change(partial(_pick, explorer, "Round to", "6h"))
    seen.change(partial(_pick, explorer, "Show", "closed and expired, by age"))
    seen.change(partial(_pick, explorer, "Show", "still open, by age"))
    seen.change(partial(_pick, explorer, "Group by", "tags"))


def _move_churn(explorer: Locator, seen: Seen) -> None:
    views = ("Gaps between runs", "Reasons and ends", "From end to reason", "Who comes back")
    for view in (*views, "Rate over time"):
        seen.change(partial(_pick, explorer, "Show", view))
    seen.change(partial(_pick, explorer, "By", "week"))
    seen.change(partial(_pick, explorer, "By", "day"))
    seen.change(partial(_pick, explorer, "Show", "Who comes back"))
    seen.change(partial(_pick, explorer, "Days are", "24 hours each"))


def _move_policy(explorer: Locator, seen: Seen) -> None:
    for label, key in (
        ("Idle timeout", "ArrowRight"),
        ("Turn timeout", "Home"),
        ("Boot time", "ArrowRight"),
        ("Max turns", "Home"),
    ):
        seen.change(partial(_slider(explorer, label).press, key))
    seen.change(partial(_pick, explorer, "Expiry after", "1 h"))
    seen.change(partial(_pick, explorer, "Expiry after", "as recorded"))
    seen.change(partial(_slider(explorer, "Max turns").press, "End"))


def _controls_have_names(explorer: Locator) -> None:
    """Say what a screen reader reads of sliders: their label, and the value beside them."""
    told = explorer.locator(".widget-slider:visible").evaluate_all(
        """sliders => sliders.map(one => [
            one.querySelector('.widget-label').textContent,
            one.querySelector('.widget-readout').textContent,
            ...['label', 'valuetext'].map(
                name => one.querySelector('.noUi-handle').getAttribute(`aria-${name}`)),
        ])"""
    )
    assert {name for name, *_ in told} >= {"Idle timeout", "Max turns", "Resume time"}
    for label, value, name, read in told:
        assert name == (f"{label} from" if label == "Created" else label)
        assert label == "Created" or read == value


def _reset_from_the_toolbar(explorer: Locator, seen: Seen) -> None:
    seen.change(explorer.get_by_role("button", name="Take every filter away").last.click)
    assert "nothing is selected" not in seen.settled()[1]


def _read_rows(explorer: Locator) -> None:
    """Open the table, sort it, and read its end: only what is in sight is there."""
    # With keys alone, as the rest.
    explorer.get_by_text("Sessions selected, as a table").press("Enter")
    box = explorer.locator(".sl-rows")
    box.locator("tbody tr").first.wait_for()
    assert box.locator("tbody tr").count() < 30
    box.get_by_role("button", name="created at").click()
    explorer.get_by_role("columnheader", name="created at").and_(
        explorer.locator("[aria-sort=ascending]")
    ).wait_for()
    box.evaluate("box => { box.scrollTop = box.scrollHeight; }")
    place = explorer.locator(".sl-rows-place")
    explorer.page.wait_for_function(
        "place => { const [, last, total] = place.innerText.match(/to ([\\d,]+) of ([\\d,]+)/) ?? [];"
        " return last && last === total; }",
        arg=place.element_handle(),
    )


def _zoom(explorer: Locator) -> None:
    picture = explorer.locator(f"{PICTURE}:visible").first
    before = picture.bounding_box()
    explorer.get_by_role("button", name="Zoom in").last.click()
    after = picture.bounding_box()
    assert before
    assert after
    assert after["width"] > 1.4 * before["width"]
    explorer.get_by_role("button", name="Zoom out").last.click()


def _narrow(notebook: Page, explorer: Locator, screenshots: Path) -> None:
    """On 800 pixels nothing stands beside the page."""
    notebook.set_viewport_size({"width": 800, "height": 1800})
    notebook.wait_for_function(
        "one => one.clientWidth < 800 && one.scrollWidth <= one.clientWidth + 1",
        arg=explorer.element_handle(),
    )
    explorer.screenshot(path=screenshots / "explorer-800.png")


def _in_the_dark(explorer: Locator, screenshots: Path) -> None:
    """Keep a picture of every tab in the dark theme."""
    change = "name => window.jupyterapp.commands.execute('apputils:change-theme', {theme: name})"
    explorer.page.evaluate(change, "JupyterLab Dark")
    explorer.page.wait_for_selector("body[data-jp-theme-light=false]", state="attached")
    for name in explorer.get_by_role("tab").all_inner_texts():
        _open_tab_with_keys(explorer, name)
        explorer.locator(f"{PICTURE}:visible").first.wait_for()
        explorer.screenshot(
            path=screenshots / f"explorer-{name.lower().replace(' ', '-')}-dark.png"
        )
    explorer.page.evaluate(change, "JupyterLab Light")


def _slider(explorer: Locator, label: str) -> Locator:
    """Find the handle of a slider that is shown by its label."""
    shown = explorer.locator(".widget-slider:visible")
    return shown.filter(has_text=label).locator(".noUi-handle")


def _list(explorer: Locator, label: str) -> Locator:
    """Find a control that is shown by its label."""
    return explorer.locator("select:visible").and_(explorer.get_by_label(label, exact=True))


def _choose(explorer: Locator, label: str, option: str) -> None:
    """Choose an option of a list; behind its name stands how many sessions have it.

    That number may change at any moment, so the option is found and chosen at once.
    """
    _list(explorer, label).evaluate(
        """(list, name) => {
            const text = option => option.text.replaceAll('\u00a0', ' ');
            const chosen = [...list.options].find(option => text(option).startsWith(name));
            for (const option of list.options) option.selected = option === chosen;
            list.dispatchEvent(new Event('input', {bubbles: true}));
            list.dispatchEvent(new Event('change', {bubbles: true}));
        }""",
        f"{option} (",
    )


def _pick(explorer: Locator, label: str, option: str) -> None:
    _list(explorer, label).select_option(label=option)
