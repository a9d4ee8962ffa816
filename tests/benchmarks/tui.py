"""Start-up beside bare Python (T20), and the TUI beside a bare Textual app and harlequin (T22).

    python tests/benchmarks/tui.py [--attempts 1080000] [--rounds 5]

What is compared is interleaved, each in a fresh process; the minimum and the median are printed with
the ratio of the minima. The archive is one hour of twelve keys of which one fails for ten minutes,
written once to a temporary folder; ``--attempts 10000000`` makes it ten million. A peer that is not
installed is left out.
"""

import argparse
import asyncio
import importlib.util
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from recourse_observe import open_archive
from recourse_observe.archive import write_archive
from recourse_observe.archive.files import Source, publish_table
from recourse_tui.app import RecourseApp
from recourse_tui.screens.view import View

START_US = int(datetime(2026, 11, 21, 9, tzinfo=UTC).timestamp() * 1e6)
HOUR_US = 3_600_000_000
KEYS = [f"service-{n}.Operation" for n in range(12)]
BARE = """
import asyncio, sys, time
from textual.app import App

class Bare(App):
    def on_mount(self):
        self.call_after_refresh(self.shown)

    def shown(self):
        sys.stderr.write(f"FIRST {time.monotonic()}\\n")
        self.exit()

asyncio.run(Bare().run_async(headless=True, size=(80, 24)))
"""
OURS = """
import asyncio, sys, time
from recourse_tui.app import RecourseApp

class Ours(RecourseApp):
    def _open_archive(self):
        sys.stderr.write(f"FIRST {time.monotonic()}\\n")
        self.exit()

asyncio.run(Ours(sys.argv[1]).run_async(headless=True, size=(80, 24)))
"""
VERDICT = """
import asyncio, sys, time
from pathlib import Path
from recourse_tui.app import RecourseApp
from recourse_tui.screens.opened import read

async def wait_for_it(pilot):
    while getattr(getattr(app.screen, "answer", None), "story", None) is None:
        await asyncio.sleep(0.005)
    worker = Path(f"/proc/{opened[0].archive.store._worker.child._process.pid}/status").read_text()
    sys.stderr.write(f"PEAK {worker.split('VmHWM:')[1].split()[0]} FIRST {time.monotonic()}\\n")
    app.exit()

def reader():
    opened.append(read(sys.argv[1]))
    return opened[0]

opened = []
app = RecourseApp(sys.argv[1], reader=reader)
asyncio.run(app.run_async(headless=True, size=(120, 40), auto_pilot=wait_for_it))
"""


PEER = """
import asyncio, sys, time
from harlequin.app import Harlequin
from harlequin_duckdb import DuckDbAdapter

app = Harlequin(adapter=DuckDbAdapter(conn_str=(":memory:",), no_init=True))

def shown():
    sys.stderr.write(f"FIRST {time.monotonic()}\\n")
    app.exit()

async def ready(pilot):
    app.call_after_refresh(shown)

asyncio.run(app.run_async(headless=True, size=(80, 24), auto_pilot=ready))
"""
NOTHING = "pass"
LIBRARY = "import recourse"
HELP = "import sys; from recourse_observe.cli import main; main(['--help'])"
QUESTION = (
    "import sys; from recourse_observe.cli import main; main(['triage', sys.argv[1], '--trust'])"
)
SCREENS = "import recourse_tui.app"


def process_s(code: str, *argv: str) -> float:
    """Seconds that a process takes in all."""
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", code, *argv], capture_output=True, check=True)
    return time.monotonic() - began


