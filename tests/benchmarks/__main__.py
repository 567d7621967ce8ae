"""The command: choose benchmarks, run them, show and write the results."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from fnmatch import fnmatchcase
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import session_lab
import tests.benchmarks
from tests.benchmarks import (
    calls,
    churn,
    frames,
    generating,
    imports,
    kernel,
    lifetimes,
    limits,
    mocks,
    reading,
    replays,
    serving,
    sweeping,
    tags,
    widgets,
)
from tests.benchmarks.harness import MissingProgramError, measure, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.benchmarks.harness import Benchmark

__all__ = ["main"]

BENCHMARKS = (
    *replays.BENCHMARKS,
    *kernel.BENCHMARKS,
    *limits.BENCHMARKS,
    *sweeping.BENCHMARKS,
    *generating.BENCHMARKS,
    *mocks.BENCHMARKS,
    *calls.BENCHMARKS,
    *serving.BENCHMARKS,
    *imports.BENCHMARKS,
    *frames.BENCHMARKS,
    *reading.BENCHMARKS,
    *tags.BENCHMARKS,
    *lifetimes.BENCHMARKS,
    *churn.BENCHMARKS,
    *widgets.BENCHMARKS,
)
PACKAGES = (
    "httpx",
    "numpy",
    "pandas",
    "pyarrow",
    "pydantic",
    "pyjwt",
    "respx",
    "simpy",
    "starlette",
    "uvicorn",
)


def main(
    arguments: Sequence[str] | None = None, benchmarks: Sequence[Benchmark] = BENCHMARKS
) -> int:
    """Run the command; return its exit status."""
    parser = _parser((*benchmarks, *kernel.LARGE))
    options = parser.parse_args(arguments)
    # The large ones only run when a name is given that is none of the others'.
    matching = [
        [one for one in some if fnmatchcase(one.name, options.only)]
        for some in (benchmarks, kernel.LARGE)
    ]
    chosen = matching[0] or matching[1]
    if not chosen:
        parser.error(f"no benchmark is called {options.only!r}; see --help for the names")
    results, skipped = [], {}
    for benchmark in chosen:
        print(f"{benchmark.name}: {options.rounds} rounds ...", file=sys.stderr, flush=True)
        try:
            results.append(measure(benchmark, options.rounds))
        except MissingProgramError as missing:
            skipped[benchmark.name] = str(missing)
            print(f"{benchmark.name}: skipped: {missing}", file=sys.stderr, flush=True)
    print(table(results))
    if options.json is not None:
        report = {
            **_circumstances(),
            "results": [result.to_dict() for result in results],
            "skipped": skipped,
        }
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 0 if all(result.met for result in results) else 1


def _parser(benchmarks: Sequence[Benchmark]) -> argparse.ArgumentParser:
    names = "\n".join(f"  {one.name:<24}{one.required}" for one in benchmarks)
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description=tests.benchmarks.__doc__,
        epilog=f"benchmarks and the ratios they require:\n{names}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--only", metavar="NAME", default="*", help="a name, or a pattern such as 'replay-*'"
    )
    parser.add_argument(
        "--rounds", metavar="N", type=_rounds, default=11, help="pairs of turns (default: 11)"
    )
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the results here as JSON")
    return parser


def _rounds(text: str) -> int:
    rounds = int(text)
    if rounds < 1:
        raise argparse.ArgumentTypeError("there must be at least one round")
    return rounds


def _circumstances() -> dict[str, Any]:
    return {
        "machine": {
            "system": platform.platform(),
            "processor": platform.machine(),
            "cores": os.cpu_count(),
        },
        "python": platform.python_version(),
        "session_lab": session_lab.__version__,
        "packages": {name: version(name) for name in PACKAGES},
    }


if __name__ == "__main__":
    sys.exit(main())
