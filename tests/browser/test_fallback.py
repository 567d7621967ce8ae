"""An explorer is seen where no kernel runs: reopened, exported, and built into a site; offline."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import nbformat
import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page

pytestmark = pytest.mark.needs_chromium

TWIN = "[class^=sl-static] img:visible"
CODE = """
import pandas as pd
import session_lab as sl
explorer = sl.explore(pd.DataFrame({"tags": [["vip"], ["vip", "eu"], []]}))
explorer
"""


@pytest.fixture(scope="session")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a notebook with an explorer that was run by ``nbconvert --execute``."""
    folder = tmp_path_factory.mktemp("fallback")
    path = folder / "page.ipynb"
    cells = [nbformat.v4.new_markdown_cell("# A page"), nbformat.v4.new_code_cell(CODE)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    run("nbconvert", "--to", "notebook", "--execute", "--inplace", path)
    return path


def run(*arguments: Any) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2_000:]


def open_offline(page: Page, path: Path) -> None:
    page.context.set_offline(True)
    page.goto(f"file://{path}")
    page.wait_for_load_state()


def test_an_exported_page_shows_the_picture(executed: Path, page: Page):
    run("nbconvert", "--to", "html", executed)
    open_offline(page, executed.with_suffix(".html"))
    assert page.locator(TWIN).count() == 1


def test_a_site_shows_the_picture(executed: Path, page: Page, tmp_path: Path):
    source = tmp_path / "source"
    source.mkdir()
    (source / "index.ipynb").write_bytes(executed.read_bytes())
    (source / "conf.py").write_text(
        "extensions = ['myst_nb']\nnb_execution_mode = 'off'\nnb_ipywidgets_js = {}\n"
    )
    run("sphinx", "-q", "-b", "html", source, tmp_path / "site")
    open_offline(page, tmp_path / "site" / "index.html")
    assert page.locator(TWIN).count() == 1


def test_a_notebook_that_is_reopened_without_its_kernel_shows_the_picture(
    executed: Path, page: Page, lab: Any
):
    (lab.folder / "reopened.ipynb").write_bytes(executed.read_bytes())
    for calls in ("**/api/sessions*", "**/api/kernels*"):
        page.route(
            calls,
            lambda route: route.abort() if route.request.method == "POST" else route.continue_(),
        )
    page.goto(f"{lab.url}/doc/tree/reopened.ipynb?token={lab.token}")
    page.wait_for_selector(TWIN)
    assert not page.locator("text=Error displaying widget >> visible=true").count()


def test_a_live_view_whose_kernel_was_restarted_says_what_to_do(
    executed: Path, page: Page, lab: Any
):
    (lab.folder / "restarted.ipynb").write_bytes(executed.read_bytes())
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    thrown: list[str] = []
    page.on("pageerror", lambda error: thrown.append(str(error)))
    page.goto(f"{lab.url}/doc/tree/restarted.ipynb?token={lab.token}")
    page.wait_for_selector("text=Python 3 (ipykernel) | Idle")
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
    page.locator(".sl-alive .sl-view svg").wait_for()
    assert not page.locator(TWIN).count()
    assert not page.locator("[title=null], [aria-label=null]").count()
    page.evaluate(
        "() => window.jupyterapp.shell.currentWidget.context.sessionContext.session.kernel.restart()"
    )
    page.wait_for_selector("text=Python 3 (ipykernel) | Idle")
    page.get_by_role("button", name="Take every filter away").click()
    page.get_by_text("The kernel does not answer. Run the cell again.").wait_for()
    assert page.locator(".sl-view svg").is_visible()
    assert not thrown
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
    page.locator(".sl-alive .sl-view svg").wait_for()
    page.get_by_text("The kernel does not answer. Run the cell again.").wait_for(state="hidden")
    assert all(url.startswith((lab.url, "data:", "blob:")) for url in asked)
