"""Notes are kept a line each, and whatever stands in their file, it is read safely and followed nowhere."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from recourse_observe.notes import (
    Kept,
    Note,
    NoteKind,
    NotesError,
    append_note,
    notes_path,
    read_notes,
    remove_note,
)

BOOKMARK = Note(kind=NoteKind.BOOKMARK, text="", name="triage #1", argv=("triage",))
NOTE = Note(kind=NoteKind.NOTE, text="it began here", at_us=5, written="2026-11-21T10:00:00Z")


def test_what_is_kept_is_read_again_and_can_be_taken_back(tmp_path: Path) -> None:
    path = notes_path(tmp_path)
    assert read_notes(path) == Kept()

    append_note(path, BOOKMARK)
    append_note(path, NOTE)
    append_note(path, NOTE)
    both = read_notes(path)
    remove_note(path, BOOKMARK.id)

    assert path == tmp_path / "notes.jsonl"
    assert both == Kept(notes=(BOOKMARK, NOTE))
    assert read_notes(path) == Kept(notes=(NOTE,))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(), st.text(), st.lists(st.text(), max_size=3))
def test_any_text_comes_back_and_the_file_is_plain_ascii(
    tmp_path: Path, text: str, name: str, argv: list[str]
) -> None:
    path = tmp_path / "any.jsonl"
    path.unlink(missing_ok=True)
    note = Note(kind=NoteKind.QUERY, text=text, name=name, argv=tuple(argv))

    append_note(path, note)

    assert read_notes(path) == Kept(notes=(note,))
    content = path.read_bytes()
    assert content.isascii()
    assert not [byte for byte in content.removesuffix(b"\n") if byte < 32]


@pytest.mark.parametrize(
    "line",
    [
        b"{", b"[]", b"7", b"null", b"\xff\xfe", b'{"kind":"note"', b'{"kind":"evil","text":""}',
        b'{"kind":"note","text":7}', b'{"kind":"note","text":"","at_us":-1}',
        b'{"kind":"note","text":"","at_us":true}', b'{"kind":"note","text":"","at_us":1e99}',
        b'{"kind":"note","text":"","argv":"ls"}'.replace(b'"ls"', b"7"),
        b'{"kind":"note","text":"","argv":[7]}', b"[" * 50_000,
        b'{"kind":"note","text":"' + b"x" * 70_000 + b'"}', b'{"kind":"removed","id":7}',
    ],
)  # fmt: skip
def test_a_line_that_is_no_note_is_counted_and_passed_over(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "notes.jsonl"
    append_note(path, NOTE)
    with path.open("ab") as file:
        file.write(line + b"\n\n")
    append_note(path, BOOKMARK)

    assert read_notes(path) == Kept(notes=(NOTE, BOOKMARK), broken=1)


def test_a_line_that_was_broken_off_does_not_swallow_the_next(tmp_path: Path) -> None:
    path = tmp_path / "notes.jsonl"
    path.write_bytes(b'{"kind":"note","te')

    append_note(path, NOTE)

    assert read_notes(path) == Kept(notes=(NOTE,), broken=1)


def test_a_file_without_end_is_read_in_part(tmp_path: Path) -> None:
    path = tmp_path / "notes.jsonl"
    append_note(path, NOTE)
    with path.open("ab") as file:
        file.truncate(9 << 20)

    kept = read_notes(path)

    assert (kept.notes, kept.is_cut) == ((NOTE,), True)


def test_notes_never_follow_a_link_and_never_wait_for_a_pipe(tmp_path: Path) -> None:
    target, link, pipe = (tmp_path / name for name in ("target", "link", "pipe"))
    target.write_text("mine")
    link.symlink_to(target)
    os.mkfifo(pipe)

    for path, reason in ((link, "it is a link"), (pipe, "it is no ordinary file")):
        with pytest.raises(NotesError, match=f"cannot be written: {reason}; copy the archive"):
            append_note(path, NOTE)
        with pytest.raises(NotesError, match=f"cannot be read: {reason}"):
            read_notes(path)
    assert target.read_text() == "mine"


def test_a_place_that_refuses_is_said_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(
        NotesError, match=r"notes '.*' cannot be written: no such file or directory"
    ):
        append_note(tmp_path / "gone" / "notes.jsonl", NOTE)
    with pytest.raises(
        NotesError, match=r"cannot be written: (it is no ordinary file|is a directory)"
    ):
        append_note(tmp_path, NOTE)


def test_notes_of_one_file_stand_beside_it_and_those_of_a_pattern_nowhere(tmp_path: Path) -> None:
    file = tmp_path / "calls.parquet"
    file.touch()

    assert notes_path(file) == tmp_path / "calls.parquet.notes.jsonl"
    with pytest.raises(NotesError, match="have no place; open a directory or one file"):
        notes_path(f"{tmp_path}/*.parquet")


def test_the_name_of_a_note_is_that_of_its_content() -> None:
    assert NOTE.id == Note(kind=NoteKind.NOTE, text="it began here", at_us=5).id != BOOKMARK.id
    assert json.loads(json.dumps(NOTE.id)) == NOTE.id
