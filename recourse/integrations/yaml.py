"""YAML for policy files, when PyYAML is there."""

from typing import Any, Final

import yaml  # type: ignore[import-untyped]  # PyYAML ships no types

__all__ = ["lines", "loads"]

# Deeper than policies are; an alias may lead back to where it stands.
_DEEPEST: Final = 6
_compose: Any = vars(yaml)["compose"]  # a checker that reads PyYAML finds half a type


def loads(text: str) -> Any:
    """What a YAML text says, as plain data; tags that build objects are refused.

    Raises:
        ValueError: The text is no YAML; says the line.
    """
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" (at line {mark.line + 1})" if mark is not None else ""
        what = getattr(error, "problem", None) or str(error)
        message = f"{what}{place}"
        raise ValueError(message) from None


def lines(text: str) -> dict[tuple[str, ...], int]:
    """The line of each key of a text that is YAML, by the key's path."""
    known: dict[tuple[str, ...], int] = {}
    root: Any = _compose(text, yaml.SafeLoader)
    waiting: list[tuple[tuple[str, ...], Any]] = [((), root)]
    while waiting:
        above, node = waiting.pop()
        if isinstance(node, yaml.MappingNode) and len(above) < _DEEPEST:
            for name, value in node.value:
                path = (*above, str(name.value))
                known.setdefault(path, name.start_mark.line + 1)
                waiting.append((path, value))
    return known
