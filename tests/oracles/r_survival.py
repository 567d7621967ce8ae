"""The R package survival, asked through Rscript: columns go in as CSV, an answer comes out as one."""

from __future__ import annotations

import subprocess
from io import StringIO
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["ask"]


def ask(folder: Path, code: str, **tables: pd.DataFrame) -> pd.DataFrame:
    """Run R code that finds data frames by their names and leaves its answer in ``out``."""
    reads = []
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False)
        reads.append(f"{name} <- read.csv('{folder / f'{name}.csv'}')")
    script = "\n".join(
        ["suppressMessages(library(survival))", "options(digits = 17)", *reads, code,
         "write.csv(as.data.frame(out), row.names = FALSE)"]
    )  # fmt: skip
    (folder / "script.R").write_text(script)
    done = subprocess.run(
        ["Rscript", "--vanilla", str(folder / "script.R")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return pd.read_csv(StringIO(done.stdout))
