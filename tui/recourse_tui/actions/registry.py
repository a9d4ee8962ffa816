"""All actions of a screen, and what they are called on it."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from textual.binding import Binding

from recourse_tui.actions.action import ANYWHERE, Action
from recourse_tui.actions.going import GOING
from recourse_tui.actions.own import OWN
from recourse_tui.actions.replaying import REPLAYING
from recourse_tui.actions.shared import SHARED

__all__ = ["ACTIONS", "NAMES", "bindings", "footer", "key_name", "of_screen"]

_HELP: Final = {
    "help": Action(
        label="help",
        help="all keys",
        keys=("question_mark", "f1"),
        screens=ANYWHERE,
        handler="app.help",
    ),
}
ACTIONS: Final[Mapping[str, Action]] = MappingProxyType(
    {**_HELP, **OWN, **REPLAYING, **SHARED, **GOING}
)
"""Every action by its name, in the order in which footers name them."""

NAMES: Final = {
    "question_mark": "?", "enter": "⏎", "space": "␣", "tab": "↹", "left": "←", "right": "→", "up": "↑", "down": "↓",
    "slash": "/", "colon": ":", "semicolon": ";", "left_square_bracket": "[", "right_square_bracket": "]",
    "escape": "esc", "full_stop": ".", "comma": ",", "greater_than_sign": ">", "less_than_sign": "<", "plus": "+",
    "minus": "-", "shift+right": "⇧→", "shift+left": "⇧←", "f2": "F2", "delete": "del", "pagedown": "pgdn", "pageup": "pgup", "shift+tab": "⇧↹", "f1": "F1", "f5": "F5",
}  # fmt: skip
"""Keys by Textual's name for them, and what they are called on a screen."""


def key_name(key: str) -> str:
    """What a key is called on the screen: ``⏎`` for ``enter``, ``^n`` for ``ctrl+n``."""
    return NAMES.get(key, key.replace("ctrl+", "^").replace("shift+", "⇧"))


def of_screen(screen: str, actions: Mapping[str, Action] = ACTIONS) -> Iterator[tuple[str, Action]]:
    """The actions of one screen with their names, in the order of the registry."""
    return ((name, action) for name, action in actions.items() if screen in action.screens)


def bindings(screen: str, actions: Mapping[str, Action] = ACTIONS) -> list[Binding]:
    """What Textual needs to know of a screen's keys."""
    return [
        binding
        for name, action in of_screen(screen, actions)
        for binding in (_handled(screen, name, action), *_at_once(screen, name, action))
    ]


def _handled(screen: str, name: str, action: Action) -> Binding:
    keys = ",".join(action.keys)
    return Binding(keys, action.handler, action.help, show=False, id=f"{screen}.{name}")


def _at_once(screen: str, name: str, action: Action) -> list[Binding]:
    """A key that opens the prompt or a screen is obeyed before the next one is handed to anybody.

    Otherwise ``/`` and ``lost`` in one go, pasted or over a slow line, would be a filter that nobody types and four commands.
    """
    if not action.opens_prompt and not action.handler.startswith("app.visit"):
        return []
    handler = f"type_now('{name}')"
    return [
        Binding(key, handler, show=False, priority=True, id=f"{screen}.{name}.{key}")
        for key in action.keys
        if not key.startswith("ctrl+")
    ]


def footer(screen: str, actions: Mapping[str, Action] = ACTIONS) -> list[tuple[str, str]]:
    """Key and label of the actions that a screen's last line names."""
    return [
        (key_name(action.keys[0]), action.label)
        for _, action in of_screen(screen, actions)
        if action.label
    ]
