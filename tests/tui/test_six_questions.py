"""The six questions of somebody on call, on three archives that were made in three ways, with the keys they take.

What is right is known apart from our engine: from the rows of the traffic that the tests write, from the labels of a
simulated world, and from what the fake dependency of the recorded sample did.
"""

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from textual.pilot import Pilot

from recourse_observe.cli import main
from recourse_tui.app import RecourseApp
from recourse_tui.screens.compare import CompareView
from recourse_tui.screens.opened import Opened, read
from recourse_tui.screens.whatif import WhatifView

Settled: TypeAlias = Callable[[RecourseApp, Pilot[Any]], Awaitable[str]]

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(120)]
SAMPLE = Path(__file__).parents[2] / "sample-data" / "checkout-outage"
TOLERANCE_US = 5_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What is true of an archive."""

    opened: Opened
    culprit: str
    cause: str
    reason: str
    effect: str
    onset_us: int


@pytest.fixture(scope="module")
def storm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A retry storm in a simulated world, made by the real executor."""
    place = tmp_path_factory.mktemp("lab") / "storm"
    assert main(["lab", "run", "retry_storm", "--out", str(place)]) == 0
    return place


@pytest.fixture(scope="module", params=["traffic", "sample", "lab"])
def label(request: pytest.FixtureRequest, opened: Callable[[str], Opened]) -> Label:
    match request.param:
        case "traffic":
            return Label(
                opened=opened("incident"), culprit="payments.Charge",
                cause="partial instance failure", reason="http_503", effect="HELPED",
                onset_us=1_795_252_320_000_000,
            )  # fmt: skip
        case "sample":
            faults = json.loads(SAMPLE.with_suffix(".faults.json").read_text(encoding="utf-8"))
            outage = next(one for one in faults["phases"] if one["phase"] == "outage")
            return Label(
                opened=read(str(SAMPLE), trusted=True), culprit="payments.Charge",
                cause="dependency outage", reason="http_503", effect="NEUTRAL",
                onset_us=outage["started_unix_ns"] // 1_000,
            )  # fmt: skip
        case _:
            path: Path = request.getfixturevalue("storm")
            told = json.loads((path / "labels.json").read_text(encoding="utf-8"))["incidents"][0]
            return Label(
                opened=read(str(path), trusted=True), culprit=told["keys"][0],
                cause=told["cause"].replace("_", " "), reason="http_503",
                effect=told["retry_effect"].upper(), onset_us=told["onset_ns"] // 1_000,
            )  # fmt: skip


def lost(opened: Opened, start_us: int, end_us: int, key: str) -> int:
    """Lost calls of a key, counted in the rows: a call belongs to the stretch in which its first attempt starts."""
    sql = """
        SELECT count(*) AS lost FROM calls AS c LEFT JOIN (
            SELECT call_id, min(started_at) AS first_at FROM attempts WHERE ran GROUP BY call_id
        ) AS a USING (call_id)
        WHERE NOT success AND disposition <> 'unfinished' AND key = $key
          AND epoch_us(coalesce(first_at, started_at)) >= $start
          AND epoch_us(coalesce(first_at, started_at)) < $end
    """
    params = {"key": key, "start": start_us, "end": end_us}
    found: int = opened.archive.sql(sql, params).column("lost")[0].as_py()
    return found


async def test_the_six_questions_are_answered_by_the_keys_of_the_table(
    label: Label, settled: Settled
) -> None:
    app = RecourseApp("archive", reader=lambda: label.opened)
    async with app.run_test(size=(80, 24)) as pilot:
        first = await settled(app, pilot)
        scope = app.session.place.scope

        # What broke, and when: no key.
        count = lost(label.opened, scope.start_unix_us, scope.end_unix_us, label.culprit)
        line = next(row for row in first.splitlines() if f"#1 {label.culprit}" in row)
        assert "✗#1" in line
        assert app.session.incident(1) is not None
        assert f"{app.session.incident(1).measures.lost:,} calls lost" in line  # type: ignore[union-attr]
        assert abs(scope.start_unix_us - label.onset_us) < TOLERANCE_US

        # Which keys: no key; the worst first, and its number is that of the rows.
        rows = first[first.index("   KEY ") :].splitlines()[1:]
        assert rows[0][1:].startswith(f"✗ {label.culprit}")
        share = float(rows[0].split("×")[1].split()[0].rstrip("%"))  # noqa: RUF001  # a multiplication sign
        calls = int(rows[0].split()[2].replace(",", ""))
        assert round(100 * count / calls, 1) == share
        assert all(row[1] in "✗!●" for row in rows[: len(label.opened.archive.keys(scope))])

        # Why: the line of the cause, and one key.
        assert f"cause     {label.cause} · {label.reason}" in first
        await pilot.press("w")
        await settled(app, pilot)
        view = app.screen
        assert isinstance(view, CompareView)
        assert view.answer is not None
        shares = {(c.dimension, c.entry): c.difference for c in view.answer.contrasts}
        assert shares["reason", label.reason] > 0.1
        await pilot.press("minus")
        assert await settled(app, pilot) == first

        # Did we make it worse: the line of our part, and one key.
        assert f"our part  {label.effect}" in first
        await pilot.press("a")
        overlay = await settled(app, pilot)
        assert label.effect in overlay
        numbers = {
            name: int(value.replace(",", ""))
            for name, value in re.findall(r"(retries|rescued|wasted)  +([\d,]+)", overlay)
        }
        assert numbers["rescued"] + numbers["wasted"] == numbers["retries"]
        await pilot.press("escape")

        # Then the incident is exported for whoever takes over.
        assert await settled(app, pilot) == first
        await pilot.press("x")
        assert ".md" in await settled(app, pilot)


async def test_what_to_change_is_one_key_away_and_every_row_says_its_kind(
    label: Label, settled: Settled
) -> None:
    app = RecourseApp("archive", reader=lambda: label.opened)
    app.session.processes = 1
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(app, pilot)
        await pilot.press("p")
        # What is certain is there at once; nobody has to wait for the model and the search.
        while not (isinstance(view := app.screen, WhatifView) and view.answer is not None):
            await pilot.pause(0.01)
        await pilot.press("escape")
        text = await settled(app, pilot)

    policy = next(line for line in text.splitlines() if line.startswith(" max_attempts"))
    recorded, candidate, mark = policy.split()[1:]
    assert (int(candidate), mark) == (int(recorded) - 1, "◀")
    known = [row for row in view.answer.rows if (row.candidate, row.high) != (None, None)]
    kinds = [str(row.kind) for row in known]
    assert kinds
    start = text.index("RECORDED               CANDIDATE")
    rows = text[start:].splitlines()[1 : 1 + len(kinds)]
    assert sorted(row.split()[-1] for row in rows) == sorted(kinds)
    assert label.culprit in text.splitlines()[0]
