"""`recourse prune`: what is older than it need be is removed."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

import click

from recourse.clock import SystemClock
from recourse_observe.cli.exits import Exit
from recourse_observe.cli.options import the_archive
from recourse_observe.cli.output import size, write_json, write_lines
from recourse_observe.scope import parse_instant
from recourse_observe.text import count, moment, plural

__all__ = ["prune"]

_AGE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(h|d|w)", re.ASCII)
_HOURS: Final = {"h": 1, "d": 24, "w": 168}


@click.command()
@click.argument("archive", required=False)
@click.option("-a", "--archive", "other", metavar="PATH", help="The archive, as an option.")
@click.option("--older-than", "age", metavar="AGE", help="For example 30d, 36h or 2w.")
@click.option("--before", "until", metavar="TIME", help="What ended before it goes: ISO, UTC.")
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def prune(
    *,
    archive: str | None,
    other: str | None,
    age: str | None,
    until: str | None,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Remove files of ARCHIVE whose every row is older than asked for.

    A file goes whole or stays whole. Interrupted, it has removed some of them; run again, it goes on.
    """
    from recourse_observe.archive.prune import prune as remove  # it brings Arrow

    before = _before(age, until)
    done = remove(the_archive(archive, other), before, dry_run=dry_run)
    if as_json:
        content = {name: getattr(done, name) for name in type(done).__dataclass_fields__}
        write_json("recourse.prune/1", {"before": before.isoformat(), **content})
    else:
        verb = "would be removed" if dry_run else "removed"
        shown = (
            f"{plural(done.files, 'file')} {verb}: {count(done.rows)} rows, {size(done.size_bytes)}"
        )
        write_lines([f"{shown}; {plural(done.kept, 'file')} kept"])
    return Exit.OK


def _before(age: str | None, until: str | None) -> datetime:
    if (age is None) == (until is None):
        message = "give --older-than or --before"
        raise click.UsageError(message, click.get_current_context())
    if until is not None:
        return moment(parse_instant(until))
    found = _AGE.fullmatch(age or "")
    if found is None:
        message = f"age {age!r} is none; give a number with h, d or w, for example '30d'"
        raise click.UsageError(message, click.get_current_context())
    now = datetime.fromtimestamp(SystemClock().time_unix_ns() / 1e9, UTC)
    try:
        return now - timedelta(hours=float(found[1]) * _HOURS[found[2]])
    except OverflowError:
        message = f"age {age!r} reaches back before all calendars; give a smaller one"
        raise click.UsageError(message, click.get_current_context()) from None
