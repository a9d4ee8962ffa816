"""YAML for policy files, when PyYAML is there."""

from collections.abc import Iterator
from itertools import chain
from typing import Any, Final

import yaml  # type: ignore[import-untyped]  # PyYAML ships no types

__all__ = ["keys", "loads"]

# Deeper than policies are.
_DEEPEST: Final = 6
# A few lines of aliases to aliases can stand for more than a machine can hold.
_MOST_VALUES: Final = 1_000_000
_compose: Any = vars(yaml)["compose"]  # a checker that reads PyYAML finds half a type


def loads(text: str) -> Any:
    """What a YAML text says, as plain data; tags that build objects are refused.

    Raises:
        ValueError: The text is no YAML; says the line.
    """
    try:
        loader: Any = yaml.SafeLoader(text)
        root = loader.get_single_node()
        _measure(root, {})
        return None if root is None else loader.construct_document(root)
    except yaml.YAMLError as error:
        raise ValueError(_message(text, error)) from None


def keys(text: str) -> Iterator[tuple[tuple[str, ...], int]]:
    """Path and line of each key of a text that is YAML; a table comes before what it holds."""
    return _inside((), _compose(text, yaml.SafeLoader))


def _inside(above: tuple[str, ...], node: Any) -> Iterator[tuple[tuple[str, ...], int]]:
    if not isinstance(node, yaml.MappingNode) or len(above) >= _DEEPEST:
        return
    for name, value in node.value:
        path = (*above, str(name.value))
        yield path, name.start_mark.line + 1
        yield from _inside(path, value)


def _measure(node: Any, known: dict[int, int]) -> int:
    """How many values a node stands for when its aliases are followed.

    Raises:
        ValueError: An alias leads back to where it stands, or there are too many values.
    """
    if not isinstance(node, yaml.CollectionNode):
        return 1
    if id(node) not in known:
        known[id(node)] = 0  # until it is known, nothing inside may lead back to it
        inner = node.value if isinstance(node, yaml.SequenceNode) else chain(*node.value)
        known[id(node)] = 1 + sum(_measure(each, known) for each in inner)
    line = node.start_mark.line + 1
    if known[id(node)] == 0:
        message = f"what starts at line {line} contains itself"
        raise ValueError(message)
    if known[id(node)] > _MOST_VALUES:
        message = f"what starts at line {line} stands for more than {_MOST_VALUES:,} values"
        raise ValueError(message)
    return known[id(node)]


def _message(text: str, error: Any) -> str:
    """What a reader's error says, in one line, with the line of the text."""
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        return f"unacceptable character #x{error.character:04x} (at line {line})"
    return f"{error.problem} (at line {error.problem_mark.line + 1})"
