"""JupyterLab and pages of a browser for the tests."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.jupyter import chromium, started_lab

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

    from tests.browser.jupyter import Lab

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def screenshots() -> Path:
    """Return the folder where pictures of the browser are kept; git ignores it."""
    folder = ROOT / "build" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Start JupyterLab over a copy of the explorer notebook."""
    home = tmp_path_factory.mktemp("lab")
    shutil.copy(ROOT / "notebooks" / "11-explorers.ipynb", home / "explorers.ipynb")
    with started_lab(home) as lab:
        yield lab


@pytest.fixture
def page() -> Iterator[Page]:
    """Open a page in headless Chromium."""
    pytest.importorskip("playwright.sync_api")
    with chromium() as browser:
        new = browser.new_page(viewport={"width": 1100, "height": 1800})
        new.set_default_timeout(30_000)
        yield new
