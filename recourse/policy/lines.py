"""On which line of a file a key stands; neither :mod:`tomllib` nor :mod:`json` says."""

import re
from dataclasses import dataclass, field
from typing import Any, Final, cast

__all__ = ["Lines", "json_lines", "toml_lines"]

Path = tuple[str, ...]

_HEADER: Final = re.compile(r"\s*\[\[?(?P<path>.+?)\]\]?\s*(#.*)?$")
_ASSIGNMENT: Final = re.compile(
    r"""\s*(?P<path>(?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*="""
)
_JSON_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]')


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines of a document's keys.

    Attributes:
        known: Path of a key to its line, 1-based.
    """

    known: dict[Path, int] = field(default_factory=dict[Path, int])

    def of(self, path: Path) -> int | None:
        """The line of a key, or of the nearest table around it."""
        for length in range(len(path), 0, -1):
            if (line := self.known.get(path[:length])) is not None:
                return line
        return None


def toml_lines(text: str) -> Lines:
    """The lines of the headers and keys; a key inside an inline table has its table's line."""
    known: dict[Path, int] = {}
    table: Path = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            table = _parts(header["path"]) or table
            known.setdefault(table, number)
        elif assignment := _ASSIGNMENT.match(line):
            path = table + _parts(assignment["path"])
            for length in range(len(table) + 1, len(path) + 1):
                known.setdefault(path[:length], number)
    return Lines(known)


def json_lines(text: str) -> Lines:
    """The lines of the names in a text that is JSON."""
    import json  # wanted only when a file is read

    known: dict[Path, int] = {}
    names: list[str | None] = []  # one per open bracket; None is a list's
    number, read_to, is_name = 1, 0, False
    for token in _JSON_TOKEN.finditer(text):
        number += text.count("\n", read_to, token.start())
        read_to = token.start()
        match token[0]:
            case "{" | "[" as bracket:
                names.append("" if bracket == "{" else None)
                is_name = bracket == "{"
            case "}" | "]":
                names.pop()
            case ",":
                is_name = names[-1] is not None
            case ":":
                is_name = False
            case name if is_name:
                names[-1] = json.loads(name)
                known.setdefault(tuple(each or "" for each in names), number)
            case _:
                pass
    return Lines(known)


def _parts(dotted: str) -> Path:
    """The parts of a dotted key, unquoted by TOML's own reader."""
    import tomllib  # wanted only when a file is read

    try:
        inner: Any = tomllib.loads(f"{dotted} = 0")
    except tomllib.TOMLDecodeError:
        return ()
    parts: list[str] = []
    while isinstance(inner, dict):
        ((name, inner),) = cast("dict[str, Any]", inner).items()
        parts.append(name)
    return tuple(parts)
