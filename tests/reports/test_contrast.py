"""Every text of a report, and of what explorers add to a page, is read on its ground."""

from __future__ import annotations

import re
from importlib import resources

import pytest

from tests.plots.test_drawing import contrast

STYLE = (resources.files("session_lab.reports") / "templates" / "style.css").read_text("utf-8")
SCHEMES = dict(
    zip(
        ("light", "dark", "print"),
        (
            dict(re.findall(r"--(\w+): (#\w{6})", rules))
            for rules in re.findall(r":root {.*}", STYLE)
        ),
        strict=True,
    )
)
TEXTS = ("ink", "soft", "mark", "bad")
GROUNDS = ("paper", "note", "panel")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_texts_of_a_report_are_read_on_every_ground(scheme: str):
    colours = SCHEMES["light"] | SCHEMES[scheme]
    used = set(re.findall(r"[^-]color: var\(--(\w+)\)", STYLE))
    assert used <= set(TEXTS)
    for text in TEXTS:
        for ground in GROUNDS:
            assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)


@pytest.mark.parametrize("name", ["view.css", "rows.css"])
def test_texts_of_explorers_follow_the_page_or_are_read_without_it(name: str):
    """What a page's theme does not say falls back to its own ink, or to a pair that is read."""
    css = (resources.files("session_lab.widgets") / "static" / name).read_text("utf-8")
    inks = re.findall(r"[ ;{]color: ([^;]+);", css)
    assert inks
    for ink in inks:
        fallback = re.fullmatch(r"var\(--jp-[\w-]+, (.+)\)", ink)
        assert fallback, ink
        if fallback[1].startswith("#"):
            ground = "#1f2937" if fallback[1] == "#fff" else "#ffffff"
            colour = "#ffffff" if fallback[1] == "#fff" else fallback[1]
            assert contrast(colour, ground) >= 4.5
