"""Notes: what people kept beside the archive, and the way back to what it is about."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from textual.app import ComposeResult
from textual.containers import Vertical

from recourse_observe.notes import Note, NoteKind, NotesError
from recourse_observe.story.named import UnknownIncidentError
from recourse_observe.text import clock, moment, plural, printable, shell
from recourse_tui.lines import Ink, Lines, Span, inked
from recourse_tui.screens.keeping import write_text
from recourse_tui.screens.opened import Opened
from recourse_tui.screens.place import Place
from recourse_tui.screens.view import View
from recourse_tui.widgets.table import Column, Table

if TYPE_CHECKING:
    from recourse_observe.queries.archive import Archive

__all__ = ["NotesView"]

_GLYPHS: Final = {
    NoteKind.BOOKMARK: Span("⚑", Ink.INFO),
    NoteKind.NOTE: Span("●", Ink.NOTE),
    NoteKind.QUERY: Span(";", Ink.GOOD),
    NoteKind.EVENT: Span("+", Ink.WARN),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is kept."""

    notes: tuple[Note, ...]


class NotesView(View):
    """Bookmarks, notes and queries."""

    DEFAULT_CSS = "NotesView { & #whole { height: 4; } }"
    name_of_view: ClassVar[str] = "notes"
    has_brush: ClassVar[bool] = False
    suffixes: ClassVar[tuple[str, ...]] = (".md", ".json", ".svg", ".txt")
    answer: Answer | None

    def panels(self) -> ComposeResult:
        """The list, and the whole of the marked one."""
        with Vertical():
            yield Lines(id="list")
            yield Lines(id="whole", can_focus=False)

    def ask(self, archive: "Archive", place: Place) -> Iterator[Answer]:
        """The file, read again."""
        del archive, place
        yield Answer(notes=self.session.notebook.read())

    def enter(self, place: Place, *, keep: bool = False) -> None:
        """Always read again: another screen may have kept something."""
        self._is_whole = False
        super().enter(place, keep=keep)

    def draw(self) -> None:
        """List and details."""
        if self.answer is None:
            return
        notes = self.answer.notes
        table = Table(notes, _COLUMNS, width=self.width, glyph=lambda note: _GLYPHS[note.kind])
        self.lines("list").show(table, head=[table.head], stops=range(len(table)))
        self._whole()

    def marked(self) -> None:
        """Another note is shown whole."""
        self._whole()

    def status(self) -> Span:
        """How many, and what could not be read."""
        trouble = self.session.notebook.trouble
        if trouble:
            return Span(f"✗ {trouble}", Ink.WARN)
        total = len(self.answer.notes) if self.answer is not None else 0
        if not total:
            return Span("nothing is kept yet: b keeps a place, ctrl+n a note", Ink.DIM)
        return Span(f"note {self.lines('list').cursor + 1} of {plural(total, 'note')}", Ink.DIM)

    def hint(self) -> str:
        """What one would do next."""
        return "enter opens what it is about · d takes it back · x export"

    def action_open(self) -> None:
        """What the note is about."""
        note = self._marked()
        if note is None:
            return
        if note.kind is NoteKind.QUERY:
            self.visit(replace(self.place, view="sql", query=note.text))
            return
        try:
            place = self.place_of(note.argv)
        except UnknownIncidentError as error:
            self.say(f"✗ {error}")
            return
        if place is None:
            self.say("this note is about no screen")
        else:
            self.visit(place)

    def action_forget(self) -> None:
        """Take the note back."""
        note = self._marked()
        if note is None:
            return
        try:
            said = self.session.notebook.keep(note)
        except NotesError as error:
            self.say(f"✗ {error}")
        else:
            self.reload()
            self.say(said)

    def note(self, text: str) -> None:
        """Keep a remark, and show it."""
        super().note(text)
        said = self.said
        self.reload()
        self.say(said)

    def written(self, book: Opened, place: Place, path: Path) -> None:
        """What is kept, for a person or as data; runs in a worker."""
        del book, place
        notes = self.answer.notes if self.answer is not None else ()
        if path.suffix == ".md":
            about = f"# Notes about {self.session.name}"
            lines = (_as_markdown(self.session.path, note) for note in notes)
            write_text(path, "\n".join((about, "", *lines, "")))
        else:
            shown = {"schema": "recourse.notes/1", "notes": [one.to_json() for one in notes]}
            write_text(path, json.dumps(shown, indent=1) + "\n")

    def _marked(self) -> Note | None:
        row = self.lines("list").cursor
        known = self.answer is not None and 0 <= row < len(self.answer.notes)
        return self.answer.notes[row] if known and self.answer is not None else None

    def _whole(self) -> None:
        note = self._marked()
        if note is None:
            self.lines("whole").show([])
            return
        text = " ".join(printable(note.text).split()) or printable(note.name)
        link = " ".join(printable(word) for word in note.argv)
        self.lines("whole").show(
            [
                inked(),
                inked(" ", Span(text, Ink.STRONG)),
                inked(" ", Span("about    ", Ink.DIM), link or "—"),
                inked(" ", Span("written  ", Ink.DIM), printable(note.written) or "—"),
            ]
        )


def _when(note: Note) -> str:
    if note.at_us is None:
        return "—"
    return f"{moment(note.at_us):%m-%d} {clock(note.at_us)}"


def _as_markdown(path: str, note: Note) -> str:
    told = " ".join(printable(f"{note.name} {note.text}").split())
    link = f"\n  `{shell(('recourse', note.argv[0], path, *note.argv[1:]))}`" if note.argv else ""
    return f"- {_when(note)} {note.kind}: {told}{link}"


_COLUMNS: Final[tuple[Column[Note], ...]] = (
    Column(title="MOMENT", width=14, text=_when),
    Column(title="KIND", width=8, text=lambda note: str(note.kind)),
    Column(title="NAME", width=18, text=lambda note: note.name),
    Column(title="TEXT", width=20, text=lambda note: " ".join(note.text.split()), stretch=True),
)
