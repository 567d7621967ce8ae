"""One guard for optional dependencies."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from session_lab.errors import MissingDependencyError

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["require"]


def require(module: str, *, extra: str, feature: str) -> ModuleType:
    """Import an optional module, or say how to install it.

    Parameters
    ----------
    module : str
        Dotted name of the module.
    extra : str
        The extra of session-lab that carries it.
    feature : str
        What the caller wanted to do, for the message.

    Returns
    -------
    module
        The imported module.

    Raises
    ------
    MissingDependencyError
        The module is not installed.

    Examples
    --------
    >>> require("json", extra="server", feature="serving").__name__
    'json'
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        root = module.partition(".")[0]
        if error.name is None or error.name.partition(".")[0] != root:
            raise
        message = f'{feature} needs {root}; install it with: pip install "session-lab[{extra}]"'
        raise MissingDependencyError(message, name=root) from error
