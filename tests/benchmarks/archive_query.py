"""Questions to an archive beside named peers (T16-T19): a plain DuckDB glob, a table in memory, a raw scan.

    python tests/benchmarks/archive_query.py [--attempts 1000000] [--files 1000] [--rounds 5] [--keep DIR]

The archive is one day of twelve keys, written once with as many files as asked for; it is asked as it
is, then compacted, then asked again. Every line has the first answer, the minimum and the median of
interleaved rounds in milliseconds, and the least CPU time of this process, which a busy machine bends
less. ``worker`` is what `open_archive` gives, whose CPU time is another process's; ``trusted`` is the
same in this process. ``--keep`` leaves the archive, and takes one that is there already.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from recourse_observe.archive.compact import compact
from recourse_observe.archive.files import Source, publish_table, write_marker
from recourse_observe.archive.schema import arrow_schema
from recourse_observe.archive.sql import write_sql
from recourse_observe.queries.archive import Archive, open_archive
from recourse_observe.scope import Scope

DAY_US = 86_400_000_000
START_US = 1_795_219_200_000_000  # 2026-11-21T00:00:00Z
WINDOW = (START_US + 7 * DAY_US // 24, START_US + 7 * DAY_US // 24 + 300_000_000)
FAILED = "((h >> 20) % 50 = 0)"
TOOK = "(5000 + (h >> 8) % 40000)::BIGINT"
WHOSE = "'bench' AS service, '{instance}' AS instance, 'service-' || (h % 12) AS key"
COLUMNS = {
    "attempts": f"""
        call_id, 0 AS attempt, 0 AS hedge_index, FALSE AS is_hedge, TRUE AS ran,
        make_timestamp(us) AS started_at, make_timestamp(us + {TOOK}) AS ended_at, {TOOK} AS duration_us,
        CASE WHEN {FAILED} THEN 'retryable' ELSE 'success' END AS outcome,
        CASE WHEN {FAILED} THEN 'http_503' ELSE 'success' END AS reason,
        0 AS backoff_us, 0 AS waited_before_us, TRUE AS budget_allowed, 'first_attempt' AS budget_reason,
        FALSE AS late, 'v1' AS policy_version, 1 AS sample_weight""",
    "calls": f"""
        call_id, 'p' AS policy_id, 'v1' AS policy_version, 'static' AS policy_source,
        'standard' AS policy_mode, make_timestamp(us) AS started_at,
        make_timestamp(us + {TOOK}) AS ended_at, {TOOK} AS duration_us, NOT {FAILED} AS success,
        CASE WHEN {FAILED} THEN 'exhausted' ELSE 'success' END AS disposition,
        CASE WHEN {FAILED} THEN 'retryable' ELSE 'success' END AS final_outcome,
        CASE WHEN {FAILED} THEN 'http_503' ELSE 'success' END AS final_reason,
        1 AS attempts_run, 0 AS retries, 0 AS hedges, 1 AS sample_weight""",
    "rollups": f"""
        make_timestamp(us // 10000000 * 10000000) AS bucket_at, count(*) AS calls,
        count(*) FILTER (NOT {FAILED}) AS successes, count(*) AS attempts, 0 AS retries, 0 AS hedges,
        0 AS denied, 0 AS rejected_by_circuit, sum({TOOK})::BIGINT AS active_us,
        '{{"kind": "log", "base": 1.02, "unit": "us", "counts": {{"' || min(480 + us // 10000000 % 50)
            || '": ' || count(*) || '}}}}' AS latency""",
}
NEEDLE = """
    SELECT count(*) AS n, sum(duration_us) AS us, count(*) FILTER (WHERE outcome <> 'success') AS failed
    FROM {attempts} WHERE key = 'service-3'
        AND started_at >= make_timestamp({first}) AND started_at < make_timestamp({last})"""
ONE = "SELECT * FROM {attempts} WHERE call_id = '{call_id}'"
RAW = """
    SELECT key, count(*) AS n, count(*) FILTER (WHERE outcome <> 'success') AS failed,
        quantile_disc(duration_us, [0.5, 0.9, 0.99]) AS took
    FROM {attempts} GROUP BY key"""


def build(root: Path, attempts: int, files: int) -> None:
    """A day of calls, one attempt each, in so many files of each table."""
    con = duckdb.connect()
    write_marker(root)
    rows, span = attempts // files, DAY_US // files
    for number in range(files):
        first, start = number * rows, START_US + number * span
        con.execute(
            f"""CREATE OR REPLACE TABLE made AS
            SELECT *, printf('%013x%011x', us, i + {first}) AS call_id, hash(i + {first}) AS h
            FROM (SELECT i, ({start} + (i * {span}) // {rows})::BIGINT AS us FROM range({rows}) AS r(i))"""  # noqa: S608  # numbers of ours
        )
        source = Source(service="bench", instance=f"web-{number % 4}")
        for table, columns in COLUMNS.items():
            whose = WHOSE.format(instance=source.instance)
            group = "GROUP BY ALL" if table == "rollups" else ""
            made = con.sql(f"SELECT {whose}, {columns} FROM made {group}").to_arrow_table()  # noqa: S608  # ours
            publish_table(root, table, pinned(table, made), source, number, durable=False)
    write_sql(root)


def pinned(table: str, made: Any) -> Any:
    """The rows with every column of the schema."""
    schema = arrow_schema(table)
    arrays = [
        made[one.name].cast(one.type)
        if one.name in made.column_names
        else pa.nulls(made.num_rows, one.type)
        for one in schema
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def side_by_side(title: str, rounds: int, **ways: Callable[[], object]) -> None:
    """Print what each way takes, and its share of the first one's minimum."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(rounds + 1):
        for name, ask in ways.items():
            began, used = time.perf_counter(), time.process_time()
            ask()
            passed = (time.perf_counter() - began, time.process_time() - used)
            taken[name].append((passed[0] * 1000, passed[1] * 1000))
    print(title)
    base = min(wall for wall, _ in next(iter(taken.values()))[1:])
    for name, times in taken.items():
        walls = [wall for wall, _ in times[1:]]
        print(
            f"  {name:<10} first {times[0][0]:9.1f} ms  min {min(walls):9.1f} ms  "
            f"median {statistics.median(walls):9.1f} ms  cpu {min(cpu for _, cpu in times[1:]):9.1f} ms  "
            f"{min(walls) / base:7.3f}"
        )


def arrow(con: Any, sql: str) -> Any:
    """The answer of a peer, as an Arrow table like ours."""
    return con.sql(sql).to_arrow_table()


def needles(root: Path, rounds: int, table: Any) -> None:
    """A key and five minutes, and one call by its id (T16, T18)."""
    glob = f"read_parquet('{root}/attempts/**/*.parquet')"
    peer = duckdb.connect()
    first, last = WINDOW
    window = {"first": first, "last": last}
    ids = peer.sql(
        f"SELECT max(call_id) FROM {glob} WHERE started_at < make_timestamp({last})"  # noqa: S608  # ours
    ).fetchall()
    with open_archive(root) as worker, open_archive(root, trusted=True) as trusted:
        for title, query in (
            ("key and five minutes", NEEDLE.format(attempts="{attempts}", **window)),
            ("one call by id", ONE.format(attempts="{attempts}", call_id=ids[0][0])),
        ):
            mine = query.format(attempts="attempts")
            side_by_side(
                title,
                rounds,
                glob=partial(arrow, peer, query.format(attempts=glob)),
                memory=partial(arrow, table, mine),
                worker=partial(worker.sql, mine),
                trusted=partial(trusted.sql, mine),
            )
        side_by_side(
            "the call with its attempts and decisions, as the screens ask",
            rounds,
            worker=lambda: worker.call(ids[0][0]),
            trusted=lambda: trusted.call(ids[0][0]),
        )


def overview(root: Path, rounds: int) -> None:
    """A whole day at a glance, from its rollups and from its rows (T17)."""
    peer = duckdb.connect()
    raw = RAW.format(attempts=f"read_parquet('{root}/attempts/**/*.parquet')")
    day = Scope(start_unix_us=START_US, end_unix_us=START_US + DAY_US)
    with open_archive(root) as worker, open_archive(root, trusted=True) as trusted:
        side_by_side(
            "day overview",
            min(rounds, 3),
            scan=partial(arrow, peer, raw),
            worker=lambda: worker.overview(day),
            trusted=lambda: trusted.overview(day),
        )


def opening(root: Path, rounds: int) -> None:
    """From nothing to the first answer, imports of this process aside."""

    def first_answer(*, trusted: bool) -> None:
        archive: Archive
        with open_archive(root, trusted=trusted) as archive:
            archive.sql("SELECT count(*) FROM attempts")

    side_by_side(
        "open and count",
        min(rounds, 3),
        trusted=lambda: first_answer(trusted=True),
        worker=lambda: first_answer(trusted=False),
    )


def in_memory(root: Path) -> Any:
    """The attempts as a table of DuckDB's, the columns that the needles need."""
    table = duckdb.connect()
    table.execute(
        f"""CREATE TABLE attempts AS SELECT call_id, key, started_at, duration_us, outcome
        FROM read_parquet('{root}/attempts/**/*.parquet') ORDER BY started_at"""  # noqa: S608  # ours
    )
    return table


def main() -> None:
    """Print every number."""
    parser = argparse.ArgumentParser(description="Questions to an archive beside named peers.")
    parser.add_argument("--attempts", type=int, default=1_000_000)
    parser.add_argument("--files", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--keep", type=Path, help="build the archive here, and leave it")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = given.keep or Path(folder) / "archive"
        if not root.exists():
            build(root, given.attempts, given.files)
        print(f"{given.attempts:,} attempts in {given.files:,} files")
        table = in_memory(root)
        needles(root, given.rounds, table)
        opening(root, given.rounds)
        overview(root, given.rounds)
        began, used = time.perf_counter(), time.process_time()
        done = compact(root)
        took, used = time.perf_counter() - began, time.process_time() - used
        print(
            f"compaction: {done.files_before:,} files became {done.files_after:,}, {done.rows:,} rows in "
            f"{took:.1f} s, {done.rows / took / 1e6:.2f} M rows/s, {done.rows / used / 1e6:.2f} M per second of CPU"
        )
        needles(root, given.rounds, table)
        opening(root, given.rounds)
        overview(root, given.rounds)


if __name__ == "__main__":
    main()
