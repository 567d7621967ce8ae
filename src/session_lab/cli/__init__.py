"""The command line: ``session-lab``."""

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line; Ctrl-C ends it with exit code 130, while it still starts too."""
    try:
        from session_lab.cli.app import main as run

        run()
    except KeyboardInterrupt:
        sys.exit(130)
