"""Configuration of the documentation: ``sphinx-build -W -b html notebooks build/docs``.

The site is made of the notebooks as they are committed, of the pages beside them, and of the
docstrings. Nothing is executed and nothing is fetched, neither by the build nor by its readers.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from typing import TYPE_CHECKING

import session_lab
from session_lab import analysis, lab
from session_lab.analysis.results import Result

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sphinx.application import Sphinx

project = "session_lab"
author = "The session_lab authors"
version = release = session_lab.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
nb_execution_mode = "off"
nb_ipywidgets_js = {}  # Explorers show their picture and table instead; see their notebook.
myst_enable_extensions = ["colon_fence", "deflist"]

autodoc_default_options = {"members": True}
autodoc_member_order = "groupwise"
autodoc_typehints = "none"  # The docstrings say the types, in words.
napoleon_google_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
# A word of a described type, as in "shape (periods, tags)", may be the name of several attributes.
suppress_warnings = ["ref.python"]

html_theme = "furo"
html_title = f"session_lab {release}"
html_static_path = ["_static"]
html_css_files = ["tables.css"]
html_show_copyright = html_show_sphinx = False


def result_types() -> Iterator[type[Result]]:
    """Find every type of result, each where it is defined."""
    for room in (analysis, lab):
        for module in pkgutil.walk_packages(room.__path__, f"{room.__name__}."):
            found = vars(importlib.import_module(module.name)).values()
            for kind in filter(inspect.isclass, found):
                own = issubclass(kind, Result) and kind.__module__ == module.name
                if own and hasattr(kind, "formula"):
                    yield kind


def described(kind: type[Result]) -> str:
    """Write the section on a type of result."""
    meaning = (inspect.getdoc(kind) or "").partition("\n\n")[0]
    home = f"{kind.__module__}.{kind.__qualname__}"
    return f"\n## {kind.title}\n\n`{home}`: {meaning}\n\n```text\n{kind.formula}\n```\n"


def describe_results(_: Sphinx, page: str, source: list[str]) -> None:
    """Put all types of result on the page of formulas."""
    if page == "formulas":
        source[0] += "".join(map(described, result_types()))


def setup(app: Sphinx) -> None:
    """Let the page of formulas be written from the code."""
    app.connect("source-read", describe_results)
