"""What the twins have in common: where the archive is, what is looked at, how the answer looks."""

import functools
import math
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from recourse_observe.scope import EVERYTHING, Scope, parse_instant
from recourse_observe.text import printable, shown_in

if TYPE_CHECKING:
    from recourse_observe.queries.archive import Archive

__all__ = [
    "SECONDS",
    "Chosen",
    "archive_and",
    "archive_and_maybe",
    "common",
    "directory",
    "explain",
    "is_trusted",
    "localised",
    "must_exist",
    "opened",
    "scoped",
    "the_archive",
    "warn",
]

_INSIST_S: Final = 0.05
_LONGEST_S: Final = 365 * 86_400.0
_TRUST: Final = "recourse.trust"
_DOCUMENTS: Final = frozenset(("arrow", "csv", "html", "json", "ndjson", "parquet"))


class _Seconds(click.FloatRange):
    """A span that a thread can wait: above zero, and no longer than a year."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The number, or a mistake in the use: ``nan`` is within every range."""
        seconds: float = super().convert(value, param, ctx)
        if math.isnan(seconds):
            self.fail(f"{value!r} is no number of seconds; give one above 0", param, ctx)
        return min(seconds, _LONGEST_S)


SECONDS: Final = _Seconds(min=0, min_open=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The scope as it was typed: times may be relative to the archive."""

    since: str | None
    until: str | None
    key: str | None
    where: str
    baseline: str | None

    def scope(self, archive: "Archive") -> Scope:
        """The scope, now that the archive's first moment is known.

        Raises:
            ScopeError: A moment or the baseline cannot be read.
        """
        if self.baseline is not None:
            from recourse_observe.queries.against import must_be_baseline

            must_be_baseline(self.baseline)
        first = archive.coverage().first_unix_us if self.since or self.until else 0
        start = _moment(self.since, EVERYTHING.start_unix_us, first)
        end = _moment(self.until, EVERYTHING.end_unix_us, first)
        if end <= start:
            warn(f"--until {self.until} is not after --since {self.since}: nothing lies between")
        return Scope(
            start_unix_us=start,
            end_unix_us=end,
            key=self.key,
            where=self.where,
            baseline=self.baseline,
        )


def _moment(text: str | None, otherwise: int, first_unix_us: int) -> int:
    return otherwise if text is None else parse_instant(text, day_unix_us=first_unix_us)


def localised(command: Callable[..., Any]) -> Callable[..., Any]:
    """``--local``: what is written for people has its times on this machine's clock."""

    @functools.wraps(command)
    def wrapped(*args: Any, is_local: bool, **kwargs: Any) -> Any:
        is_document = kwargs.get("as_json") or kwargs.get("form") in _DOCUMENTS
        with shown_in(None if is_local and not is_document else UTC):
            return command(*args, **kwargs)

    help_text = "Show times on this machine's clock; documents, and times that are given, stay UTC."
    return click.option("--local", "is_local", is_flag=True, help=help_text)(wrapped)


def common(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options of every command that reads an archive."""
    command = localised(command)
    for decorate in (
        click.option(
            "--trust",
            is_flag=True,
            envvar="RECOURSE_TRUST",
            expose_value=False,
            callback=_trusted,
            help="The archive is our own: read it in this process.",
        ),
        click.option("--timeout", type=SECONDS, metavar="SECONDS", help="Stop after so long."),
        click.option("-a", "--archive", "other", metavar="PATH", help="The archive, as an option."),
    ):
        command = decorate(command)
    return command


def _trusted(ctx: click.Context, _: click.Parameter, value: bool) -> None:  # noqa: FBT001  # as click calls it
    ctx.meta[_TRUST] = value


def scoped(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options that say what is looked at; the command gets them as ``chosen``."""

    @functools.wraps(command)
    def wrapped(  # one argument per option
        *args: Any,
        since: str | None,
        until: str | None,
        only: str | None,
        where: str,
        baseline: str | None,
        **kwargs: Any,
    ) -> Any:
        chosen = Chosen(since=since, until=until, key=only, where=where, baseline=baseline)
        return command(*args, chosen=chosen, **kwargs)

    for decorate in (
        click.option(
            "--baseline",
            metavar="WHAT",
            help="before, yesterday, others, successes, or T1..T2.",
        ),
        click.option(
            "--where", default="", metavar="TERMS", help="Only such calls: lost attempts>2"
        ),
        click.option("-k", "--key", "only", metavar="KEY", help="Only this policy key."),
        click.option("--until", metavar="TIME", help="First moment outside, UTC."),
        click.option("--since", metavar="TIME", help="First moment inside: ISO, 10:02 or +30s."),
    ):
        wrapped = decorate(wrapped)
    return wrapped


def archive_and(given: Sequence[str], other: str | None, what: str) -> tuple[str, str]:
    """The archive and one more argument, where the archive may come from option or environment.

    Raises:
        click.UsageError: One of them is missing, or there are too many.
    """
    elsewhere = other or _environment()
    if len(given) == 2:  # noqa: PLR2004  # the archive and the other argument
        return given[0], given[1]
    if len(given) == 1 and elsewhere is not None:
        return elsewhere, given[0]
    message = f"give an archive and {what}; -a or RECOURSE_ARCHIVE may name the archive"
    raise click.UsageError(message, click.get_current_context())


def archive_and_maybe(given: Sequence[str], other: str | None, what: str) -> tuple[str, str | None]:
    """The archive and, if it was given, one more argument; see :func:`archive_and`.

    Raises:
        click.UsageError: The archive is missing, or there are too many arguments.
    """
    elsewhere = other or _environment()
    if not given and elsewhere is not None:
        return elsewhere, None
    if len(given) == 1 and elsewhere is None and Path(given[0]).exists():
        return given[0], None
    return archive_and(given, other, what)


def the_archive(given: str | None, other: str | None) -> str:
    """The archive: the argument, the option, or the environment.

    Raises:
        click.UsageError: None of them says.
    """
    archive = given or other or _environment()
    if archive is None:
        message = "give an archive, or name it with -a or RECOURSE_ARCHIVE"
        raise click.UsageError(message, click.get_current_context())
    return archive


def must_exist(path: str) -> None:
    """Refuse what is not there, in a command that would not open it at once.

    Raises:
        ArchiveMissingError: There is nothing at the path, nor is it a pattern.
    """
    if any(sign in path for sign in "*?[") or Path(path).exists():
        return
    from recourse_observe.archive.errors import ArchiveMissingError

    raise ArchiveMissingError(path, "does not exist; give a directory or a Parquet file")


def _environment() -> str | None:
    return os.environ.get("RECOURSE_ARCHIVE") or None


def is_trusted() -> bool:
    """Whether somebody said that the archive is our own."""
    return bool(click.get_current_context().meta.get(_TRUST))


@contextmanager
def directory(path: str) -> Iterator[str]:
    """The archive as a path that is no bundle; what a bundle holds goes away afterwards."""
    from recourse_observe.archive.bundle import is_bundle, unbundled  # they bring Arrow

    if not is_bundle(path):
        yield path
        return
    with unbundled(path) as folder:
        yield os.fspath(folder)


@contextmanager
def opened(
    path: str, timeout: float | None = None, *, quietly: bool = False
) -> "Iterator[Archive]":
    """The archive, open; what of it could not be read is said on stderr.

    Args:
        path: Where it is.
        timeout: Seconds after which its queries are stopped.
        quietly: Say nothing; somebody else does.
    """
    from recourse_observe.queries.archive import open_archive  # it brings DuckDB and Arrow

    with open_archive(path, trusted=is_trusted(), forks=True) as archive:
        for warning in () if quietly else archive.warnings:
            warn(warning)
        if timeout is None:
            yield archive
            return
        over = threading.Event()
        alarm = threading.Thread(target=_stop, args=(archive, timeout, over), daemon=True)
        alarm.start()
        try:
            yield archive
        finally:
            over.set()
            alarm.join()


def _stop(archive: "Archive", timeout: float, over: threading.Event) -> None:
    """Interrupt whatever runs after the time is up, until the command gives up."""
    over.wait(timeout)
    while not over.wait(_INSIST_S):
        archive.store.interrupt()


def explain(sql: str) -> None:
    """Show the SQL that answers, on stderr."""
    for line in sql.strip().splitlines():
        sys.stderr.write(printable(line) + "\n")


def warn(sentence: str) -> None:
    """Say something on stderr, so that stdout stays data."""
    sys.stderr.write(f"recourse: {printable(sentence)}\n")
