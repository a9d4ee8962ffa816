"""Notes beside an archive: bookmarks, remarks and queries that people keep; the only thing that screens write.

One JSON object a line, only ever appended to: what is taken back is a line of its own. The file may come from
anybody, so a line that is no note is counted and passed over, and the file is never followed elsewhere.
"""

import errno
import hashlib
import json
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from recourse_observe.text import printable

__all__ = [
    "Kept",
    "Note",
    "NoteKind",
    "NotesError",
    "append_note",
    "notes_path",
    "read_notes",
    "remove_note",
]

NAME: Final = "notes.jsonl"
_MOST_BYTES: Final = 8 << 20
_LONGEST_LINE: Final = 64 << 10
_REMOVED: Final = "removed"


class NotesError(Exception):
    """Notes cannot be read or written; the text says which and why."""


class NoteKind(StrEnum):
    """What somebody kept."""

    BOOKMARK = "bookmark"
    NOTE = "note"
    QUERY = "query"
    EVENT = "event"
    """An event that somebody added to the story."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Something that a person kept.

    Attributes:
        text: What it says; a query's SQL.
        name: A query's name, or what a bookmark is about.
        at_us: The moment in the archive that it is about, microseconds since 1970.
        argv: The command line that shows what it is about, without ``recourse`` and without the archive.
        written: When it was written, as ISO 8601.
    """

    kind: NoteKind
    text: str
    name: str = ""
    at_us: int | None = None
    argv: tuple[str, ...] = ()
    written: str = ""

    @property
    def id(self) -> str:
        """A short name that changes with its content."""
        content = json.dumps([self.kind, self.text, self.name, self.at_us, self.argv])
        return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:8]

    def to_json(self) -> dict[str, Any]:
        """What ``recourse notes --json`` says of it."""
        return {**asdict(self), "id": self.id}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What a file holds.

    Attributes:
        notes: Oldest first.
        broken: Lines that are no note.
        is_cut: The file is longer than what was read.
    """

    notes: tuple[Note, ...] = ()
    broken: int = 0
    is_cut: bool = False


def notes_path(archive: "str | os.PathLike[str]") -> Path:
    """Where the notes of an archive are: in its directory, or beside a single file.

    Raises:
        NotesError: A pattern has no place for notes.
    """
    path = Path(archive)
    if path.is_dir():
        return path / NAME
    if any(sign in os.fspath(archive) for sign in "*?[") and not path.exists():
        message = f"notes of {os.fspath(archive)!r} have no place; open a directory or one file"
        raise NotesError(message)
    return path.with_name(f"{path.name}.{NAME}")


def read_notes(path: Path) -> Kept:
    """What the file holds; nothing when it is not there.

    Raises:
        NotesError: It cannot be read, or is no ordinary file.
    """
    try:
        with _opened(path, os.O_RDONLY) as file:
            content = file.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        return Kept()
    except OSError as error:
        raise _trouble(path, "read", error) from None
    lines = content[:_MOST_BYTES].split(b"\n")
    notes: dict[str, Note] = {}
    broken = 0
    for line in lines:
        match _parsed(line):
            case Note() as note:
                notes[note.id] = note
            case str() as removed:
                notes.pop(removed, None)
            case _:
                broken += bool(line.strip())
    return Kept(notes=tuple(notes.values()), broken=broken, is_cut=len(content) > _MOST_BYTES)


def append_note(path: Path, note: Note) -> None:
    """Write a note at the end.

    Raises:
        NotesError: The place refuses; nothing else was changed.
    """
    _append(
        path,
        {
            "kind": note.kind, "text": note.text, "name": note.name, "at_us": note.at_us,
            "argv": list(note.argv), "written": note.written,
        },
    )  # fmt: skip


def remove_note(path: Path, note_id: str) -> None:
    """Take a note back, by a line that says so.

    Raises:
        NotesError: The place refuses.
    """
    _append(path, {"kind": _REMOVED, "id": note_id})


def _append(path: Path, content: Mapping[str, Any]) -> None:
    # ASCII only, so that no reader of the file meets a control character.
    line = json.dumps(content, ensure_ascii=True).encode() + b"\n"
    try:
        with _opened(path, os.O_RDWR | os.O_CREAT | os.O_APPEND) as file:
            size = file.seek(0, os.SEEK_END)
            if size:
                file.seek(size - 1)
                # A line that somebody broke off must not swallow ours.
                line = line if file.read(1) == b"\n" else b"\n" + line
            file.write(line)
    except OSError as error:
        raise _trouble(path, "written", error) from None


def _opened(path: Path, flags: int) -> Any:
    """The file itself: no link to another one, no pipe that never answers."""
    handle = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "it is no ordinary file")
    return os.fdopen(handle, "rb" if not flags & os.O_RDWR else "r+b", buffering=0)


def _trouble(path: Path, done: str, error: OSError) -> NotesError:
    reason = "it is a link" if error.errno == errno.ELOOP else (error.strerror or "").lower()
    what = printable(os.fspath(path))
    hint = "copy the archive to a place of your own" if done == "written" else "look at it"
    return NotesError(f"notes {what!r} cannot be {done}: {reason}; {hint}")


def _parsed(line: bytes) -> Note | str | None:
    """A note, the id of one that was taken back, or nothing."""
    if len(line) > _LONGEST_LINE:
        return None
    try:
        content = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict):
        return None
    if content.get("kind") == _REMOVED:
        removed = content.get("id")
        return removed if isinstance(removed, str) else None
    texts = [content.get(name, "") for name in ("kind", "text", "name", "written")]
    at_us, argv = content.get("at_us"), content.get("argv", [])
    is_sound = (
        all(isinstance(text, str) for text in texts)
        and texts[0] in set(NoteKind)
        and _is_moment(at_us)
        and isinstance(argv, Sequence)
        and all(isinstance(word, str) for word in argv)
    )
    if not is_sound:
        return None
    kind, text, name, written = texts
    return Note(
        kind=NoteKind(kind), text=text, name=name, at_us=at_us, argv=tuple(argv), written=written
    )


_LATEST_US: Final = 253_402_300_799_999_999


def _is_moment(value: object) -> bool:
    return value is None or (type(value) is int and 0 <= value <= _LATEST_US)
