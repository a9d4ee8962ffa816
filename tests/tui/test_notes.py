"""Bookmarks, notes and events: kept beside the archive, and nothing else is."""

import os
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from hypothesis import given, strategies as st
from textual.pilot import Pilot

from recourse_observe.notes import NoteKind, notes_path, read_notes
from recourse_observe.scope import Scope
from recourse_observe.story.named import UnknownIncidentError, name_of
from recourse_tui.actions import VIEWS
from recourse_tui.app import RecourseApp
from recourse_tui.screens.links import argv_of, place_of
from recourse_tui.screens.opened import Opened
from recourse_tui.screens.place import Place
from recourse_tui.screens.session import Session

AppOn: TypeAlias = Callable[..., RecourseApp]
OpenedKind: TypeAlias = Callable[[str], Opened]
Settled: TypeAlias = Callable[[RecourseApp, Pilot[Any]], Awaitable[str]]

SMALL = (100, 30)


async def typed(app: RecourseApp, pilot: Pilot[Any], settled: Settled, text: str) -> str:
    await settled(app, pilot)
    app.screen.query_one("Prompt").value = text  # type: ignore[attr-defined]
    await pilot.press("enter")
    return await settled(app, pilot)


@pytest.mark.anyio
@pytest.mark.slow
async def test_places_notes_and_events_are_kept_shown_and_taken_back(
    opened: OpenedKind, settled: Settled, tmp_path: Path
) -> None:
    app = RecourseApp(str(tmp_path), reader=lambda: opened("incident"))
    path = notes_path(tmp_path)
    async with app.run_test(size=SMALL) as pilot:
        await settled(app, pilot)
        await pilot.press("B")
        assert "no bookmark yet" in await settled(app, pilot)
        await pilot.press("b")
        text = await settled(app, pilot)
        assert "bookmark kept in notes.jsonl" in text
        assert "⚑1" in text.splitlines()[0]
        await pilot.press("ctrl+n")
        await typed(app, pilot, settled, "it began with the deploy")
        await pilot.press("5")
        await settled(app, pilot)
        await pilot.press("plus", "B")
        await settled(app, pilot)
        assert app.session.place.view == "triage"
        assert [note.kind for note in read_notes(path).notes] == [
            NoteKind.BOOKMARK, NoteKind.NOTE, NoteKind.EVENT,
        ]  # fmt: skip

        await pilot.press("0")
        text = await settled(app, pilot)
        assert "it began with the deploy" in text
        assert "payments.Charge" in text
        await pilot.press("G", "enter")
        await settled(app, pilot)
        assert app.session.place.view == "call"
        await pilot.press("0", "g")
        await settled(app, pilot)
        await pilot.press("d")
        text = await settled(app, pilot)
        assert "bookmark taken back" in text
        await pilot.press("ctrl+n")
        assert "of 3 notes" in await typed(app, pilot, settled, "one more")
    assert os.listdir(tmp_path) == ["notes.jsonl"]  # noqa: PTH208  # a path's own may block


