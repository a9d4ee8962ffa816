"""The screens and the command line say the same numbers: each screen's own link is run, and its document compared."""

import json
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from textual.pilot import Pilot

from recourse_observe.cli import main
from recourse_observe.text import clock, count, percent, times
from recourse_observe.whatif import Kind, Row, Unit
from recourse_tui.app import RecourseApp
from recourse_tui.lines import plain
from recourse_tui.screens.opened import Opened
from recourse_tui.widgets.policies import measure_lines

Settled: TypeAlias = Callable[[RecourseApp, Pilot[Any]], Awaitable[str]]

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
SAMPLE = Path(__file__).parents[2] / "sample-data" / "checkout-outage"


def words_of(link: str) -> list[str]:
    """The words of a link, as a shell reads them."""
    line = f"printf '%s\\0' {link}"
    said = subprocess.run(["/bin/bash", "-c", line], check=True, capture_output=True).stdout
    return said.decode().split("\0")[:-1]


async def test_every_screen_says_what_its_command_says(
    settled: Settled, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: dict[str, tuple[str, list[str]]] = {}
    app = RecourseApp(str(SAMPLE), trusted=True)
    async with app.run_test(size=(160, 60)) as pilot:
        await settled(app, pilot)
        for key in ("1", "2", "3", "4", "v", "5", "6", "7"):
            await pilot.press(key)
            text = await settled(app, pilot)
            name = "flat calls" if key == "v" else app.session.place.view
            if name == "replay":  # its moment is part of the link once somebody moved
                await pilot.press("right_square_bracket")
                text = await settled(app, pilot)
                at = clock(app.screen.moment(), decimals=6)  # type: ignore[attr-defined]
                seen[name] = (text, [*app.session.argv(), "--at", at])
                continue
            seen[name] = (text, words_of(app.session.link())[1:])

    capsys.readouterr()

    def document(name: str, *options: str) -> Any:
        argv = [word for word in seen[name][1] if word != str(SAMPLE)]
        assert main([argv[0], str(SAMPLE), *argv[1:], "--json", "--trust", *options]) == 0
        return json.loads(capsys.readouterr().out)

    triage, text = document("triage"), seen["triage"][0]
    for row in triage["keys"]:
        line = next(line for line in text.splitlines() if f" {row['key']} " in line and "×" in line)  # noqa: RUF001  # a multiplication sign
        amplification = times(row["attempts"] / row["calls"])
        shown = (
            count(row["calls"]),
            amplification,
            percent(row["lost"] / row["calls"]),
            count(row["denied"]),
        )
        assert [word for word in shown if word not in line.split()] == []
    assert f"{count(triage['incidents'][0]['measures']['lost'])} calls lost" in text

    story, text = document("story"), " ".join(seen["story"][0].split())
    for fact in story["incidents"][0]["facts"]:
        # A mark stands at the end of a fact's first line, wherever that breaks.
        assert all(word in text for word in fact["text"].split())

    one = document("key", "--buckets", "60")
    assert sum(b["calls"] for b in one["buckets"]) == _calls(triage)
    assert _missing_of_key(seen["key"][0], one) == []

    shapes, text = document("calls")["shapes"], seen["calls"][0]
    for shape in shapes[:5]:
        row = next(line for line in text.splitlines() if shape["example"][:9] in line)
        assert {count(shape["calls"]), percent(shape["calls"] / shape["of_calls"])} <= set(
            row.split()
        )
    assert f"of {count(document('flat calls')['total'])} · by start" in seen["flat calls"][0]

    call = document("call")
    assert call["call"]["call_id"] in seen["call"][0]
    assert (
        sum(a["ran"] for a in call["attempts"]) == seen["call"][0].count(" ms │")
        or call["attempts"]
    )

    assert _missing_of_compare(seen["compare"][0], document("compare", "--limit", "99")) == []

    state, text = document("replay"), seen["replay"][0]
    assert f"inflight {state['keys']['payments.Charge']['attempts_open']}" in text


async def test_the_console_a_candidate_and_the_notes_say_what_their_commands_say(
    opened: Callable[[str], Opened], settled: Settled, tmp_path: Path,
    archive_path: Callable[[str], str], capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    seen: dict[str, tuple[str, list[str]]] = {}
    place = tmp_path / "incident"
    shutil.copytree(archive_path("incident"), place)
    app = RecourseApp(str(place), reader=lambda: opened("incident"))
    app.session.processes = 1
    async with app.run_test(size=(160, 60)) as pilot:
        await settled(app, pilot)
        app.session.stay(replace(app.session.place, edits=("retry.max_attempts=2",)))
        await pilot.press("b")
        for key in ("8", "9", "0"):
            await pilot.press(key)
            text = await settled(app, pilot)
            seen[app.session.place.view] = (text, words_of(app.session.link())[1:])
            if key == "9":
                await pilot.press("escape")

    capsys.readouterr()

    def document(name: str, *options: str) -> Any:
        view, path, *rest = seen[name][1]
        assert main([view, path, "--json", *options, *rest]) == 0
        return json.loads(capsys.readouterr().out)

    rows, text = document("whatif", "--trust", "--jobs", "1")["rows"], seen["whatif"][0]
    known = [Row(**{**row, "kind": Kind(row["kind"]), "unit": Unit(row["unit"])}) for row in rows]
    shown = [plain(line).rstrip() for line in measure_lines(known)]
    assert len(shown) > 1
    assert [line for line in shown if line.strip() not in text] == []

    rows, text = document("sql", "--trust")["rows"], seen["sql"][0]
    assert len(rows) == 9
    for row in rows:
        line = next(line for line in text.splitlines() if row["minute"][11:16] in line)
        assert line.split()[-2:] == [str(row["retries"]), str(row["wasted"])]
    assert f"of {len(rows)} · 3 columns" in text

    (note,), text = document("notes")["notes"], seen["notes"][0]
    assert [note["kind"], note["name"]] == ["bookmark", "triage #1"]
    assert "note 1 of 1 note" in text
    assert "bookmark" in text
    assert "triage #1" in text


def _calls(triage: Any) -> int:
    """Calls of the key that the key screen opens on: the worst."""
    total: int = triage["keys"][0]["calls"]
    return total


def _missing_of_key(text: str, document: Any) -> list[str]:
    """What the command says of the key and the screen does not."""
    reasons = Counter[str]()
    for row in document["reasons"]:
        reasons[row["reason"]] += row["attempts"]
    wanted = [
        *((reason[:18], attempts) for reason, attempts in reasons.items()),
        *((shown, sum(b[name] for b in document["buckets"])) for shown, name in
          (("calls ", "calls"), ("calls lost ", "lost"))),
    ]  # fmt: skip
    lines = [line.split("│")[-1].strip() for line in text.splitlines()]
    return [
        name
        for name, number in wanted
        if not any(line.startswith(name) and count(number) in line.split() for line in lines)
    ]


def _missing_of_compare(text: str, document: Any) -> list[str]:
    """What the command says of the comparison and the screen does not."""
    much = sum(abs(one["difference"]) >= 0.1 for one in document["contrasts"])
    sentences = [
        " ".join((one["text"], *(f"[{name}]" for name in one["evidence"])))
        for one in document["reading"]["sentences"]
    ]
    measures = document["b"]["measures"]
    wanted = [
        f"{much} of {document['of_contrasts']} values > 10 pts",
        count(measures["calls"]),
        count(measures["calls lost"]),
        times(measures["attempts/call"]),
        *sentences,
    ]
    said = " ".join(text.split())
    words = set(re.findall(r"\w+", text))
    folded = [one["dimension"] for one in document["folded"] if one["dimension"] not in words]
    return [one for one in wanted if one not in said] + folded
