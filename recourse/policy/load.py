"""From a policy file to what it says: TOML, JSON, and YAML when PyYAML is there."""

import importlib
import json
import re
import tomllib
from pathlib import Path
from typing import Any, Final

from recourse.policy.lines import Lines, toml_lines
from recourse.policy.parse import PolicyFile, parse
from recourse.policy.problems import PolicyFileError, Problem, suggestion

__all__ = ["load", "loads"]

FORMATS: Final = {".json": "json", ".toml": "toml", ".yaml": "yaml", ".yml": "yaml"}
_LINE: Final = re.compile(r"\bline (\d+)")


def load(path: Path | str) -> PolicyFile:
    """What the file at ``path`` says; its suffix tells the format.

    Raises:
        PolicyFileError: It cannot be read, or something in it is wrong.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(str(path), "cannot be read", error) from None
    return loads(text, str(path))


def loads(text: str, file: str) -> PolicyFile:
    """What a text says that came from ``file``.

    Raises:
        PolicyFileError: The format is unknown, or something in it is wrong.
    """
    suffix = Path(file).suffix.lower()
    if suffix not in FORMATS:
        problem = _problem(file, f"has an unknown format {suffix!r}", suggestion(suffix, FORMATS))
        raise PolicyFileError([problem])
    try:
        data = _data(text, FORMATS[suffix])
    except ModuleNotFoundError:
        advice = "install it with: pip install 'recourse-observe[policy]', or use TOML"
        raise PolicyFileError([_problem(file, "needs PyYAML", advice)]) from None
    except (ValueError, RecursionError) as error:
        raise _unreadable(file, f"is no {FORMATS[suffix].upper()}", error) from None
    return parse(data, file=file, lines=toml_lines(text) if suffix == ".toml" else Lines())


def _data(text: str, form: str) -> Any:
    match form:
        case "toml":
            return tomllib.loads(text)
        case "json":
            return json.loads(text)
        case _:
            # By name and at run time: the core knows no integration.
            return importlib.import_module("recourse.integrations.yaml").loads(text)


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
