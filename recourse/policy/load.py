"""From a policy file to what it says: TOML, JSON, and YAML when PyYAML is there."""

import importlib
import re
from pathlib import Path
from typing import Any, Final

from recourse.policy.lines import Lines, json_lines, toml_lines
from recourse.policy.parse import PolicyFile, parse
from recourse.policy.problems import PolicyFileError, Problem, suggestion

__all__ = ["data_of", "load", "loads", "text_of"]

FORMATS: Final = {".json": "json", ".toml": "toml", ".yaml": "yaml", ".yml": "yaml"}
MAX_BYTES: Final = 4 << 20
_LINE: Final = re.compile(r"\bline (\d+)")


def load(path: Path | str) -> PolicyFile:
    """What the file at ``path`` says; its suffix tells the format.

    Raises:
        PolicyFileError: It cannot be read, or something in it is wrong.
    """
    return loads(text_of(path), str(path))


def text_of(path: Path | str) -> str:
    """The text of a policy file.

    Raises:
        PolicyFileError: It cannot be read, is too large, or is empty.
    """
    try:
        if Path(path).is_fifo():  # opening it would wait for somebody who writes
            raise _refused(path, "is a pipe", "name a file, which can be read again")
        with Path(path).open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise _refused(path, "cannot be read", error.strerror or str(error)) from None
    if len(content) > MAX_BYTES:
        # A call looks whether the file has changed: it must not wait while megabytes are read.
        raise _refused(path, "is too large", f"it may have {MAX_BYTES:,} bytes")
    try:
        # Some editors begin a text with a byte order mark.
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        advice = f"byte 0x{error.object[error.start]:02x} is in the way; save it as UTF-8"
        raise _refused(path, "is no UTF-8", advice, line) from None
    if not text.strip():
        # A writer that truncates before it writes leaves this behind for a moment.
        advice = "write a policy, or a comment if there is to be none"
        raise _refused(path, "is empty", advice)
    return text


def loads(text: str, file: str) -> PolicyFile:
    """What a text says that came from ``file``.

    Raises:
        PolicyFileError: The format is unknown, or something in it is wrong.
    """
    suffix = Path(file).suffix.lower()
    if suffix not in FORMATS:
        problem = _problem(file, f"has an unknown format {suffix!r}", suggestion(suffix, FORMATS))
        raise PolicyFileError([problem])
    data, lines = data_of(text, file, FORMATS[suffix])
    return parse(data, file=file, lines=lines)


def data_of(text: str, file: str, form: str) -> tuple[Any, Lines]:
    """A text in one of the formats ``toml``, ``json`` and ``yaml``: its data, and where they stand.

    Raises:
        PolicyFileError: It is not of that format, or its reader is not installed.
    """
    try:
        return _data(text, form), _lines(text, form)
    except ModuleNotFoundError:
        advice = "install it with: pip install 'recourse-observe[policy]', or use TOML"
        raise PolicyFileError([_problem(file, "needs PyYAML", advice)]) from None
    except RecursionError:
        advice = "write tables as a policy file has them, no more than five inside each other"
        raise _refused(file, "is nested too deeply", advice) from None
    except ValueError as error:
        raise _unreadable(file, f"is no {form.upper()}", error) from None


def _data(text: str, form: str) -> Any:
    # Readers are imported when a file of their format is read, not with the package.
    match form:
        case "toml":
            import tomllib

            return tomllib.loads(text)
        case "json":
            import json

            return json.loads(text)
        case _:
            return _yaml().loads(text)


def _lines(text: str, form: str) -> Lines:
    """Where each key stands in a text that has been read."""
    match form:
        case "toml":
            return toml_lines(text)
        case "json":
            return json_lines(text)
        case _:
            return Lines.of_keys(_yaml().keys(text))


def _yaml() -> Any:
    # By name: the core knows no integration.
    return importlib.import_module("recourse.integrations.yaml")


def _refused(path: Path | str, wrong: str, advice: str, line: int | None = None) -> PolicyFileError:
    return PolicyFileError([_problem(str(path), wrong, advice, line)])


def _unreadable(file: str, wrong: str, error: Exception) -> PolicyFileError:
    found = _LINE.search(str(error))
    return PolicyFileError([_problem(file, wrong, str(error), int(found[1]) if found else None)])


def _problem(file: str, wrong: str, advice: str, line: int | None = None) -> Problem:
    return Problem(
        file=file,
        line=line,
        rule="unreadable",
        key="policy file",
        field="",
        value=None,
        wrong=wrong,
        advice=advice,
    )
