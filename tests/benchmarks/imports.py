"""The import of the package against that of the libraries it stands on."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from tests.benchmarks.harness import Benchmark, Side

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["BENCHMARKS", "fresh_import"]


@contextmanager
def fresh_import() -> Iterator[tuple[Side, Side]]:
    """Start an interpreter, import, and end it, as every command and every test run does."""
    yield _import("session_lab"), _import("numpy, pandas, pyarrow, pydantic, httpx")


BENCHMARKS = (Benchmark("import", fresh_import, "A/B", 1.3),)


def _import(names: str) -> Side:
    code = f"import {names}"
    return Side(f'python -c "{code}"', partial(_fresh, code), _outcome)


def _fresh(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)


def _outcome(ended: subprocess.CompletedProcess[str]) -> dict[str, object]:
    """Both must end well and say nothing."""
    return {"output": ended.stdout + ended.stderr, "exit status": ended.returncode}
