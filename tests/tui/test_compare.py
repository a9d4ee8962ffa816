"""The screen that compares."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, TypeAlias

import pytest
from textual.pilot import Pilot

from recourse_observe.queries.compare import FieldChange
from recourse_tui.app import RecourseApp
from recourse_tui.screens.compare import CompareView

AppOn: TypeAlias = Callable[..., RecourseApp]
Settled: TypeAlias = Callable[[RecourseApp, Pilot[Any]], Awaitable[str]]

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
SMALL, WIDE = (80, 24), (120, 40)


def row(text: str, name: str) -> list[str]:
    return next(line for line in text.splitlines() if line[1:].startswith(name)).split()


async def test_the_incident_is_compared_with_the_same_key_before(
    app_on: AppOn, settled: Settled
) -> None:
    app = app_on("incident", screen="compare")
    async with app.run_test(size=WIDE) as pilot:
        text = await settled(app, pilot)

    assert "A 09:04:0" in text
    assert row(text, "calls lost")[2:] == ["0", "146", "new", "▲"]
    assert row(text, "reason=http_503")[1] == "0.0%"
    assert row(text, "policy=pol-a")[1:4] == ["100.0%", "100.0%", "0.0"]


async def test_swapping_turns_every_number_round(app_on: AppOn, settled: Settled) -> None:
    app = app_on("incident", screen="compare")
    async with app.run_test(size=WIDE) as pilot:
        before = await settled(app, pilot)
        await pilot.press("s")
        after = await settled(app, pilot)

    assert row(after, "calls lost")[2:] == ["146", "0", "-100%", "▼"]
    assert row(after, "reason=http_503")[1:3] == row(before, "reason=http_503")[2:0:-1]
    assert "B 09:04:0" in after


async def test_the_other_baseline_is_the_other_keys(app_on: AppOn, settled: Settled) -> None:
    app = app_on("incident", screen="compare")
    async with app.run_test(size=SMALL) as pilot:
        before = await settled(app, pilot)
        await pilot.press("o")
        text = await settled(app, pilot)
        assert "A other keys" in text
        assert row(text, "calls")[1:3] == ["480", "960"]
        assert "LIFT" in text
        assert "A│B" not in text
        await pilot.press("o")
        assert await settled(app, pilot) == before


async def test_a_value_leads_to_its_calls_and_to_all_but_these(
    app_on: AppOn, settled: Settled
) -> None:
    app = app_on("incident", screen="compare")
    async with app.run_test(size=SMALL) as pilot:
        text = await settled(app, pilot)
        rows = [line for line in text.splitlines() if "=" in line]
        await pilot.press(
            *"j" * next(n for n, line in enumerate(rows) if "reason=http_503" in line)
        )
        await pilot.press("enter")
        text = await settled(app, pilot)
        assert "filter: reason:http_503" in text
        await pilot.press("escape", "e")
        text = await settled(app, pilot)
        assert "filter: -reason:http_503" in text
        assert "✗" not in text


async def test_what_no_filter_can_choose_says_so(app_on: AppOn, settled: Settled) -> None:
    app = app_on("incident", screen="compare")
    async with app.run_test(size=WIDE) as pilot:
        text = await settled(app, pilot)
        rows = [line for line in text.splitlines() if "=" in line]
        await pilot.press(
            *"j" * next(n for n, line in enumerate(rows) if "status=" in line), "enter"
        )

        assert "calls cannot be filtered by status" in await settled(app, pilot)


async def test_a_quiet_archive_has_nothing_before_it(app_on: AppOn, settled: Settled) -> None:
    app = app_on("quiet", screen="compare")
    async with app.run_test(size=SMALL) as pilot:
        assert "there is nothing to compare with" in await settled(app, pilot)
        await pilot.press("o")
        assert "A is other keys" in await settled(app, pilot)


async def test_why_is_one_key_away_from_triage(app_on: AppOn, settled: Settled) -> None:
    app = app_on("incident")
    async with app.run_test(size=SMALL) as pilot:
        await settled(app, pilot)
        await pilot.press("w")
        assert "payments.Charge ▸ compare" in await settled(app, pilot)


async def test_policies_that_differ_are_told_over_the_screen(
    app_on: AppOn, settled: Settled
) -> None:
    app = app_on("incident", screen="compare")
    async with app.run_test(size=SMALL) as pilot:
        await settled(app, pilot)
        await pilot.press("d")
        same = await settled(app, pilot)
        view = app.screen
        assert isinstance(view, CompareView)
        assert view.answer is not None
        changes = (
            FieldChange(name="max_attempts", a=2, b=3),
            FieldChange(name="jitter", a="full", b=None),
        )
        view.answer = replace(view.answer, policy=changes)
        await pilot.press("d")
        told = await settled(app, pilot)
        await pilot.press("escape", "s", "d")
        turned = await settled(app, pilot)
        await pilot.press("escape", "o")
        await settled(app, pilot)
        await pilot.press("d")
        others = await settled(app, pilot)

    assert "no difference of policies: both followed the same policy" in same
    assert "POLICY  A → B" in told
    assert "max_attempts               2 → 3" in told
    assert "jitter                     full → —" in told
    assert "max_attempts               3 → 2" in turned
    assert "no difference of policies: it is not known" in others
