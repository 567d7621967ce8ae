"""The project's own small data sets."""

from __future__ import annotations

from pathlib import Path

from session_lab.errors import DataError
from session_lab.mistyped import answer_mistyped

__all__ = ["sample_path"]

# In an installed package the data lies inside it, in a source checkout at the top.
_FOLDERS = (Path(__file__).parents[1] / "data", Path(__file__).parents[3] / "data")


@answer_mistyped
def sample_path(name: str) -> Path:
    """Find a data set that comes with the package.

    Parameters
    ----------
    name : str
        The file's name.

    Returns
    -------
    Path
        The file. Do not write to it.

    Raises
    ------
    DataError
        There is no such data set; the message lists those there are.

    Examples
    --------
    >>> sample_path("chats.ndjson").name
    'chats.ndjson'
    """
    folder = next(folder for folder in _FOLDERS if folder.is_dir())
    samples = sorted(path.name for path in folder.iterdir() if path.suffix != ".md")
    if name not in samples:
        message = f"there is no sample {name!r}; there are {', '.join(samples)}"
        raise DataError(message, column="name")
    return folder / name
