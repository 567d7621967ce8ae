"""The R package survival: columns go in as CSV, an answer comes out as one.

One R answers all questions of a test process, since loading the package takes longer than most
answers.
"""

from __future__ import annotations

import atexit
import subprocess
from functools import cache
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["ask"]

_ANSWERED = "answered"
_LOOP = rf"""
suppressMessages(library(survival))
options(digits = 17)
questions <- file("stdin", "r")
while (length(script <- readLines(questions, 1)) > 0) {{
    said <- tryCatch({{
        source(script, local = new.env())
        "{_ANSWERED}"
    }}, error = conditionMessage)
    cat(gsub("\n", " ", said), "\n", sep = "")
    flush(stdout())
}}
"""


def ask(folder: Path, code: str, **tables: pd.DataFrame) -> pd.DataFrame:
    """Run R code that finds data frames by their names and leaves its answer in ``out``."""
    reads = []
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False)
        reads.append(f"{name} <- read.csv('{folder / f'{name}.csv'}')")
    answer = folder / "answer.csv"
    script = folder / "script.R"
    write = f"write.csv(as.data.frame(out), '{answer}', row.names = FALSE)"
    script.write_text("\n".join([*reads, code, write]))
    questions, said = _r()
    questions.write(f"{script}\n")
    questions.flush()
    assert said.readline().strip() == _ANSWERED
    return pd.read_csv(answer)


@cache
def _r():
    process = subprocess.Popen(
        ["Rscript", "--vanilla", "-e", _LOOP],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    atexit.register(process.communicate)
    return process.stdin, process.stdout
