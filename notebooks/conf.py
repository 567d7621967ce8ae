"""Configuration of the documentation: ``sphinx-build -W -b html notebooks build/docs``.

The site is made of the notebooks as they are committed, of the pages beside them, of the
docstrings, and of pages on every type of result. No notebook is executed, no kernel is started and
nothing is fetched, neither by the build nor by its readers.
"""

from __future__ import annotations

import logging
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
from docutils import nodes

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))  # For the next two, which are in a folder beside this file.

from notebooks._site.gallery import write_gallery  # noqa: E402
from notebooks._site.results import write_results  # noqa: E402
from session_lab import __version__, wire  # noqa: E402

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "session_lab"
author = "The session_lab authors"
version = release = __version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_site"]
nb_execution_mode = "off"
nb_ipywidgets_js = {}  # Explorers show their picture and table instead; see their notebook.
myst_enable_extensions = ["colon_fence", "deflist"]

autodoc_default_options = {"members": True}
autodoc_member_order = "groupwise"
autodoc_preserve_defaults = True
autodoc_typehints = "none"  # The docstrings say the types, in words.
napoleon_google_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
# A word of a described type, as in "shape (periods, tags)", may be the name of several attributes.
suppress_warnings = ["ref.python"]

html_theme = "furo"
html_title = f"session_lab {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_copyright = html_show_sphinx = False


def write_pages(_: Sphinx) -> None:
    """Write the gallery and the pages of results, which git ignores."""
    mpl.use("agg")
    logging.getLogger("httpx").setLevel(logging.WARNING)  # An example asks a simulator, in process.
    for name, write in (("gallery", write_gallery), ("results", write_results)):
        folder = HERE / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        write(folder)


def describe_pictures(_: Sphinx, doctree: nodes.document) -> None:
    """Describe pictures of notebooks by what their section asks; they have no other words."""
    for picture in doctree.findall(nodes.image):
        section = picture.parent
        while section and not isinstance(section, nodes.section):
            section = section.parent
        if "alt" not in picture and section:
            picture["alt"] = f"Picture: {section[0].astext()}"


def setup(app: Sphinx) -> None:
    """Write pages before the others are read."""
    for name in wire.__all__:
        getattr(wire, name)  # They load with first use; autodoc, which is TYPE_CHECKING, cannot.
    app.connect("builder-inited", write_pages)
    app.connect("doctree-read", describe_pictures)
