"""Interrupt, end and kill the commands that change an archive, at random moments of their work.

    python tests/harness/interrupt.py --rounds 25 [--commands compact check] [--seed 1]

In each round every command is run on a copy of an archive and gets a signal: SIGINT as from Ctrl-C,
SIGTERM or SIGKILL. Then every row must be there once, and the command, run again, must leave what
it leaves when nobody disturbs it. Ctrl-C must end it with 130 and without a word.
"""

import argparse
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq

from recourse_observe.archive import survey, write_archive
from recourse_observe.archive.bundle import unbundled

AT = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
COMMANDS = {
    "compact": ("compact", "archive", "--rows-per-file", "200"),
    "prune": ("prune", "archive", "--before", "2026-11-21T14:00"),
    "check": ("check", "archive", "--repair", "--trust"),
    "bundle": ("bundle", "archive", "-o", "out.rarc", "--force"),
}
# What it imports is imported before it says so: an interpreter that starts is not what is tried here.
CODE = """
import sys
import recourse_observe.archive.bundle, recourse_observe.archive.check, recourse_observe.archive.prune
import recourse_observe.cli.root, recourse_observe.queries.archive
print("begun", flush=True)
sys.exit(recourse_observe.cli.main(sys.argv[1:]))
"""


@dataclass
class Result:
    """What became of the signals so far."""

    sent: Counter[str] = field(default_factory=Counter)
    in_time: int = 0
    wrong: list[str] = field(default_factory=list)


def make(root: Path) -> None:
    """An archive of 12 small files in an hour, of older hours, and with a damaged file."""
    for first in range(12):
        calls = [
            {"call_id": f"{first:02}-{i:03}", "key": f"k.{i % 5}", "started_at": AT + timedelta(seconds=i)}
            for i in range(50)
        ]  # fmt: skip
        old = {"call_id": f"old-{first}", "key": "k", "started_at": AT - timedelta(hours=first + 1)}
        write_archive(root, {"calls": [*calls, old], "attempts": calls}, instance=f"web-{first}")
    (root / "calls" / "date=2026-11-21" / "bad.parquet").write_bytes(b"PAR1 and no more")


def told(root: Path) -> Counter[str]:
    """Each table's calls, as often as a reader is told of them."""
    return Counter(
        f"{table} {call_id}"
        for table, files in survey(root).files.items()
        for file in files
        for call_id in pq.read_table(file.path)["call_id"].to_pylist()
    )


def left_in(folder: Path) -> list[str]:
    """Every file's name, but for what is drawn by lot in it."""
    return sorted(
        re.sub(r"compact\.[0-9a-f]{12}", "compact", path.relative_to(folder).as_posix())
        for path in folder.rglob("*")
        if path.is_file() and path.name != "lock"
    )


def begin(folder: Path, name: str) -> "subprocess.Popen[bytes]":
    """The command, running."""
    command = [sys.executable, "-c", CODE, *COMMANDS[name]]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    running = subprocess.Popen(command, cwd=folder, **pipes)  # type: ignore[call-overload]  # pipes
    assert running.stdout.readline() == b"begun\n"
    return running  # type: ignore[no-any-return]  # as above


def problems(
    folder: Path, whole: Path, code: int, said: str, sent: signal.Signals
) -> Iterator[str]:
    """What is wrong after a signal."""
    if sent is signal.SIGINT and (code not in {0, 5, 130} or (code == 130 and said.strip())):
        yield f"it ended with {code} and said {said!r}"
    before, after, seen = told(whole / "before"), told(whole / "archive"), told(folder / "archive")
    if not after <= seen <= before:
        yield f"{(after - seen).total()} rows lost, {(seen - before).total()} told twice"
    bundle = folder / "out.rarc"
    if bundle.exists():
        with unbundled(bundle) as unpacked:
            if told(unpacked) != before:
                yield "the bundle is not whole"


def disturb(name: str, sent: signal.Signals, whole: Path, delay_s: float, result: Result) -> None:
    """Give a command a signal, and look."""
    with tempfile.TemporaryDirectory(prefix="interrupt-") as place:
        folder = Path(place)
        shutil.copytree(whole / "before", folder / "archive")
        running = begin(folder, name)
        time.sleep(delay_s)
        result.in_time += running.poll() is None
        running.send_signal(sent)
        _, said = running.communicate()
        result.sent[sent.name] += 1
        found = list(problems(folder, whole, running.returncode, said.decode(), sent))
        begin(folder, name).communicate()
        if told(folder / "archive") != told(whole / "archive"):
            found.append("run again, it leaves other rows")
        if left_in(folder) != left_in(whole / "left"):
            found.append(
                f"run again, it leaves {set(left_in(folder)) ^ set(left_in(whole / 'left'))}"
            )
        result.wrong += [
            f"{name}, {sent.name} after {delay_s * 1e3:.0f} ms: {one}" for one in found
        ]


def undisturbed(name: str, whole: Path) -> float:
    """Run a command to its end; how long that took."""
    left = whole / "left"
    left.mkdir(parents=True)
    make(whole / "before")
    shutil.copytree(whole / "before", left / "archive")
    running = begin(left, name)
    started = time.monotonic()
    running.communicate()
    took_s = time.monotonic() - started
    (whole / "archive").symlink_to(left / "archive")
    return took_s


def main() -> int:
    """Run rounds, and say what was found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--commands", nargs="+", choices=COMMANDS, default=list(COMMANDS))
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    lots, result = random.Random(options.seed), Result()  # noqa: S311  # moments, not secrets
    with tempfile.TemporaryDirectory(prefix="interrupt-") as place:
        took_s = {name: undisturbed(name, Path(place) / name) for name in options.commands}
        for number in range(options.rounds):
            for turn, name in enumerate(options.commands):
                sent = SIGNALS[(number + turn) % len(SIGNALS)]
                disturb(name, sent, Path(place) / name, lots.uniform(0, took_s[name]), result)
    for one in result.wrong:
        sys.stdout.write(f"WRONG {one}\n")
    total = result.sent.total()
    sys.stdout.write(
        f"{total} signals ({', '.join(f'{n} {name}' for name, n in sorted(result.sent.items()))}), "
        f"{result.in_time} before the end: {len(result.wrong)} wrong\n"
    )
    return 1 if result.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
