from collections import Counter

import pytest

from recourse_tui.actions import ACTIONS, ANYWHERE, bindings, footer, key_name, of_screen
from recourse_tui.app import RecourseApp
from recourse_tui.lines import plain
from recourse_tui.screens.help import Overlay
from recourse_tui.screens.session import Session
from recourse_tui.widgets.footer import breadcrumb, footer_line


@pytest.mark.parametrize("screen", ANYWHERE)
def test_no_two_actions_have_one_key_on_one_screen(screen: str) -> None:
    keys = Counter(key for _, action in of_screen(screen) for key in action.keys)

    assert [key for key, times in keys.items() if times > 1] == []


@pytest.mark.parametrize("screen", ANYWHERE)
def test_every_handler_is_there(screen: str) -> None:
    app = RecourseApp("nowhere")
    shown = Overlay("KEYS", ()) if screen == "help" else app._screen_named(screen)

    for name, action in of_screen(screen):
        owner = app if action.handler.startswith("app.") else shown
        method = "action_" + action.handler.removeprefix("app.").partition("(")[0]
        assert hasattr(owner, method), name


def test_no_key_needs_alt_or_ctrl_and_shift_at_once() -> None:
    keys = {key for action in ACTIONS.values() for key in action.keys}

    assert not [key for key in keys if "alt" in key or ("ctrl" in key and "shift" in key)]


def test_every_action_says_what_it_does() -> None:
    assert [name for name, action in ACTIONS.items() if not action.help or not action.keys] == []


def test_keys_have_short_names() -> None:
    assert [key_name(key) for key in ("enter", "ctrl+c", "shift+left", "j")] == [
        "⏎",
        "^c",
        "⇧←",
        "j",
    ]


def test_textual_knows_every_key_of_a_screen() -> None:
    known = {key for binding in bindings("call") for key in binding.key.split(",")}

    assert {"left", "right", "question_mark", "f1", "q"} <= known


@pytest.mark.parametrize("screen", ANYWHERE)
def test_the_footer_names_help_first_and_fits(screen: str) -> None:
    for width in (20, 60, 80, 120):
        line = plain(footer_line(screen, width))
        assert line.startswith(" ?help")
        assert len(line.rstrip()) <= width
        assert plain(footer_line(screen, width, in_ascii=True)).isascii()


def test_the_footer_holds_the_labels_of_the_registry() -> None:
    assert ("⏎", "story") in footer("triage")
    assert ("⏎", "call") in footer("calls")


def test_a_long_way_is_cut_from_its_start() -> None:
    assert plain(breadcrumb(["triage", "story"], "x", 60)).rstrip() == (
        " recourse ▸ triage ▸ story" + " " * 32 + "x"
    )
    assert plain(breadcrumb(["triage", "#1 payments.Charge", "story"], "facts", 40)).startswith(
        " … ▸ #1 payments.Cha… ▸ story"
    )
    assert plain(breadcrumb(["a" * 50], "facts", 30)).startswith(" recourse ▸ aaaaaaaaaa…")


def test_the_session_is_shared_by_the_screens() -> None:
    app = RecourseApp("nowhere")

    assert isinstance(app.session, Session)
