"""The word list of CONTRIBUTING, kept mechanically."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import session_lab

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE = Path(session_lab.__file__).parent
MODULES = sorted(SOURCE.rglob("*.py"))
MOST_MODULES = 12
FOREIGN_VERBS = {"Tell", "Say", "Let", "Take", "Hold", "Spell", "Hand", "Hear", "Know", "Whether"}
CLUMSY = re.compile(r"(?<!there )(?<!There )\bis no [A-Za-z]+")
OLD_WORDS = re.compile(r"\b(touched_at|hand_over_refusal)\b")


def docstrings(module: Path) -> Iterator[tuple[int, str]]:
    """Yield line and docstring of every class, and of every function that is not a property."""
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        names = {ast.unparse(decorator) for decorator in node.decorator_list}
        told = ast.get_docstring(node)
        if isinstance(node, ast.ClassDef) and told and told.startswith("Whether "):
            continue  # A class is a noun, and this is one.
        if told and not names & {"property", "cached_property"}:
            yield node.lineno, told


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_docstrings_open_with_a_plain_verb(module: Path):
    openings = [(line, told.split()[0]) for line, told in docstrings(module)]
    assert [(line, verb) for line, verb in openings if verb in FOREIGN_VERBS] == []


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_texts_are_ordinary_english(module: Path):
    text = module.read_text(encoding="utf-8")
    assert CLUMSY.findall(text) == []
    assert OLD_WORDS.findall(text) == []


def test_a_folder_holds_about_ten_modules():
    counts = Counter(module.parent for module in MODULES if module.name != "__init__.py")
    crowded = {str(at.relative_to(SOURCE)): n for at, n in counts.items() if n > MOST_MODULES}
    assert crowded == {}
