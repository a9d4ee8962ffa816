"""Keys of one's own: a file is checked whole before a screen is drawn, and then holds everywhere."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from textual.pilot import Pilot

from recourse_tui.actions import ACTIONS
from recourse_tui.actions.keymap import KeymapError, read_keymap
from recourse_tui.app import RecourseApp, run

AppOn: TypeAlias = Callable[..., RecourseApp]
Settled: TypeAlias = Callable[[RecourseApp, Pilot[Any]], Awaitable[str]]


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "keymap.toml"
    path.write_text(text)
    return path


def test_a_file_gives_some_actions_other_keys(tmp_path: Path) -> None:
    actions = read_keymap(
        written(tmp_path, '[keys]\nwhy = "W"\nquit = ["ctrl+q", "?"]\nhelp = "f1"')
    )

    assert actions["why"].keys == ("W",)
    assert actions["quit"].keys == ("ctrl+q", "question_mark")
    assert {name for name in ACTIONS if actions[name] != ACTIONS[name]} == {"why", "quit", "help"}
    assert list(actions) == list(ACTIONS)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[keys]\nwyh = "W"', "action 'wyh' is not known; did you mean 'why'?"),
        ('[keys]\nzzzzzz = "W"', "is not known; the help of a screen"),
        ('[keys]\nwhy = "p"', "key 'p' would be ask_whatif and why on triage; give one of them"),
        ("[keys]\nwhy = 3", "action 'why' has no key 3; write one, or a list"),
        ("[keys]\nwhy = []", "action 'why' has no key []"),
        ("[keys", "is no TOML: "),
        ("keys = 1", "must have a table [keys]"),
        ('[keys]\nwhy = "W"\n[more]', "must have a table [keys] and no other"),
    ],
)
def test_a_file_that_gives_what_cannot_be_given_is_refused(
    text: str, told: str, tmp_path: Path
) -> None:
    with pytest.raises(KeymapError) as raised:
        read_keymap(written(tmp_path, text))

    assert told in str(raised.value)
    assert str(raised.value).startswith(f"keymap '{tmp_path / 'keymap.toml'}': ")


def test_a_file_that_is_not_there_ends_with_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(str(tmp_path), keymap=tmp_path / "none.toml") == 2

    assert "cannot be read: No such file or directory; name another" in capsys.readouterr().err


@pytest.mark.anyio
@pytest.mark.slow
async def test_the_keys_of_a_file_are_obeyed_and_shown(
    app_on: AppOn, settled: Settled, tmp_path: Path
) -> None:
    actions = read_keymap(written(tmp_path, '[keys]\namplification = "O"\nstory = "ctrl+s"'))
    app = app_on("incident", actions=actions)
    async with app.run_test(size=(120, 40)) as pilot:
        text = await settled(app, pilot)
        assert "  O amp" in text.splitlines()[-1]
        await pilot.press("a", "2")
        assert await settled(app, pilot) == text
        await pilot.press("O")
        assert "INCIDENT #1" in await settled(app, pilot)
        await pilot.press("escape")
        await settled(app, pilot)
        await pilot.press("question_mark")
        assert f"{'O':<16}our part in the incident" in await settled(app, pilot)
        await pilot.press("escape")
        await settled(app, pilot)
        await pilot.press("ctrl+s")
        await settled(app, pilot)
        assert app.session.place.view == "story"
