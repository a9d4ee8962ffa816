"""On which line of a file a key stands; neither :mod:`tomllib` nor :mod:`json` says."""

import re
from collections.abc import Iterable, Iterator
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
        repeated: Each key that its table has already, with the line where it stands again.
    """

    known: dict[Path, int] = field(default_factory=dict[Path, int])
    repeated: tuple[tuple[Path, int], ...] = ()

    @classmethod
    def of_keys(cls, keys: Iterable[tuple[Path, int]]) -> "Lines":
        """The lines of all keys of a text; a table comes before what it holds."""
        known: dict[Path, int] = {}
        repeated: dict[Path, int] = {}
        for path, line in keys:
            if path not in known:
                known[path] = line
            elif not any(path[:length] in repeated for length in range(1, len(path))):
                repeated.setdefault(path, line)
        return cls(known, tuple(repeated.items()))

    def of(self, path: Path) -> int | None:
        """The line of a key, or of the nearest table around it."""
        for length in range(len(path), 0, -1):
            if (line := self.known.get(path[:length])) is not None:
                return line
        return None

    def below(self, above: Path) -> "Lines":
        """The same lines for a document that is read as what another one holds there."""
        known = {(*above, *path): line for path, line in self.known.items()}
        return Lines(known, tuple(((*above, *path), line) for path, line in self.repeated))


def toml_lines(text: str) -> Lines:
    """The lines of the headers and keys; a key inside an inline table has its table's line."""
    known: dict[Path, int] = {}
    table: Path = ()
    for number, line in enumerate(text.split("\n"), start=1):
        if header := _HEADER.match(line):
            table = _parts(header["path"]) or table
            for length in range(1, len(table) + 1):
                known.setdefault(table[:length], number)
        elif assignment := _ASSIGNMENT.match(line):
            path = table + _parts(assignment["path"])
            for length in range(len(table) + 1, len(path) + 1):
                known.setdefault(path[:length], number)
    return Lines(known)


def json_lines(text: str) -> Lines:
    """The lines of the names in a text that is JSON; what lists hold has none."""
    return Lines.of_keys(_json_keys(text))


def _json_keys(text: str) -> Iterator[tuple[Path, int]]:
    import json  # wanted only when a file is read

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
                if None not in names:
                    yield tuple(cast("list[str]", names)), number
            case _:
                pass


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
