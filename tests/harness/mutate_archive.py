"""Mutated files by the thousand: does the reader survive them, and answer every good row?

    python tests/harness/mutate_archive.py [--files 20000] [--batch 100] [--seed 1]

Each round lays a batch of mutated Parquet files and segments beside files that are whole, opens the
archive the way the command line does, and asks for every row of every table. The good rows must all be
there, each question must be answered, and this process must live. Prints what became of the mutants and
exits with 1 when anything was wrong.
"""

import argparse
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from recourse_observe import open_archive
from recourse_observe.archive import write_archive
from recourse_observe.archive.limits import Limits
from recourse_observe.archive.names import FileName
from recourse_observe.archive.schema import TABLES

T0 = 1_795_255_200_000_000
GOOD = 40
LIMITS = Limits(memory_bytes=1 << 30, query_s=60.0)
Mutation = Callable[[random.Random, bytearray], bytes]


def flip(rng: random.Random, data: bytearray) -> bytes:
    """One to eight bits turned."""
    for _ in range(rng.randint(1, 8)):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


def flip_footer(rng: random.Random, data: bytearray) -> bytes:
    """A few bits turned where the footer is."""
    start = max(4, len(data) - 8 - int.from_bytes(data[-8:-4], "little"))
    for _ in range(rng.randint(1, 4)):
        data[rng.randrange(min(start, len(data) - 1), len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


def cut(rng: random.Random, data: bytearray) -> bytes:
    """The end is missing."""
    return bytes(data[: rng.randrange(len(data))])


def cut_out(rng: random.Random, data: bytearray) -> bytes:
    """A piece of the middle is missing."""
    start = rng.randrange(len(data))
    del data[start : start + rng.randint(1, 200)]
    return bytes(data)


def zero(rng: random.Random, data: bytearray) -> bytes:
    """A piece was never written."""
    start, size = rng.randrange(len(data)), rng.randint(1, 512)
    piece = data[start : start + size]
    data[start : start + size] = bytes(len(piece))
    return bytes(data)


def noise(rng: random.Random, data: bytearray) -> bytes:
    """A piece is something else."""
    start, size = rng.randrange(len(data)), rng.randint(1, 64)
    piece = data[start : start + size]
    data[start : start + size] = rng.randbytes(len(piece))
    return bytes(data)


def double(rng: random.Random, data: bytearray) -> bytes:
    """A piece is there twice."""
    start, size = rng.randrange(len(data)), rng.randint(1, 256)
    data[start:start] = data[start : start + size]
    return bytes(data)


def number(rng: random.Random, data: bytearray) -> bytes:
    """A byte is an extreme value, where sizes and counts like to be."""
    for _ in range(rng.randint(1, 3)):
        data[rng.randrange(len(data))] = rng.choice((0, 1, 0x7F, 0x80, 0xFE, 0xFF))
    return bytes(data)


MUTATIONS: tuple[Mutation, ...] = (
    flip, flip_footer, flip_footer, cut, cut_out, zero, noise, double, number,
)  # fmt: skip


def rows(table: str, count: int, owner: str) -> list[dict[str, Any]]:
    """Rows of a table, all of one writer."""
    spec = TABLES[table]
    given: dict[str, object] = {
        "call_id": "c", "key": "payments.Charge", "budget_name": "b", "allowed": True,
        "reason": "r", "attempt": 0, "hedge_index": 1, "from_state": "closed", "to_state": "open",
        "cause": "failure_rate", "event": "heartbeat", "error_message": "refused", "peer": "10.0.0.1",
    }  # fmt: skip
    made = []
    for index in range(count):
        row = {name: value for name, value in given.items() if name in spec.names}
        row |= {spec.time: T0 + index * 1_000_000, "instance": owner, "service": "shop"}
        if "call_id" in row:
            row["call_id"] = f"{owner}-{index:05}"
        made.append(row)
    return made


def archive_of(owner: str, folder: Path) -> Path:
    """A file of every table, of one writer."""
    return write_archive(folder, {table: rows(table, GOOD, owner) for table in TABLES})


def lay(root: Path, source: Path, data: bytes, index: int) -> None:
    """Put mutated bytes where a file of another writer would be."""
    known = FileName.parse(source.name)
    if known is None:  # a segment
        place = root / "_live" / f"mutant-{index}" / "000000.segment"
    else:
        other = FileName(
            first=known.first, last=known.last, instance=f"mutant-{index}", sequence=index
        )
        place = root / source.parent.relative_to(root) / str(other)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data)


def asked(root: Path) -> tuple[Counter[str], list[str]]:
    """What became of a round: counts, and sentences about what was wrong."""
    counts: Counter[str] = Counter()
    wrong: list[str] = []
    with open_archive(root, limits=LIMITS) as archive:
        for table in TABLES:
            try:
                archive.sql(f"SELECT * FROM {table}")  # noqa: S608  # a name of ours
                found = archive.sql(f"SELECT count(*) AS n FROM {table} WHERE instance = 'good'")  # noqa: S608  # as above
            except Exception as error:  # noqa: BLE001  # whatever it is, it is what we look for
                wrong.append(f"{table}: {type(error).__name__}: {error}")
                continue
            if (n := found["n"].to_pylist()[0]) != GOOD:
                wrong.append(f"{table}: {n} good rows of {GOOD}")
        archive.coverage()
        counts["left out"] += len(archive.warnings)
        counts["ended a reader"] += sum("ended the process" in text for text in archive.warnings)
    return counts, wrong


def run(files: int, batch: int, seed: int, segment: bytes = b"") -> tuple[Counter[str], list[str]]:
    """Mutate so many files; counts, and sentences about what was wrong."""
    rng = random.Random(seed)  # noqa: S311  # no secret
    counts: Counter[str] = Counter()
    wrong: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        whole = archive_of("good", Path(folder) / "good")
        models = archive_of("model", Path(folder) / "model")
        sources = sorted(models.rglob("*.parquet"))
        for start in range(0, files, batch):
            root = Path(shutil.copytree(whole, Path(folder) / "round"))
            for index in range(start, min(files, start + batch)):
                source = rng.choice(sources)
                is_segment = bool(segment) and rng.random() < 0.1  # one in ten
                data = bytearray(segment if is_segment else source.read_bytes())
                mutant = rng.choice(MUTATIONS)(rng, data)
                place = Path("x.segment") if is_segment else root / source.relative_to(models)
                lay(root, place, mutant, index)
            try:
                found, problems = asked(root)
            except Exception as error:  # noqa: BLE001  # whatever it is, it is what we look for
                found, problems = Counter(), [f"opening: {type(error).__name__}: {error}"]
            counts += found
            counts["mutated"] += min(files, start + batch) - start
            wrong += [f"seed {seed}, files from {start}: {problem}" for problem in problems]
            if problems:
                shutil.copytree(root, Path(tempfile.mkdtemp(prefix="mutants-")) / "archive")
            shutil.rmtree(root)
            print(
                f"{counts['mutated']:,} mutated, {counts['left out']:,} left out", file=sys.stderr
            )
    return counts, wrong


def a_segment() -> bytes:
    """What a recorder writes while it lives."""
    import recourse
    from recourse.testing import VirtualClock
    from recourse_observe.archive import ArchiveObserver

    with tempfile.TemporaryDirectory() as folder:
        observer = ArchiveObserver(folder, service="shop", flush_interval_s=60.0)
        executor = recourse.Executor(
            policies=[recourse.Policy("a.B")], observers=[observer], clock=VirtualClock(T0 * 1000)
        )
        for _ in range(20):
            executor.call("a.B", int)
        observer.flush()
        data = next(Path(folder).glob("_live/*/*.segment")).read_bytes()
        observer.close()
    return data


def main(argv: Sequence[str] | None = None) -> int:
    """Run as a command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(argv)
    counts, wrong = run(given.files, given.batch, given.seed, a_segment())
    print("  ".join(f"{name} {count:,}" for name, count in sorted(counts.items())))
    for problem in wrong:
        print(problem)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