def start_up(sample: Path, rounds: int) -> None:
    """T20: what each way to begin costs, in bare interpreters."""
    kinds = {
        "bare Python": (NOTHING, ""),
        "import recourse": (LIBRARY, "limit 2.5"),
        "recourse --help": (HELP, "limit 3.5"),
        "a one-shot question": (QUESTION, "limit 20"),
        "imports of the screens": (SCREENS, "limit 32"),
    }
    times: dict[str, list[float]] = {name: [] for name in kinds}
    for _ in range(rounds):
        for name, (code, _) in kinds.items():
            times[name].append(process_s(code, str(sample)))
    bare = min(times["bare Python"])
    for name, (_, limit) in kinds.items():
        least, middle = min(times[name]), statistics.median(times[name])
        print(
            f"{name:<24} min {least:.3f} s  median {middle:.3f} s  ratio {least / bare:5.1f}  {limit}"
        )


def is_installed(module: str) -> bool:
    """Whether a peer can be measured."""
    return importlib.util.find_spec(module) is not None


def first_frame_s(code: str, *argv: str) -> float:
    """Seconds from the start of a process to its first frame."""
    began = time.monotonic()
    return float(told(code, *argv).split("FIRST ")[1]) - began


def told(code: str, *argv: str) -> str:
    """What a process says of itself."""
    command = [sys.executable, "-c", code, *argv]
    return subprocess.run(command, capture_output=True, text=True, check=True).stderr


