"""How far a long read has come, by the bytes of its file."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from tqdm import tqdm

if TYPE_CHECKING:
    from collections.abc import Generator

    from session_lab.frames.files.sources import Source

__all__ = ["shown"]


@contextmanager
def shown(source: Source, *, progress: bool) -> Generator[None]:
    """Show on standard error how much of a source was read, if that takes longer than a second.

    Bytes are counted as they lie there, packed or not; of a stream nobody knows how many will come.
    """
    if not progress or not source.exists():
        yield
        return
    total = None if source.is_stream else sum(part.size for part in source.parts())
    with tqdm(total=total, unit="B", unit_scale=True, desc=source.name, delay=1) as bar:
        before = source.on_bytes

        def count(n: int) -> None:
            # The beginning of a file is looked at before it is read.
            bar.update(n if total is None else min(n, total - bar.n))

        source.on_bytes = count
        try:
            yield
        finally:
            source.on_bytes = before
