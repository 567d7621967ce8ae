"""Serve a simulated Sessions API: ``python -m session_lab.serve``, as ``session-lab serve``."""

import sys

__all__: list[str] = []

if __name__ == "__main__":
    from session_lab.cli import main

    sys.argv[1:1] = ["serve"]
    main()
