"""`recourse notes`: what people kept beside an archive."""

from collections.abc import Iterator

import click

from recourse.clock import SystemClock
from recourse_observe.cli.exits import Exit
from recourse_observe.cli.options import localised, must_exist, opened, the_archive, warn
from recourse_observe.cli.output import write_json, write_lines
from recourse_observe.notes import (
    Kept,
    Note,
    NoteKind,
    NotesError,
    append_note,
    notes_path,
    read_notes,
)
from recourse_observe.scope import instant, parse_instant
from recourse_observe.text import clock, count, day, plural, printable, shell

__all__ = ["notes"]


@click.command()
@click.argument("archive", required=False)
@click.option("-a", "--archive", "other", metavar="PATH", help="The archive, as an option.")
@click.option("--add", "text", metavar="TEXT", help="Write a note instead.")
@click.option("--at", "at", metavar="TIME", help="The moment that the new note is about.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@localised
def notes(
    *, archive: str | None, other: str | None, text: str | None, at: str | None, as_json: bool
) -> int:
    """Show bookmarks, notes and queries kept beside ARCHIVE."""
    path = the_archive(archive, other)
    _refuse_nonsense(text, at)
    must_exist(path)
    try:
        place = notes_path(path)
        if text is not None:
            append_note(place, _new(path, text, at))
        kept = read_notes(place)
    except NotesError as error:
        raise click.ClickException(printable(str(error))) from None
    if as_json:
        shown = [note.to_json() for note in kept.notes]
        write_json("recourse.notes/1", {"notes": shown, "broken": kept.broken})
    else:
        write_lines(_lines(path, kept))
    if kept.broken:
        warn(f"{plural(kept.broken, 'line')} of {place.name} could not be read")
    if kept.is_cut:
        warn(f"{place.name} is too long; only its first {count(len(kept.notes))} notes are shown")
    return Exit.OK


def _refuse_nonsense(text: str | None, at: str | None) -> None:
    message = ""
    if text is None and at is not None:
        message = "--at is the moment of a new note; give its text with --add"
    elif text is not None and not text.strip():
        message = f"note {text!r} says nothing; give its text"
    if message:
        raise click.UsageError(message, click.get_current_context())


def _new(path: str, text: str, at: str | None) -> Note:
    at_us = None
    if at is not None:
        with opened(path) as found:
            at_us = parse_instant(at, day_unix_us=found.coverage().first_unix_us)
    written = instant(SystemClock().time_unix_ns() // 1_000_000_000 * 1_000_000)
    return Note(kind=NoteKind.NOTE, text=text, at_us=at_us, written=written)


def _lines(path: str, kept: Kept) -> Iterator[str]:
    if not kept.notes:
        yield "no notes; in the screens b keeps a bookmark and ctrl+n a note"
    for note in kept.notes:
        when = "" if note.at_us is None else f"{day(note.at_us)} {clock(note.at_us)}  "
        name = f"{printable(note.name)}: " if note.name else ""
        yield f"{when}{note.kind:<8}  {name}{printable(' '.join(note.text.split()))}"
        if note.argv:
            view, *rest = note.argv
            yield f"    {shell(('recourse', view, path, *rest))}"
