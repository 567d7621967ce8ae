"""A report, opened from disk by a browser without a network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import session_lab as sl
from session_lab.reports import report

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page

pytestmark = pytest.mark.needs_chromium


@pytest.mark.parametrize(("scheme", "width"), [("light", 1100), ("dark", 1100), ("light", 360)])
def test_the_report_shows_its_pictures_and_stays_within_the_page(
    page: Page, tmp_path: Path, screenshots: Path, scheme: str, width: int
):
    replay = sl.replay(sl.traffic.read(sl.traffic.sample_path("chats.ndjson")))
    report(tmp_path / "report.html", replay.sessions, replay.runs, replay.operations)
    told: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.context.set_offline(True)
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.set_viewport_size({"width": width, "height": 900})
    page.goto((tmp_path / "report.html").as_uri())
    page.screenshot(path=screenshots / f"report-{scheme}-{width}.png", full_page=True)
    drawn = page.evaluate(
        "[...document.querySelectorAll('svg[role=img]')].map(one => one.getBoundingClientRect().width)"
    )
    assert len(drawn) >= 12
    assert min(drawn) > 0.8 * min(width, 800) - 40
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.get_by_role("link", name="Run churn").click()
    assert page.url.endswith("#churn")
    page.get_by_role("link", name="How long do sessions live?").click()
    assert page.url.endswith("#lifetimes-1")
    assert told == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


def test_on_paper_each_question_is_whole_and_nothing_is_dark(page: Page, tmp_path: Path):
    replay = sl.replay(sl.traffic.read(sl.traffic.sample_path("chats.ndjson")))
    report(tmp_path / "report.html", replay.sessions, replay.runs, replay.operations)
    # What the margins leave of A4, in pixels of 1/96 inch.
    page.set_viewport_size({"width": 657, "height": 1001})
    page.emulate_media(media="print", color_scheme="dark")
    page.goto((tmp_path / "report.html").as_uri())
    style = (
        "selector => { const s = getComputedStyle(document.querySelector(selector)); return %s; }"
    )
    assert page.evaluate(style % "s.backgroundColor", "body") == "rgb(255, 255, 255)"
    assert page.evaluate(style % "s.color", "nav a") == "rgb(0, 103, 163)"
    assert page.evaluate(style % "s.breakInside", "article") == "avoid"
    boxes = page.evaluate(
        "[...document.querySelectorAll('article')].map(one => [one.offsetHeight, one.scrollWidth])"
    )
    assert len(boxes) >= 12
    assert max(height for height, _ in boxes) <= 1001
    assert max(width for _, width in boxes) <= 657
    # A narrow table stands beside its picture.
    [beside] = page.evaluate(
        """() => [...document.querySelectorAll("article")]
            .filter(one => one.querySelector("h3").textContent === "How many runs does a session use?")
            .map(one => one.querySelector(".table").offsetTop - one.querySelector("svg").getBoundingClientRect().bottom - scrollY)"""
    )
    assert beside < 0
