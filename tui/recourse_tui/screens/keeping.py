"""What outlives the screen: bookmarks, notes, and files of what is seen."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Final

from textual import on, work
from textual.message import Message

from recourse_observe.scope import ScopeError, instant
from recourse_observe.story.named import UnknownIncidentError
from recourse_observe.text import clock, plural, printable
from recourse_tui.pictures import screen_svg, screen_text
from recourse_tui.screens.copied import write_copy
from recourse_tui.screens.finding import Finding
from recourse_tui.screens.links import place_of
from recourse_tui.screens.opened import Opened, expected
from recourse_tui.screens.place import Place

__all__ = ["Keeping", "NothingToWriteError", "write_text"]

_MOST_ROWS: Final = 1_000_000
_STORIES: Final = (".md", ".html")


class NothingToWriteError(OSError):
    """There is nothing that could stand in the file; the text says what is missing."""


class Keeping(Finding):
    """A screen of which something can be kept."""

    suffixes: ClassVar[tuple[str, ...]] = (
        ".md", ".html", ".csv", ".json", ".parquet", ".svg", ".txt",
    )  # fmt: skip
    """How what is seen can be written."""
    question: ClassVar[str] = "keys"
    """The SQL file that gives what the screen shows, for exports."""

    class Exported(Message):
        """A file was written, or not; the text says which."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    # ------------------------------------------------------------ notes

    def about(self) -> str:
        """What a bookmark of this moment is called."""
        place = self.place
        parts = (
            place.call_id[:8],
            place.scope.key or "",
            f"#{place.incident}" if place.incident else "",
        )
        return " ".join((place.view, *(part for part in parts if part)))

    def action_bookmark(self) -> None:
        """Keep what is seen; once more takes it back."""
        self._keep("bookmark", "", name=self.about())

    def action_next_bookmark(self) -> None:
        """To the next bookmark after this place."""
        try:
            places = [
                place
                for note in self.session.notebook.notes
                if note.kind == "bookmark" and (place := self.place_of(note.argv)) is not None
            ]
        except UnknownIncidentError as error:
            self.say(f"✗ {error}")
            return
        if not places:
            self.say("no bookmark yet; b keeps one")
            return
        plain = self.place_of(self.session.argv())
        here = next((n for n, place in enumerate(places) if place == plain), -1)
        self.visit(places[(here + 1) % len(places)])

    def note(self, text: str) -> None:
        """Keep a remark about what is seen."""
        self._keep("note", text)

    def keep_event(self, text: str, at_us: int) -> None:
        """Add an event to the story."""
        self._keep("event", text, at_us=at_us)

    def keep_query(self, name: str, query: str) -> None:
        """Keep a query under a name."""
        self._keep("query", query, name=name)

    def place_of(self, argv: Sequence[str]) -> Place | None:
        """The place that a link shows; ``None`` when it is none of ours.

        Raises:
            UnknownIncidentError: It is about an incident that is not there, or not known yet.
        """
        return place_of(argv, self.session.views, self.session.story)

    def _keep(self, kind: str, text: str, *, name: str = "", at_us: int | None = None) -> None:
        from recourse.clock import SystemClock
        from recourse_observe.notes import Note, NoteKind, NotesError

        written = "" if kind == "bookmark" else instant(SystemClock().time_unix_ns() // 1_000)
        moment = self.moment() if at_us is None else at_us
        is_bookmark = kind == "bookmark"
        note = Note(
            kind=NoteKind(kind), text=text, name=name, at_us=None if is_bookmark else moment,
            argv=self.session.argv(), written=written,
        )  # fmt: skip
        try:
            self.say(self.session.notebook.keep(note))
        except NotesError as error:
            self.say(f"✗ {error}")

    # ------------------------------------------------------------ files

    def action_export(self) -> None:
        """Write what is seen to a file; its suffix says how."""
        name = re.sub(r"[^A-Za-z0-9]+", "-", self.about()).strip("-").lower()
        is_table = ".csv" in self.suffixes and self.place.view not in {"triage", "story"}
        self.action_prompt("export", f"{name}{'.csv' if is_table else self.suffixes[0]}")

    def export(self, text: str) -> None:
        """Write a file in a worker."""
        if self.session.is_read_only:
            self.say("✗ files are off here: this is only for looking")
            return
        if not self.session.is_open:
            return
        path = Path(text).expanduser()
        if path.suffix not in self.suffixes:
            raise ScopeError(text, "file", "a name that ends in " + " ".join(self.suffixes))
        if path.exists():
            raise ScopeError(text, "file", "a name that is not taken")
        match path.suffix:
            case ".svg":
                self._write(path, partial(write_text, path, screen_svg(self.app)))
            case ".txt":
                self._write(path, partial(write_text, path, screen_text(self.app)))
            case _:
                self._write(path, partial(self.written, self.session.book, self.place, path))

    def written(self, book: Opened, place: Place, path: Path) -> None:
        """Ask and write; runs in a worker."""
        if path.suffix in _STORIES or (
            place.view in {"triage", "story"} and path.suffix == ".json"
        ):
            write_text(path, self._told(book, place, path.suffix))
            return
        from recourse_observe.archive.export import write_table

        write_table(self.rows(book, place), path)

    def rows(self, book: Opened, place: Place) -> Any:
        """What the screen shows, as an Arrow table; runs in a worker."""
        name, values = self.behind(place)
        return book.archive.ask(name, place.scope, **values)

    def action_copy_sql(self) -> None:
        """Copy the query behind what is seen, with its values written out."""
        from recourse_observe.queries.statements import literal

        name, values = self.behind(self.place)
        sql = literal(name, self.place.scope, **values)
        self.copy(sql, f"{name}.sql, {plural(len(sql.splitlines()), 'line')}; 9 runs it")

    def copy(self, text: str, told: str) -> None:
        """Copy a text, and write it to a file, as a terminal may ignore the copy; say both."""
        self.app.copy_to_clipboard(text)
        place = "" if self.session.is_read_only else write_copy(text)
        self.say(f"copied: {told}", also=f"in the file {place}" if place else "")

    def behind(self, place: Place) -> tuple[str, Mapping[str, object]]:
        """The SQL file behind the screen, and its values."""
        values: Mapping[str, Mapping[str, object]] = {
            "calls": {"sort": place.sort, "sign": -1 if place.sort != "start" else 1,
                      "limit": _MOST_ROWS, "offset": 0},
            "shapes": {"limit": _MOST_ROWS},
            "dimensions": {"limit": _MOST_ROWS},
            "replay_events": {"limit": _MOST_ROWS},
            "buckets": {"bucket_us": 60_000_000, "origin_us": place.scope.start_unix_us},
        }  # fmt: skip
        name = "shapes" if place.view == "calls" and place.shape else self.question
        return name, values.get(name, {})

    def _told(self, book: Opened, place: Place, suffix: str) -> str:
        from recourse_observe.story import render

        document = book.story()
        chosen = tuple(
            i for i in document.incidents if not place.incident or i.id == place.incident
        )
        document = replace(document, incidents=chosen or document.incidents)
        match suffix:
            case ".json":
                return render.as_json(document)
            case ".html":
                from html import escape

                from recourse_observe.story.charts import curves
                from recourse_observe.story.html import as_html

                shown = {one.id: curves(book.archive, one) for one in document.incidents}
                kept = "".join(f"<li>{escape(line)}</li>" for line in self._by_people())
                people = f"<h2>Added by people</h2><ul>{kept}</ul>" if kept else ""
                return as_html(document, shown).replace("</body>", f"{people}</body>")
            case _:
                kept = "\n".join(f"- {line}" for line in self._by_people())
                people = f"\n## Added by people\n\n{kept}\n" if kept else ""
                return render.as_markdown(document) + people

    def _by_people(self) -> list[str]:
        """What people kept, marked as theirs."""
        return [
            f"{clock(note.at_us) if note.at_us is not None else '—'} (human) "
            f"{printable(' '.join(note.text.split()))}"
            for note in self.session.notebook.notes
            if note.kind in {"note", "event"}
        ]

    @work(thread=True, exclusive=True, group="export", exit_on_error=False)
    def _write(self, path: Path, write: Callable[[], object]) -> None:
        try:
            write()
        except expected() as error:
            self.post_message(self.Exported(f"✗ {printable(str(error))}"))
        else:
            self.post_message(self.Exported(f"written: {printable(str(path.resolve()))}"))

    @on(Exported)
    def _exported(self, message: Exported) -> None:
        self.say(message.text)


def write_text(path: Path, text: str) -> None:
    """Write a file that is not there yet.

    Raises:
        OSError: The place refuses, or there is a file of that name.
    """
    with path.open("x", encoding="utf-8") as file:
        file.write(text)