def seed(calls: int) -> dict[str, list[dict[str, Any]]]:
    """A few thousand calls, spread over the hour: enough variety to be repeated."""
    tables: dict[str, list[dict[str, Any]]] = {"calls": [], "attempts": []}
    for number in range(calls):
        at = START_US + number * (HOUR_US // calls)
        key = KEYS[number % len(KEYS)]
        is_lost = (
            key == KEYS[0] and HOUR_US // 3 < at - START_US < HOUR_US // 2 and number % 24 == 0
        )
        tries = 3 if is_lost else 1
        for attempt in range(tries):
            tables["attempts"].append(
                {"call_id": f"{number:08x}", "key": key, "attempt": attempt, "started_at": at + attempt * 200_000,
                 "duration_us": 40_000 + number % 977, "outcome": "retryable" if is_lost else "success",
                 "reason": "http_503" if is_lost else "success"}
            )  # fmt: skip
        tables["calls"].append(
            {"call_id": f"{number:08x}", "key": key, "started_at": at, "duration_us": 45_000 + tries * 200_000,
             "success": tries == 1, "disposition": "success" if tries == 1 else "exhausted",
             "final_outcome": "success" if tries == 1 else "retryable", "attempts_run": tries, "retries": tries - 1,
             "final_reason": "success" if tries == 1 else "http_503"}
        )  # fmt: skip
    return tables


def large_archive(root: Path, attempts: int) -> Path:
    """The seed repeated, a microsecond later each time and with ids of its own."""
    small = write_archive(root / "seed", seed(6_000), service="shop", instance="shop-0")
    archive = open_archive(small)
    write_archive(root / "large", {})
    copies = -(-attempts // archive.coverage().attempts)
    for name in ("attempts", "calls"):
        table = archive.sql(f"SELECT * FROM {name}")  # noqa: S608  # a name of ours
        whole = pa.concat_tables(shifted(table, copy) for copy in range(copies))
        whole = whole.sort_by("started_at")  # as it is recorded
        owner = Source(service="shop", instance="shop-0", region=None)
        publish_table(root / "large", name, whole, owner, 0, durable=False)
    archive.close()
    return root / "large"


def shifted(table: Any, copy: int) -> Any:
    """The table with other ids, a little later."""
    for name in ("started_at", "ended_at"):
        column = pc.add(pc.cast(table[name], pa.int64()), copy * 997)
        table = table.set_column(
            table.column_names.index(name), name, pc.cast(column, pa.timestamp("us"))
        )
    ids = pc.binary_join_element_wise(pc.cast(table["call_id"], pa.string()), str(copy), "-")
    return table.set_column(table.column_names.index("call_id"), "call_id", ids)


async def answer(path: Path, *, trusted: bool) -> dict[str, float]:
    """Seconds until each part of triage is drawn; how late the loop is meanwhile, and at rest; a repaint."""
    app = RecourseApp(str(path), trusted=trusted)
    began = time.monotonic()
    found: dict[str, float] = {}
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        lags: list[float] = []
        while "keys" not in found:
            lags.append(await lateness())
            for part in known(app):
                found.setdefault(part, time.monotonic() - began)
        found["lag p95"] = statistics.quantiles(lags, n=20)[-1]
        at_rest = [await lateness() for _ in range(200)]
        found["lag at rest"] = statistics.quantiles(at_rest, n=20)[-1]
        used = time.process_time()
        for _ in range(20):
            app.screen.refresh(layout=True)
            app.screen._refresh_layout()
            app.screen._compositor.render_update(full=True)
        found["repaint"] = (time.process_time() - used) / 20
    return found


async def lateness() -> float:
    """Seconds by which the loop comes back too late."""
    before = time.monotonic()
    await asyncio.sleep(0.005)
    return time.monotonic() - before - 0.005


def known(app: RecourseApp) -> list[str]:
    """What triage shows by now."""
    shown = app.screen.answer if isinstance(app.screen, View) else None
    if shown is None:
        return []
    parts = {
        "when and where": shown.found or shown.story is not None,
        "verdict": shown.story is not None,
        "keys": shown.keys is not None,
    }
    return [part for part, is_there in parts.items() if is_there]


def triage(path: Path, attempts: int, *, trusted: bool) -> None:
    """T22: from opening an archive to its verdict."""
    found = asyncio.run(answer(path, trusted=trusted))
    how = "in this process" if trusted else "through the worker"
    parts = ", ".join(
        f"{part} {found[part]:.2f} s" for part in ("when and where", "verdict", "keys")
    )
    print(f"{attempts:,} attempts {how}: {parts} (limit of the verdict at a million 1.2 s)")
    late, at_rest = found["lag p95"] * 1000, found["lag at rest"] * 1000
    print(f"  lag of the loop meanwhile, p95 {late:.1f} ms (limit 15 ms), at rest {at_rest:.1f} ms")
    print(f"  full repaint at 120x40 {found['repaint'] * 1000:.1f} ms of CPU (limit 16 ms)")


def from_the_command(path: Path, rounds: int) -> None:
    """T22 as a person waits: from the start of a process to the verdict, and what its worker needs."""
    times, peaks = [], []
    for _ in range(rounds):
        began = time.monotonic()
        said = told(VERDICT, str(path))
        times.append(float(said.split("FIRST ")[1]) - began)
        peaks.append(int(said.split("PEAK ")[1].split()[0]) >> 10)
    print(
        f"  from the command to the verdict min {min(times):.2f} s  median {statistics.median(times):.2f} s"
    )
    print(f"  memory of the worker at its peak {max(peaks)} MiB")


def main() -> None:
    """Print every number with its limit."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--attempts", type=int, default=1_080_000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    sample = Path(__file__).parents[2] / "sample-data" / "checkout-outage"
    start_up(sample, given.rounds)
    apps = {"bare Textual app": BARE, "recourse": OURS}
    apps |= {"harlequin": PEER} if is_installed("harlequin") else {}
    frames: dict[str, list[float]] = {name: [] for name in apps}
    for _ in range(given.rounds):
        for name, code in apps.items():
            frames[name].append(first_frame_s(code, str(sample)))
    for name, times in frames.items():
        ratio = min(times) / min(frames["bare Textual app"])
        print(
            f"first frame, {name:<17} min {min(times):.3f} s  median {statistics.median(times):.3f} s  "
            f"ratio {ratio:.2f}{' (limit 1.5)' if name == 'recourse' else ''}"
        )
    with tempfile.TemporaryDirectory() as folder:
        path = large_archive(Path(folder), given.attempts)
        for trusted in (True, False):
            triage(path, given.attempts, trusted=trusted)
        from_the_command(path, given.rounds)


if __name__ == "__main__":
    main()
