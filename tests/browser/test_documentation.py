"""The documentation, built as CONTRIBUTING.md says, in a browser without a network."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

import session_lab as sl

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

pytestmark = pytest.mark.needs_chromium

ROOT = Path(__file__).parents[2]
PAGES = (
    "index",
    "gallery/index",
    "results/index",
    "results/lifetimes-survival",
    "03-tags",
    "11-explorers",
    "run-model",
    "api",
)
SCREENS = {"desktop": (1280, 1400), "phone": (390, 1200)}
BROKEN = "() => [...document.images].filter(one => !one.naturalWidth).map(one => one.src)"
WIDER = "() => document.documentElement.scrollWidth - window.innerWidth"


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    build = [sys.executable, "-m", "sphinx", "-q", "-W", "-E", "-b", "html"]
    done = subprocess.run(
        [*build, ROOT / "notebooks", folder], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    return folder


@pytest.fixture
def faults(page: Page) -> list[str]:
    """Refuse what is not on this machine, and note it with all that the console complains of."""
    found: list[str] = []

    def decide(route: Route) -> None:
        url = urlsplit(route.request.url)
        if url.scheme in {"file", "data", "blob"} or url.hostname in {"127.0.0.1", "localhost"}:
            route.continue_()
        else:
            found.append(f"asked for {route.request.url}")
            route.abort()

    page.route("**/*", decide)
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on("console", lambda said: found.append(said.text) if said.type == "error" else None)
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_ask_for_nothing_outside_and_show_every_picture(
    site: Path, page: Page, faults: list[str], screenshots: Path, scheme: Any
):
    page.emulate_media(color_scheme=scheme)
    for name in PAGES:
        for screen, (width, height) in SCREENS.items():
            page.set_viewport_size({"width": width, "height": height})
            page.goto((site / f"{name}.html").as_uri())
            assert page.evaluate(BROKEN) == [], name
            assert page.evaluate(WIDER) <= 0, f"{name} is wider than a {screen}"
            picture = f"docs-{name.replace('/', '-')}-{screen}-{scheme}.png"
            page.screenshot(path=screenshots / picture)
    assert faults == []


def test_a_request_that_leaves_the_machine_is_refused_and_noted(
    site: Path, page: Page, faults: list[str]
):
    page.goto((site / "index.html").as_uri())
    page.evaluate("() => fetch('http://outside.invalid/').catch(() => null)")
    assert "asked for http://outside.invalid/" in faults


def test_every_card_of_the_gallery_opens_its_notebook(site: Path, page: Page, faults: list[str]):
    page.goto((site / "gallery" / "index.html").as_uri())
    links = page.locator(".gallery .card a.reference")
    names = {path.stem for path in (ROOT / "notebooks").glob("[0-9]*.ipynb")}
    targets = [link.get_attribute("href") or "" for link in links.all()]
    assert {Path(target).stem for target in targets} == names
    page.locator(".gallery .card").first.click()
    assert "From your environment to a decision" in page.title()
    assert faults == []


def test_the_reference_describes_every_public_name(site: Path, page: Page):
    described: list[str] = []
    for path in (site / "api").glob("*.html"):
        page.goto(path.as_uri())
        marks = "dt[id], [id^=module-]"
        described += page.evaluate(
            "marks => [...document.querySelectorAll(marks)].map(one => one.id)", marks
        )
    names = {name.rpartition(".")[2] for name in described}
    assert set(sl.__all__) - names == set()
