"""`recourse prune`: what is older than it need be is removed."""

import re
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, NoReturn

import click

from recourse.clock import SystemClock
from recourse_observe.cli.exits import Exit
from recourse_observe.cli.options import opened, the_archive
from recourse_observe.cli.output import size, write_json, write_lines
from recourse_observe.scope import ScopeError, instant, parse_instant
from recourse_observe.text import count, moment, plural, printable

if TYPE_CHECKING:
    from recourse_observe.archive.prune import Pruned

__all__ = ["prune"]

_DAY_US: Final = 86_400_000_000
_AGE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(h|d|w)", re.ASCII)
_HOURS: Final = {"h": 1, "d": 24, "w": 168}


@click.command()
@click.argument("archive", required=False)
@click.option("-a", "--archive", "other", metavar="PATH", help="The archive, as an option.")
@click.option("--older-than", "age", metavar="AGE", help="For example 30d, 36h or 2w.")
@click.option("--before", "until", metavar="TIME", help="What ended before it goes: ISO or 10:02.")
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask first, on a terminal.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def prune(  # noqa: PLR0913  # one argument per option
    *,
    archive: str | None,
    other: str | None,
    age: str | None,
    until: str | None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> int:
    """Remove files of ARCHIVE whose every row is older than asked for.

    A file goes whole or stays whole. Interrupted, it has removed some of them; run again, it goes on.
    """
    from recourse_observe.archive.prune import prune as remove  # it brings Arrow

    path = the_archive(archive, other)
    before = _before(path, age, until)
    if not (dry_run or yes) and sys.stdin.isatty():
        would = remove(path, before, dry_run=True)
        question = f"remove from {printable(path)}: {_told(would, before)}?"
        if would.files and not click.confirm(question, err=True):
            dry_run = True
    done = remove(path, before, dry_run=dry_run)
    if as_json:
        content = {name: getattr(done, name) for name in type(done).__dataclass_fields__}
        write_json("recourse.prune/1", {"before": before.isoformat(), **content})
    else:
        verb = "would be removed" if dry_run else "removed"
        write_lines([f"{verb}: {_told(done, before)}; {plural(done.kept, 'file')} kept"])
    return Exit.OK


def _told(done: "Pruned", before: datetime) -> str:
    shown = f"{plural(done.files, 'file')} that ended before {before:%Y-%m-%dT%H:%M:%S}Z"
    return f"{shown}, {count(done.rows)} rows, {size(done.size_bytes)}"


def _before(path: str, age: str | None, until: str | None) -> datetime:
    if (age is None) == (until is None):
        _refuse("give --older-than or --before")
    if until is not None:
        return _moment(path, until)
    found = _AGE.fullmatch(age or "")
    if found is None:
        _refuse(f"age {age!r} is none; give a number with h, d or w, for example '30d'")
    now = datetime.fromtimestamp(SystemClock().time_unix_ns() / 1e9, UTC)
    try:
        return now - timedelta(hours=float(found[1]) * _HOURS[found[2]])
    except OverflowError:
        _refuse(f"age {age!r} reaches back before all calendars; give a smaller one")


def _moment(path: str, text: str) -> datetime:
    """The moment that is meant, if it means the same however often it is said.

    What is removed moves the archive's first moment, from which other commands count.
    """
    said = parse_instant(text)
    if parse_instant(text, day_unix_us=_DAY_US) == said:
        return _in_calendar(text, said)
    if text.startswith(("+", "-")):
        reason = "counts from the archive's first moment, which goes"
        _refuse(f"time {text!r} {reason}; give a moment, for example 2026-11-21T10:02")
    with opened(path, quietly=True) as archive:
        covered = archive.coverage()
    first, last = covered.first_unix_us, covered.last_unix_us
    if first // _DAY_US != last // _DAY_US:
        reason = f"may be of any day from {instant(first)} to {instant(last)}"
        _refuse(f"time {text!r} {reason}; give its day, for example 2026-11-21T10:02")
    return _in_calendar(text, parse_instant(text, day_unix_us=first))


def _in_calendar(text: str, unix_us: int) -> datetime:
    try:
        return moment(unix_us)
    except OverflowError:
        raise ScopeError(text, "time", "a moment before the year 10000") from None


def _refuse(message: str) -> NoReturn:
    raise click.UsageError(message, click.get_current_context()) from None
