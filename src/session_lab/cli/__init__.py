"""The command line: ``session-lab``."""

from session_lab.cli.app import main

__all__ = ["main"]
