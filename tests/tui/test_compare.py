"""The screen that compares."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, TypeAlias

import pytest
from textual.pilot import Pilot

from recourse_observe.cli import main
from recourse_observe.queries.policies import PolicyDiff
from recourse_observe.text import count, percent
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
    assert row(text, "calls lost")[2:] == ["0", "146", "+146", "▲"]
    assert row(text, "reason=http_503")[1] == "0.0%"
    assert "hedge, instance, policy, service, source" in text
    assert "▸READING  B lost 146 of 960 calls (15.2%), A 0 of 956 calls (0.0%). [E1] [E2]" in text
    assert (
        "It is a matter of the peer: in B pod-0 fails 100.0% of its attempts, pod-3 0.0%." in text
    )
    assert (
        "baseline: the 7m59s before · o cycles: same time yesterday (no data) · other keys" in text
    )
    assert "10 of 21 values > 10 pts · 956 vs 960 calls" in text
    assert text.splitlines()[3].split("[B")[0].split()[1].startswith("[A···")


async def test_swapping_turns_every_number_round(app_on: AppOn, settled: Settled) -> None:
    app = app_on("incident", screen="compare")
    async with app.run_test(size=WIDE) as pilot:
        before = await settled(app, pilot)
        await pilot.press("s")
        after = await settled(app, pilot)

    assert row(after, "calls lost")[2:] == ["146", "0", "-100.0%", "▼"]
    assert row(after, "reason=http_503")[1:3] == row(before, "reason=http_503")[2:0:-1]
    assert "B 09:04:0" in after
    assert "▸READING  A lost 146 of 960 calls (15.2%), B 0 of 956 calls (0.0%). [E1] [E2]" in after
    assert "960 vs 956 calls" in after
    assert "[B···" in after.split("[A")[0]


async def test_each_baseline_says_what_its_command_says(
    app_on: AppOn, settled: Settled, archive_path: Callable[[str], str],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    seen, place = {}, archive_path("incident")
    app = app_on("incident", screen="compare")
    async with app.run_test(size=SMALL) as pilot:
        first = await settled(app, pilot)
        for baseline in ("yesterday", "others", "successes"):
            await pilot.press("o")
            seen[baseline] = (await settled(app, pilot), app.session.argv())
        await pilot.press("o")
        assert await settled(app, pilot) == first

    capsys.readouterr()
    for name in ("others", "successes"):
        text, (view, *argv) = seen[name]
        assert main([view, place, *argv, "--json", "--limit", "99", "--trust"]) == 0
        document = json.loads(capsys.readouterr().out)
        a, b = (document[side]["measures"] for side in ("a", "b"))
        assert row(text, "calls lost")[2:4] == [count(m["calls lost"]) for m in (a, b)]
        fails = [document["distributions"][side]["first_attempt_fails"] for side in ("a", "b")]
        assert row(text, "first attempt fails")[3:5] == [percent(one) for one in fails]
        one = document["contrasts"][0]
        shares = [percent(one["share_a"]), percent(one["share_b"])]
        assert row(text, f"{one['dimension']}={one['value']}")[1:3] == shares
    assert "A yesterday 09:12:00" in seen["yesterday"][0]
    assert "Of the same time yesterday the archive has no call" in seen["yesterday"][0]
    assert "A other keys" in seen["others"][0]
    assert row(seen["others"][0], "calls")[1:3] == ["480", "960"]
    assert "A its good calls" in seen["successes"][0]
    assert "lift" in first
    assert "A│B" not in first
    assert "baseline: successes in B" in seen["successes"][0]


async def test_a_wide_terminal_draws_how_calls_spread(app_on: AppOn, settled: Settled) -> None:
    app = app_on("incident", screen="compare")
    app.session.stay(replace(app.session.place, view="compare"))
    async with app.run_test(size=WIDE) as pilot:
        text = await settled(app, pilot)
        scope = replace(app.session.place.scope, baseline="2026-11-21T09:00..2026-11-21T09:05")
        view = app.screen
        assert isinstance(view, CompareView)
        view.stay(replace(app.session.place, scope=scope))
        own = await settled(app, pilot)
        await pilot.press("o")
        await settled(app, pilot)

    assert "A distribution" in text
    drawn = row(text, "attempts/call")
    assert [word for word in drawn[4:] if word.isdigit()] == ["1", "1", "2", "3"]
    assert drawn[5] == "1"
    assert set(drawn[6]) == {"█"}
    assert row(text, "first attempt fails")[-1].startswith("████")
    (bars,) = (line for line in text.splitlines() if "attempt p50" in line)
    assert len({char for char in bars if char in "▁▂▃▄▅▆▇█"}) > 2
    assert "baseline: a stretch of your choice · o cycles: what was just before" in own
    assert "A 09:00:00→09:05:00" in own
    assert app.session.place.scope.baseline == "before"


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
        assert "A yesterday" in await settled(app, pilot)
        await pilot.press("o")
        assert "baseline: other keys in B" in await settled(app, pilot)


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
        known = view.answer.told.found.policy
        assert known is not None
        assert known.a is not None
        other = replace(
            known.a, policy_version="pol-b", max_attempts=2, jitter="full", budget_name=None,
            timeout_per_attempt_us=300_000, hedge_enabled=not known.a.hedge_enabled,
        )  # fmt: skip
        found = replace(view.answer.told.found, policy=PolicyDiff(a=other, b=known.a))
        view.answer = replace(view.answer, told=replace(view.answer.told, found=found))
        await pilot.press("G")
        view.redraw()
        scrolled = await settled(app, pilot)
        await pilot.press("d")
        told = await settled(app, pilot)
        await pilot.press("escape", "s", "d")
        turned = await settled(app, pilot)
        await pilot.press("escape", "o")
        await settled(app, pilot)
        await pilot.press("o")
        await settled(app, pilot)
        await pilot.press("d")
        others = await settled(app, pilot)

    assert "no difference of policies: both followed the same policy" in same
    assert "POLICY  A → B" in told
    assert "max_attempts       2 → 3" in told
    assert "hedges             on → off" in told
    assert "attempt timeout    300 ms → —" in told
    assert "max_attempts       3 → 2" in turned
    assert "They followed different policies: max_attempts 2 in A, 3 in B" in scrolled
    assert "no difference of policies: it is not known" in others


async def test_a_dimension_that_hardly_differs_is_one_line_until_it_is_opened(
    app_on: AppOn, settled: Settled
) -> None:
    app = app_on("incident", screen="compare")
    async with app.run_test(size=WIDE) as pilot:
        before = await settled(app, pilot)
        await pilot.press("G", "enter", "G")
        after = await settled(app, pilot)

    assert "hedge, instance, policy, service, source  one value, the same on both sides" in before
    assert "one value, the same on both sides" not in after
    assert row(after, "policy=pol-a")[1:4] == ["100.0%", "100.0%", "0.0"]


async def test_a_sentence_leads_to_the_query_behind_it(app_on: AppOn, settled: Settled) -> None:
    app = app_on("incident", screen="compare")
    async with app.run_test(size=SMALL) as pilot:
        await settled(app, pilot)
        await pilot.press("G", "Y")
        copied = await settled(app, pilot)
        await pilot.press("enter")
        console = await settled(app, pilot)
        query = app.session.place.query
        await pilot.press("escape", "escape")
        await settled(app, pilot)
        await pilot.press("home", "Y")
        values = await settled(app, pilot)

    assert "copied: the SQL of E" in copied
    assert "▸ sql" in console
    assert query.startswith("WITH members AS")
    assert "copied: dimensions.sql" in values


async def test_why_puts_what_other_keys_show_as_well_at_the_end(
    app_on: AppOn, settled: Settled
) -> None:
    app = app_on("incident", screen="compare")
    async with app.run_test(size=WIDE) as pilot:
        await settled(app, pilot)
        await pilot.press("w")
        ranked = await settled(app, pilot)
        await pilot.press("w")
        plain = await settled(app, pilot)

    assert "WHY (of attempts)" in ranked
    assert row(ranked, "reason=http_503")[1:4] == ["0.0%", "48.4%", "0.0%"]
    assert "OTHERS" not in plain