@pytest.mark.anyio
@pytest.mark.slow
async def test_a_place_that_refuses_notes_says_so(
    opened: OpenedKind, settled: Settled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "notes.jsonl").symlink_to(tmp_path / "elsewhere")
    monkeypatch.chdir(tmp_path)  # a long path would not leave room for the reason
    app = RecourseApp(".", reader=lambda: opened("one-row"))
    async with app.run_test(size=(160, 30)) as pilot:
        await settled(app, pilot)
        await pilot.press("b")
        assert "cannot be written: it is a link; copy the archive" in await settled(app, pilot)
        await pilot.press("0")
        text = await settled(app, pilot)
        assert "cannot be read: it is a link" in text
        await pilot.press("enter", "d")
        await settled(app, pilot)
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.anyio
@pytest.mark.slow
async def test_a_bookmark_of_an_incident_leads_back_once_incidents_are_known(
    opened: OpenedKind, settled: Settled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = name_of(opened("incident").story().incidents[0])
    lines = [
        f'{{"kind":"bookmark","text":"","argv":["story","-i","{at}"]}}' for at in (name, f"x{name}")
    ]
    (tmp_path / "notes.jsonl").write_text(lines[0])
    app = RecourseApp(str(tmp_path), reader=lambda: opened("incident"), screen="notes")
    async with app.run_test(size=(140, 30)) as pilot:
        await settled(app, pilot)
        monkeypatch.setattr(app.session.book, "told", None)
        await pilot.press("enter")
        assert "not in this archive; or not yet: screen 1" in await settled(app, pilot)
        await pilot.press("B")
        assert "or not yet: screen 1 finds incidents" in await settled(app, pilot)
        app.session.book.story()
        await pilot.press("enter")
        await settled(app, pilot)
        assert (app.session.place.view, app.session.place.incident) == ("story", 1)
        (tmp_path / "notes.jsonl").write_text("\n".join(lines))
        await pilot.press("0")
        await settled(app, pilot)
        await pilot.press("G", "enter")
        assert "not in this archive; the nearest is #1" in await settled(app, pilot)
        await pilot.press("colon")
        await typed(app, pilot, settled, f"goto {name}")
        assert app.session.place.incident == 1


@pytest.mark.anyio
@pytest.mark.slow
async def test_hostile_notes_are_shown_and_lead_nowhere(
    opened: OpenedKind, settled: Settled, tmp_path: Path
) -> None:
    lines = [
        '{"kind":"note","text":"\\u001b]52;c;eA==\\u0007[/red]","argv":["rm","-rf","/"]}',
        '{"kind":"query","text":"SELECT 1 AS one","name":"mine"}',
        "broken",
    ]
    (tmp_path / "notes.jsonl").write_text("\n".join(lines))
    app = RecourseApp(str(tmp_path), reader=lambda: opened("one-row"), screen="notes")
    async with app.run_test(size=SMALL) as pilot:
        text = await settled(app, pilot)
        assert "·]52;c;eA==·[/red]" in text
        assert "1 line of the notes could not be read" in text
        await pilot.press("enter")
        assert "this note is about no screen" in await settled(app, pilot)
        await pilot.press("j", "enter")
        text = await settled(app, pilot)
        assert app.session.place.view == "sql"
        assert "one" in text


def test_without_writing_nothing_is_kept(tmp_path: Path) -> None:
    session = Session(str(tmp_path), is_read_only=True)

    from recourse_observe.notes import Note, NotesError

    with pytest.raises(NotesError, match="notes are off here"):
        session.notebook.keep(Note(kind=NoteKind.NOTE, text="x"))


WORDS = st.text(min_size=1, max_size=8).filter(lambda text: not text.startswith("-"))
TIMES = st.integers(0, 4_000_000_000_000_000)
SCOPES = st.builds(
    Scope, start_unix_us=TIMES, end_unix_us=TIMES, key=st.none() | WORDS, where=WORDS | st.just(""),
    baseline=st.sampled_from([None, "before", "others"]),
)  # fmt: skip


@given(SCOPES, st.sampled_from(["triage", "key", "compare", "replay", "calls"]), TIMES)
def test_a_link_leads_back_to_its_place(scope: Scope, view: str, at_us: int) -> None:
    place = Place(
        view=view, scope=scope, at_us=at_us if view == "replay" else -1, shape=view == "calls"
    )
    session = Session("a")
    session.stay(place)

    assert place_of(session.argv(), VIEWS) == place


@pytest.mark.parametrize(
    "argv",
    [(), ("rm",), ("calls", "--since"), ("calls", "--since", "soon"), ("calls", "--what", "x"),
     ("story", "-i", "x"), ("calls", "x")],
)  # fmt: skip
def test_a_line_that_is_no_link_leads_nowhere(argv: tuple[str, ...]) -> None:
    assert place_of(argv, VIEWS) is None


@given(
    key=st.text(max_size=8), onset_us=TIMES,
    view=st.sampled_from(["story", "whatif", "replay"]),
)  # fmt: skip
def test_a_link_names_its_incident_and_leads_back_to_it_under_another_number(
    key: str, onset_us: int, view: str, opened: OpenedKind
) -> None:
    told = opened("incident").story()
    found = told.incidents[0]
    one = replace(found, keys=(key,), affected_keys=(key,), onset_unix_ns=onset_us * 1_000)
    before = replace(one, keys=(f"{key}!",), affected_keys=(f"{key}!",))
    place = Place(
        view=view, incident=1, edits=("retry.max_attempts=2",) if view != "story" else (),
        scope=Scope(key="k" if view != "story" else None), shape=False,
    )  # fmt: skip
    argv = argv_of(place, replace(told, incidents=(one,)))

    assert argv[-1].startswith(f"{key}@")
    more = replace(told, incidents=(before, replace(one, id=2)))
    assert place_of(argv, VIEWS, more) == replace(place, incident=2)
    with pytest.raises(UnknownIncidentError, match="it has none"):
        place_of(argv, VIEWS, replace(told, incidents=()))
    with pytest.raises(UnknownIncidentError, match="not yet: screen 1 finds"):
        place_of(argv, VIEWS)


def test_links_of_stories_calls_and_queries_lead_back() -> None:
    for argv in (
        ("story", "-i", "2"),
        ("call", "c1"),
        ("call", "--against", "c2", "c1"),
        ("call", "--", "-c"),
        ("sql", "SELECT 1"),
        ("calls", "--sort", "total"),
        ("replay", "--key", "k", "--set", "retry.max_attempts=2", "-i", "1"),
        ("replay", "--at", "2026-11-21T10:00:00Z"),
    ):
        place = place_of(argv, VIEWS)
        assert place is not None
        session = Session("a")
        session.stay(place)
        assert session.argv() == argv


@pytest.mark.anyio
@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["md", "html", "json"])
async def test_a_story_is_written_with_what_people_added(
    opened: OpenedKind, settled: Settled, tmp_path: Path, suffix: str
) -> None:
    app = RecourseApp(str(tmp_path), reader=lambda: opened("incident"))
    async with app.run_test(size=SMALL) as pilot:
        await settled(app, pilot)
        await pilot.press("ctrl+n")
        await typed(app, pilot, settled, "the <b>deploy</b>")
        await pilot.press("x")
        text = await typed(app, pilot, settled, str(tmp_path / f"story.{suffix}"))
        assert "written: " in text

    told = (tmp_path / f"story.{suffix}").read_text()
    assert "payments.Charge lost 146 of 960 calls" in told
    wanted = {"md": "(human) the <b>deploy</b>", "html": "(human) the &lt;b&gt;deploy&lt;/b&gt;"}
    assert wanted.get(suffix, "recourse.story/1") in told
    assert told.count("#2 email.Send") == 0
