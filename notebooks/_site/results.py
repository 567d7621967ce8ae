"""A page for every type of result: its meaning and formula, and an example that is computed."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import sys
from textwrap import indent
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt

from notebooks._site.examples import EXAMPLES, TRAFFIC, Example
from session_lab import analysis, replays
from session_lab.analysis.display import table_html
from session_lab.analysis.results import Result

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

INDEX = """\
Results, their formulas and assumptions
=======================================

Every analysis returns a result: a frozen value that shows a short table, its formula, and what was
assumed about the data at hand. ``.to_frame()`` returns all numbers, ``.notes`` the assumptions, and
``.plot()`` draws it.

Each type of result has a page. The pages are written from the code, and their examples are computed
from made-up chats, when the site is built.
"""

TABLE = """\
.. list-table::
   :class: results
   :align: left
   :widths: 35 65
   :width: 100%

"""

PAGE = """\
{heading}
{rule}

{meaning}

.. code-block:: text
   :class: formula

{formula}

Example
-------

.. code-block:: python

{code}

.. raw:: html

{table}

{notes}

.. code-block:: python

   result.plot()

.. image:: {page}.png
   :alt: {heading}

.. raw:: html

   <details><summary>The traffic of this example, from a seed</summary>

.. code-block:: python

{traffic}

.. raw:: html

   </details>

How to get it
-------------

The result is a :py:class:`{name} <{home}>`; its fields stand in the reference.

.. {directive}:: {call}
   :no-index:
"""


def result_types() -> Iterator[type[Result]]:
    """Find every type of result, each where it is defined."""
    for room in (analysis, replays):
        for module in pkgutil.walk_packages(room.__path__, f"{room.__name__}."):
            found = vars(importlib.import_module(module.name)).values()
            for kind in filter(inspect.isclass, found):
                own = issubclass(kind, Result) and kind.__module__ == module.name
                if own and hasattr(kind, "formula"):
                    yield kind


def write_results(folder: Path) -> None:
    """Write all pages into a folder, with the pictures of their examples.

    Raises
    ------
    RuntimeError
        A type of result has no example.
    """
    traffic: dict[str, Any] = {}
    exec(TRAFFIC, traffic)  # noqa: S102  our own, from the file beside this one
    index, shown = INDEX, set()
    for field, examples in EXAMPLES.items():
        index += f"\n{field}\n{'-' * len(field)}\n\n{TABLE}"
        for example in examples:
            result = evaluate(example.code, dict(traffic))
            shown.add(type(result))
            axes = result.plot()
            axes.figure.savefig(folder / f"{example.page}.png", dpi=120)
            plt.close(axes.figure)
            (folder / f"{example.page}.rst").write_text(page(example, result), encoding="utf-8")
            index += f"   * - :doc:`{example.page}`\n     - {meaning(type(result))}\n"
        index += "\n.. toctree::\n   :hidden:\n\n"
        index += "".join(f"   {example.page}\n" for example in examples)
    if missing := [kind.__qualname__ for kind in result_types() if kind not in shown]:
        raise RuntimeError(
            f"give an example of {', '.join(missing)} in notebooks/_site/examples.py"
        )
    (folder / "index.rst").write_text(index, encoding="utf-8")


def evaluate(code: str, names: dict[str, Any]) -> Result:
    """Run the lines of an example, and return what its last expression gives."""
    *before, last = ast.parse(code).body
    exec(compile(ast.Module(before, []), "example", "exec"), names)  # noqa: S102
    result: Result = eval(ast.unparse(last), names)  # noqa: S307
    return result


def meaning(kind: type[Result]) -> str:
    """Return the first paragraph of a docstring, on one line."""
    return " ".join((inspect.getdoc(kind) or "").partition("\n\n")[0].split())


def page(example: Example, result: Result) -> str:
    """Write the page of an example."""
    kind = type(result)
    heading = f"{kind.title}, by group" if kind.__name__.endswith("ByGroup") else kind.title
    *before, last = example.code.splitlines()
    owner = example.call.rpartition(".")[0]
    return PAGE.format(
        heading=heading,
        rule="=" * len(heading),
        meaning=meaning(kind),
        formula=indent(kind.formula.replace("; ", "\n"), "   "),
        code=indent("\n".join([*before, f"result = {last}"]), "   "),
        table=indent(table_html(result.overview()), "   "),
        notes=notes(result),
        page=example.page,
        traffic=indent(TRAFFIC, "   "),
        name=kind.__name__,
        home=home(kind, owner),
        directive="automethod" if owner.rpartition(".")[2][0].isupper() else "autofunction",
        call=example.call,
    )


def notes(result: Result) -> str:
    """Write what a result says about its data."""
    if not result.notes:
        return "It states no assumption about these data beyond its formula."
    return "What it says about these data:\n\n" + "\n".join(
        f"- {literal(note)}" for note in result.notes
    )


def home(kind: type[Result], owner: str) -> str:
    """Return the name under which the reference describes a type: a facade's, where it has one."""
    for facade in (owner, owner.rpartition(".")[0]):
        if facade in sys.modules and hasattr(sys.modules[facade], kind.__name__):
            return f"{facade}.{kind.__name__}"
    return f"{kind.__module__}.{kind.__name__}"


def literal(text: str) -> str:
    """Escape what reStructuredText would read as markup."""
    return "".join(f"\\{c}" if c in "*`|_\\" else c for c in text)
