"""The TUI beside a bare Textual app (T22): first frame, verdict on a million attempts, repaint, loop lag.

    python tests/benchmarks/tui_first_answer.py [--attempts 1080000] [--rounds 5]

First frames are interleaved, each in a fresh process; the minimum and the median are printed with
the ratio of the minima. The archive is one hour of twelve keys of which one fails for ten minutes,
written once to a temporary folder.
"""

import argparse
import asyncio
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

asyncio.run(Ours("nowhere").run_async(headless=True, size=(80, 24)))
"""


def first_frame_s(code: str) -> float:
    """Seconds from the start of a process to its first frame."""
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stderr.split("FIRST ")[1]) - began


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


async def answer(path: Path) -> dict[str, float]:
    """Seconds until the keys and until the verdict are drawn; lag of the loop meanwhile; a repaint."""
    app = RecourseApp(str(path))
    began = time.monotonic()
    lags: list[float] = []
    found: dict[str, float] = {}
    async with app.run_test(size=(120, 40)) as pilot:
        while "verdict" not in found:
            before = time.monotonic()
            await pilot.pause(0.005)
            lags.append(time.monotonic() - before - 0.005)
            view = app.screen
            if isinstance(view, View) and view.answer is not None:
                found.setdefault("keys", time.monotonic() - began)
                if getattr(view.answer, "story", None) is not None:
                    found["verdict"] = time.monotonic() - began
        used = time.process_time()
        for _ in range(20):
            app.screen.refresh(layout=True)
            app.screen._refresh_layout()
            app.screen._compositor.render_update(full=True)
        found["repaint"] = (time.process_time() - used) / 20
    found["lag p95"] = statistics.quantiles(lags, n=20)[-1]
    return found


def main() -> None:
    """Print every number with its limit."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--attempts", type=int, default=1_080_000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    bare, ours = [], []
    for _ in range(given.rounds):
        bare.append(first_frame_s(BARE))
        ours.append(first_frame_s(OURS))
    for name, times in (("bare Textual app", bare), ("recourse", ours)):
        print(
            f"first frame, {name:<17} min {min(times):.3f} s  median {statistics.median(times):.3f} s"
        )
    print(f"ratio of the minima {min(ours) / min(bare):.2f} (limit 1.5)")
    with tempfile.TemporaryDirectory() as folder:
        path = large_archive(Path(folder), given.attempts)
        found = asyncio.run(answer(path))
    print(
        f"{given.attempts:,} attempts: keys {found['keys']:.2f} s, verdict {found['verdict']:.2f} s (limit 1.2 s)"
    )
    print(f"full repaint at 120x40 {found['repaint'] * 1000:.1f} ms of CPU (limit 16 ms)")
    print(f"loop lag while queries run, p95 {found['lag p95'] * 1000:.1f} ms (limit 15 ms)")


if __name__ == "__main__":
    main()
