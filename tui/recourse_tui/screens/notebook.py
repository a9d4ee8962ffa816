"""The notes of the archive that is looked at: read once, and again after each line that is written."""

from typing import TYPE_CHECKING

from recourse_observe.text import plural

if TYPE_CHECKING:
    from recourse_observe.notes import Kept, Note

__all__ = ["Notebook"]


class Notebook:
    """Bookmarks, notes and queries beside one archive."""

    def __init__(self, archive_path: str, *, is_read_only: bool = False) -> None:
        self._archive_path = archive_path
        self._is_read_only = is_read_only
        self._kept: Kept | None = None
        self.trouble = ""

    def read(self) -> "tuple[Note, ...]":
        """What is kept, oldest first; what cannot be read is told in ``trouble``."""
        from recourse_observe.notes import NotesError, notes_path, read_notes

        try:
            self._kept = read_notes(notes_path(self._archive_path))
        except NotesError as error:
            self.trouble = str(error)
            return ()
        broken = self._kept.broken
        self.trouble = f"{plural(broken, 'line')} of the notes could not be read" if broken else ""
        return self._kept.notes

    @property
    def bookmarks(self) -> int:
        """How many there are."""
        from recourse_observe.notes import NoteKind

        notes = self._kept.notes if self._kept is not None else ()
        return sum(note.kind is NoteKind.BOOKMARK for note in notes)

    @property
    def notes(self) -> "tuple[Note, ...]":
        """What was read last."""
        return self._kept.notes if self._kept is not None else self.read()

    def keep(self, note: "Note") -> str:
        """Write a note, or take back the bookmark that is the same; gives what to tell.

        Raises:
            NotesError: Nothing can be written here.
        """
        from recourse_observe.notes import NotesError, append_note, notes_path, remove_note

        if self._is_read_only:
            message = "notes are off here: this is only for looking"
            raise NotesError(message)
        path = notes_path(self._archive_path)
        if any(known.id == note.id for known in self.notes):
            remove_note(path, note.id)
            done = f"{note.kind} taken back"
        else:
            append_note(path, note)
            done = f"{note.kind} kept in {path.name}"
        self.read()
        return done
