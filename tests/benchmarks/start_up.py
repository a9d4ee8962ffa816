"""What it costs to start: an import, the command's help, one question, the screens' imports.

    python tests/benchmarks/start_up.py [--rounds 15] [--archive sample-data/checkout-outage]

Every contender is a fresh process; they run in the same interleaved rounds. Minimum and median
processor time (user and system, of the process and its children) are printed, with the least wall
time beside them, then the ratios of the minima to bare Python beside the limits that we want to
keep. Processor time is what other work on the machine disturbs least. Byte code is compiled before.
"""

import argparse
import importlib.util
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

BARE = "bare Python"
LIMITS = {
    "import recourse": 2.5,
    "recourse --help": 3.5,
    "recourse sql": 20.0,
    "import the screens": 32.0,
}


class Sample(NamedTuple):
    """What one process took.

    Attributes:
        busy_ms: Processor time.
        wall_ms: Time on the clock.
    """

    busy_ms: float
    wall_ms: float


def contenders(archive: Path) -> dict[str, list[str]]:
    """The commands to start, by name."""
    statements = {
        "import asyncio": "import asyncio",
        "import click": "import click",
        "import tenacity": "import tenacity",
        "import stamina": "import stamina",
        "import duckdb, pyarrow": "import duckdb, pyarrow",
        "import textual.app": "import textual.app",
        "import recourse": "import recourse",
        "from recourse import Executor": "from recourse import Executor",
        "first recourse.call": "import recourse; recourse.call('bench.Call', int)",
        "import the screens": "import recourse_tui.app",
    }
    python = sys.executable
    command = [python, "-c", "from recourse_observe.cli import main; raise SystemExit(main())"]
    return (
        {BARE: [python, "-c", "pass"]}
        | {
            name: [python, "-c", statement]
            for name, statement in statements.items()
            if all(map(importlib.util.find_spec, packages(statement)))
        }
        | {
            "recourse --help": [*command, "--help"],
            "recourse sql": [*command, "sql", str(archive), "select 1"],
            "recourse story": [*command, "story", str(archive)],
        }
    )


def packages(statement: str) -> list[str]:
    """The packages that a statement needs."""
    first = statement.partition(";")[0].removeprefix("from ").removeprefix("import ")
    return [each.strip().partition(".")[0] for each in first.partition(" import ")[0].split(",")]


def sample(command: list[str]) -> Sample:
    """Start one process and wait for it."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    wall_s, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    busy_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Sample(busy_s * 1e3, wall_s * 1e3)


def main() -> None:
    """Measure everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--archive", type=Path, default=Path("sample-data/checkout-outage"))
    given = parser.parse_args()
    os.environ["TERM"] = "dumb"
    commands = contenders(given.archive)
    for command in commands.values():
        sample(command)  # compiles what is not compiled yet
    samples: dict[str, list[Sample]] = {name: [] for name in commands}
    for _ in range(given.rounds):
        for name, command in commands.items():
            samples[name].append(sample(command))
    base = min(each.busy_ms for each in samples[BARE])
    print(f"{'processor time, ms':34}   minimum    median      wall")
    for name, values in samples.items():
        busy = [each.busy_ms for each in values]
        least, wall = min(busy), min(each.wall_ms for each in values)
        line = f"  {name:32}{least:10.1f}{statistics.median(busy):10.1f}{wall:10.1f}"
        line += f"{least / base:8.2f} x bare"
        if name in LIMITS:
            kept = "kept" if least / base <= LIMITS[name] else "MISSED"
            line += f", wanted {LIMITS[name]:g}: {kept}"
        print(line)


if __name__ == "__main__":
    main()
