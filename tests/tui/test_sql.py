"""The console."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from textual.pilot import Pilot
from textual.widgets import TextArea

from recourse_observe.archive.remote import RemoteStore
from recourse_tui.app import RecourseApp
from recourse_tui.lines import Lines
from recourse_tui.screens import sql
from recourse_tui.widgets.sql_editor import SqlEditor, completion

AppOn: TypeAlias = Callable[..., RecourseApp]
Settled: TypeAlias = Callable[[RecourseApp, Pilot[Any]], Awaitable[str]]

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
SMALL, WIDE = (80, 24), (120, 40)


async def run(query: str, app: RecourseApp, pilot: Pilot[Any], settled: Settled) -> str:
    editor = app.screen.query_one(TextArea)
    editor.text = query
    app.screen.set_focus(editor)
    await pilot.press("ctrl+j")
    return await settled(app, pilot)


async def test_the_first_query_counts_over_the_brush(
    app_on: AppOn, settled: Settled, tables: dict[str, list[dict[str, Any]]]
) -> None:
    app = app_on("incident")
    async with app.run_test(size=SMALL) as pilot:
        await settled(app, pilot)
        await pilot.press("9")
        text = await settled(app, pilot)
        scope = app.session.place.scope

    lines = [line.split() for line in text.splitlines() if "2026-11-21 09:1" in line]
    total = retries_in(tables, scope.start_unix_us, scope.end_unix_us)
    assert "row 1 of 9 · 3 columns · not truncated" in text
    assert int(lines[1][2]) <= total


def retries_in(tables: dict[str, list[dict[str, Any]]], start_us: int, end_us: int) -> int:
    inside = {
        c["call_id"]
        for c in tables["calls"]
        if start_us <= c["started_at"].timestamp() * 1e6 < end_us
    }
    return sum(a["attempt"] > 0 and a["ran"] and a["call_id"] in inside for a in tables["attempts"])


async def test_values_of_every_kind_are_shown(app_on: AppOn, settled: Settled) -> None:
    query = "SELECT NULL AS n, true AS b, 7 AS i, 0.25 AS f, 'a'::BLOB AS x, [1, 2] AS l, 'té\x1bxt' AS t"
    app = app_on("one-row", screen="sql")
    async with app.run_test(size=SMALL) as pilot:
        await settled(app, pilot)
        text = await run(query, app, pilot, settled)

    assert "▸null true 7 0.25 b'a' [1, 2] té·xt" in text


async def test_a_mistake_stands_below_the_query_that_has_it(
    app_on: AppOn, settled: Settled
) -> None:
    app = app_on("one-row", screen="sql")
    async with app.run_test(size=WIDE) as pilot:
        await settled(app, pilot)
        text = await run("SELECT kee FROM calls", app, pilot, settled)
        assert "SELECT kee FROM calls" in text
        assert 'Candidate bindings: "key"' in text
        text = await run("COPY calls TO 'x'", app, pilot, settled)
        assert "query COPY is refused, because the archive is only read; write one SELECT" in text
        assert "row 1 of 1" in await run("SELECT 1 AS one", app, pilot, settled)
        assert "there is no query to run" in await run("  ", app, pilot, settled)


async def test_more_rows_than_the_limit_are_said_to_be_cut(
    app_on: AppOn, settled: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql, "_LIMIT", 5)
    app = app_on("incident", screen="sql")
    async with app.run_test(size=SMALL) as pilot:
        await settled(app, pilot)

        assert "row 1 of 5 · 1 column · truncated at 5" in await run(
            "SELECT call_id FROM calls", app, pilot, settled
        )


async def test_escape_leaves_the_editor_and_then_the_screen(
    app_on: AppOn, settled: Settled
) -> None:
    app = app_on("one-row", screen="sql")
    async with app.run_test(size=SMALL) as pilot:
        await settled(app, pilot)
        await pilot.press("1")
        await settled(app, pilot)
        assert app.screen.query_one(TextArea).text.startswith("1-- retries")
        await pilot.press("escape")
        await settled(app, pilot)
        assert isinstance(app.focused, Lines)
        await pilot.press("escape")
        await settled(app, pilot)
        assert app.session.place.view == "triage"


async def test_escape_and_patience_stop_a_query(
    app_on: AppOn, settled: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    endless = "SELECT sum(a.range * b.range) FROM range(1000000) AS a, range(1000000) AS b"
    app = app_on("one-row", screen="sql")
    async with app.run_test(size=SMALL) as pilot:
        await settled(app, pilot)
        view = app.screen
        assert isinstance(view, sql.SqlView)
        for stop in ("escape", "patience"):
            monkeypatch.setattr(sql, "_PATIENCE_S", 60.0 if stop == "escape" else 0.05)
            app.screen.query_one(TextArea).text = endless
            app.screen.set_focus(app.screen.query_one(TextArea))
            await pilot.press("ctrl+j")
            while not view.is_asking:
                await pilot.pause(0.01)
            if stop == "escape":
                store = app.session.archive.store
                assert isinstance(store, RemoteStore)
                while not store._worker.lanes.running():
                    await pilot.pause(0.01)
                await pilot.press("escape")
            said = {"escape": "the query was stopped; ctrl+j", "patience": "took longer than 30 s"}
            assert said[stop] in await settled(app, pilot)


async def test_a_row_leads_to_its_call_or_its_key(app_on: AppOn, settled: Settled) -> None:
    app = app_on("incident", screen="sql")
    async with app.run_test(size=SMALL) as pilot:
        text = await settled(app, pilot)
        for query, view in (
            ("SELECT call_id, key FROM calls ORDER BY call_id", "call"),
            ("SELECT DISTINCT key FROM calls ORDER BY key DESC", "key"),
            ("SELECT 1 AS one", "sql"),
        ):
            await run(query, app, pilot, settled)
            await pilot.press("escape")
            await settled(app, pilot)
            await pilot.press("enter")
            text = await settled(app, pilot)
            assert app.session.place.view == view
            await pilot.press("9")
            await settled(app, pilot)
        assert "this row names no call_id, no key and no moment" in text


async def test_the_link_has_the_query_and_what_its_brush_is(
    app_on: AppOn, settled: Settled
) -> None:
    app = app_on("one-row", screen="sql")
    async with app.run_test(size=WIDE) as pilot:
        await settled(app, pilot)
        await run("SELECT count(*) AS n FROM calls WHERE $brush", app, pilot, settled)
        await pilot.press("escape")
        await settled(app, pilot)
        await pilot.press("y")
        await settled(app, pilot)

        assert app.clipboard.startswith("recourse sql ")
        assert app.clipboard.endswith("'SELECT count(*) AS n FROM calls WHERE $brush'")


@pytest.mark.parametrize(
    ("before", "rest"),
    [("SELE", "CT"), ("SELECT call", "_id"), ("FROM att", "empts"), ("WHERE $br", "ush"), ("x", ""),
     ("", ""), ("WHERE key = 'pay", "ments'"), ("zzzz", "")],
)  # fmt: skip
def test_a_word_is_completed_from_what_the_archive_has(before: str, rest: str) -> None:
    words = ("SELECT", "attempts", "call_id", "$brush", "'payments'")

    assert completion(before, words) == rest


async def test_snippets_tables_moments_and_kept_queries(
    opened: Callable[[str], Any], settled: Settled, tmp_path: Path
) -> None:
    app = RecourseApp(str(tmp_path), reader=lambda: opened("one-row"), screen="sql")
    async with app.run_test(size=(120, 40)) as pilot:

        async def press(*keys: str) -> str:
            await pilot.press(*keys)
            return await settled(app, pilot)

        await settled(app, pilot)
        editor = app.screen.query_one(SqlEditor)
        editor.text = "SELECT started_at, $a AS a FROM calls"
        editor.focus()
        text = await press("ctrl+j")
        assert "row 1 of 1 · 2 columns" in text
        await press("escape")
        text = await press("enter")
        assert app.session.place.view == "calls", text
        assert app.session.place.scope.span_us == 60_000_000
        await press("9")
        await press("colon")
        app.screen.query_one("Prompt").value = "save mine"  # type: ignore[attr-defined]
        assert "query kept" in await press("enter")
        editor.text = ""
        assert "mine: 1 of 9" in await press("ctrl+g")
        assert editor.text == "SELECT started_at, $a AS a FROM calls"
        assert "keys: 2 of 9" in await press("ctrl+g")
        assert "sample_weight" in editor.text
        assert "payments.Charge" in await press("ctrl+j")
        assert "policy_normalized_fields" in await press("ctrl+t")
        await press("escape")
        await press("ctrl+e")
        app.screen.query_one("Prompt").value = str(tmp_path / "rows.csv")  # type: ignore[attr-defined]
        assert "written: " in await press("enter")

    assert (tmp_path / "rows.csv").read_text().startswith("key,calls,")


async def test_a_word_is_completed_and_a_query_of_one_line_is_asked(
    opened: Callable[[str], Any], settled: Settled
) -> None:
    app = RecourseApp("a", reader=lambda: opened("one-row"), screen="sql")
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(app, pilot)
        await pilot.press("f5")
        await settled(app, pilot)
        editor = app.screen.query_one(SqlEditor)
        editor.focus()
        editor.text = "SELECT cal"
        editor.move_cursor((0, 10))
        await pilot.press("l")
        await settled(app, pilot)
        assert editor.suggestion == "s"
        await pilot.press("right")
        await settled(app, pilot)
        assert editor.text == "SELECT calls"


async def test_a_query_of_one_line_is_asked_from_any_screen(
    opened: Callable[[str], Any], settled: Settled
) -> None:
    app = RecourseApp("a", reader=lambda: opened("one-row"))
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(app, pilot)
        await pilot.press("semicolon")
        await settled(app, pilot)
        app.screen.query_one("Prompt").value = "SELECT 42 AS answer"  # type: ignore[attr-defined]
        await pilot.press("enter")
        assert "answer" in await settled(app, pilot)
        assert app.screen.query_one(SqlEditor).text == "SELECT 42 AS answer"


async def test_g_draws_the_numbers_of_an_answer(app_on: AppOn, settled: Settled) -> None:
    app = app_on("incident", screen="sql")
    async with app.run_test(size=WIDE) as pilot:
        before = await settled(app, pilot)
        await pilot.press("escape")
        await settled(app, pilot)
        await pilot.press("g")
        text = await settled(app, pilot)
        assert "████" in text
        assert "████" not in before
        await pilot.press("g")
        assert "████" not in await settled(app, pilot)
        await run("SELECT 'x' AS x", app, pilot, settled)
        await pilot.press("escape")
        await settled(app, pilot)
        await pilot.press("g")
        assert "no column of numbers" in await settled(app, pilot)
