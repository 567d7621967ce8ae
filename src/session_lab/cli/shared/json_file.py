"""JSON files that options name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from session_lab.errors import DataError

__all__ = ["read_json"]


def read_json(path: str | Path) -> Any:  # noqa: ANN401  whatever stands in it
    """Read a JSON file, or raise a DataError that names it."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError) as error:
        raise DataError(f"cannot be read as JSON: {error}", source=str(path)) from error
