"""`recourse tail`: what is recorded, as it is recorded."""

import json
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import click

from recourse_observe.cli.exits import Exit
from recourse_observe.cli.options import SECONDS, common, directory, the_archive, warn
from recourse_observe.cli.output import write_json, write_lines
from recourse_observe.text import clock, duration, plural, printable

__all__ = ["tail"]

_TIMES: Final = {
    "calls": "ended_at",
    "attempts": "ended_at",
    "budget_decisions": "decided_at",
    "hedges": "ended_at",
    "circuit_transitions": "changed_at",
    "policies": "applied_at",
    "rollups": "bucket_at",
    "recorder": "recorded_at",
}
_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001  # times of an archive carry no zone
_US: Final = timedelta(microseconds=1)
_USUAL: Final = ("calls", "circuit_transitions", "policies")


@click.command()
@click.argument("archive", required=False)
@common
@click.option(
    "-t",
    "--table",
    "tables",
    multiple=True,
    type=click.Choice(list(_TIMES)),
    metavar="TABLE",
    help=f"One of {', '.join(_TIMES)}; more than once for more. "
    "Calls, breakers and policies when left out.",
)
@click.option("--from-start", is_flag=True, help="Tell what is there already, too.")
@click.option("--once", is_flag=True, help="Look once and end.")
@click.option(
    "--every", type=SECONDS, default=0.5, show_default=True,
    metavar="SECONDS", help="How often to look.",
)  # fmt: skip
@click.option(
    "--format", "form", type=click.Choice(["lines", "ndjson"]), default="lines", show_default=True,
    help="How they are written.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON document, when it ends.")
def tail(  # noqa: PLR0913  # one argument per option
    *,
    archive: str | None,
    other: str | None,
    timeout: float | None,
    tables: tuple[str, ...],
    from_start: bool,
    once: bool,
    every: float,
    form: str,
    as_json: bool,
) -> int:
    """Print what ARCHIVE is told, each row once, until it is interrupted.

    Live segments are read as they grow; that they become files, and files are compacted, tells
    nothing twice. With --timeout it ends by itself.
    """
    from recourse_observe.archive.remote import RemoteStore  # it brings the worker

    over = threading.Event()
    alarm = threading.Timer(timeout, over.set) if timeout is not None else None
    if alarm is not None:
        alarm.daemon = True
        alarm.start()
    told: set[str] = set()
    write = _ndjson if form == "ndjson" else _lines
    kept: list[dict[str, Any]] = []
    follow = {"tables": list(tables or _USUAL), "from_start": from_start}
    with (
        directory(the_archive(archive, other)) as root,
        RemoteStore(root, follow=follow) as store,
    ):
        while not over.is_set():
            news = store.poll()
            if as_json:
                kept += [{"table": name, **row} for name, row in _by_time(news)]
            else:
                write_lines(write(news))
                sys.stdout.flush()
            for sentence in store.warnings:
                if sentence not in told:
                    told.add(sentence)
                    warn(sentence)
            if once:
                break
            over.wait(every)
    if alarm is not None:
        alarm.cancel()
    if as_json:
        write_json("recourse.tail/1", {"rows": kept})
    return Exit.OK


def _by_time(news: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    rows = [(table, row) for table, found in news.items() for row in found.to_pylist()]
    return iter(sorted(rows, key=lambda one: one[1][_TIMES[one[0]]]))


def _ndjson(news: Mapping[str, Any]) -> Iterator[str]:
    for table, row in _by_time(news):
        yield json.dumps({"table": table, **row}, ensure_ascii=True, default=str)


def _lines(news: Mapping[str, Any]) -> Iterator[str]:
    for table, row in _by_time(news):
        at = row[_TIMES[table]]
        at_us = (at - _EPOCH) // _US
        text = _TEXTS.get(table, _anything)(row)
        yield f"{clock(at_us, decimals=3)}  {printable(text)}"


def _call(row: Mapping[str, Any]) -> str:
    glyph = "●" if row["success"] else "✗"
    said = f"{row['disposition']} {row['final_reason']}" if not row["success"] else "success"
    attempts = plural(row["attempts_run"], "attempt")
    took = duration(row["duration_us"])
    return f"{glyph} {row['key']}  {said}  {attempts}  {took}  {row['call_id']}"


def _breaker(row: Mapping[str, Any]) -> str:
    return f"○ {row['key']}  breaker {row['from_state']} → {row['to_state']}  {row['cause']}"


def _policy(row: Mapping[str, Any]) -> str:
    return f"· {row['key']}  policy {row['event']}  {row['policy_source']} {row['policy_version']}"


def _anything(row: Mapping[str, Any]) -> str:
    return "  ".join(f"{name}={value}" for name, value in row.items() if value is not None)


_TEXTS: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = {
    "calls": _call,
    "circuit_transitions": _breaker,
    "policies": _policy,
}
