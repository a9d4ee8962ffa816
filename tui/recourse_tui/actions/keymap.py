"""Keys of one's own: a file that gives actions other keys, checked against the registry."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from recourse_tui.actions.action import ANYWHERE, Action
from recourse_tui.actions.registry import ACTIONS, NAMES, of_screen

__all__ = ["KeymapError", "read_keymap"]

_SPELT: Final = {shown: key for key, shown in NAMES.items() if len(shown) == 1}
_EXAMPLE: Final = 'why = "W"'


class KeymapError(Exception):
    """A file gives no keys; the text says why, and what to write."""


def read_keymap(path: Path) -> Mapping[str, Action]:
    """Every action by its name, with the keys that the file gives it.

    Raises:
        KeymapError: The file cannot be read, or gives what cannot be given.
    """
    actions = {**ACTIONS}
    for name, given in _table(path).items():
        if name not in ACTIONS:
            near = get_close_matches(name, ACTIONS, n=1)
            then = f"did you mean {near[0]!r}?" if near else "the help of a screen (?) has them"
            raise _wrong(path, f"action {name!r} is not known; {then}")
        actions[name] = replace(ACTIONS[name], keys=tuple(_keys(path, name, given)))
    for screen in ANYWHERE:
        _refuse_clash(path, screen, actions)
    return actions


def _table(path: Path) -> Mapping[str, Any]:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise _wrong(path, f"cannot be read: {error.strerror}; name another file") from None
    except ValueError as error:  # of TOML and of UTF-8
        raise _wrong(path, f"is no TOML: {error}") from None
    keys = document.pop("keys", None)
    if not isinstance(keys, dict) or document:
        raise _wrong(path, f"must have a table [keys] and no other; write [keys] and {_EXAMPLE}")
    return keys


def _keys(path: Path, name: str, given: Any) -> Iterator[str]:
    words: list[Any] = given if isinstance(given, list) else [given]
    if not words or not all(isinstance(word, str) and word.strip() for word in words):
        message = f"action {name!r} has no key {given!r}; write one, or a list, as in {_EXAMPLE}"
        raise _wrong(path, message)
    yield from (_SPELT.get(str(word), str(word)) for word in words)


def _refuse_clash(path: Path, screen: str, actions: Mapping[str, Action]) -> None:
    owners: dict[str, str] = {}
    for name, action in of_screen(screen, actions):
        for key in action.keys:
            if (other := owners.setdefault(key, name)) != name:
                message = f"key {key!r} would be {other} and {name} on {screen}"
                raise _wrong(path, f"{message}; give one of them another key")


def _wrong(path: Path, text: str) -> KeymapError:
    return KeymapError(f"keymap {str(path)!r}: {text}")
