"""The SQL files, read once and made whole: scope and filter come from one place."""

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Final

from recourse_observe.queries.filters import compile_filter
from recourse_observe.scope import EVERYTHING, Scope

__all__ = ["literal", "parameters", "scope_parameters", "statement"]

_COMMENT: Final = re.compile(r"--[^\n]*")
_PARAMETER: Final = re.compile(r"\$([a-z_][a-z0-9_]*)")


@cache
def _text(name: str) -> str:
    return (files("recourse_observe.queries") / f"{name}.sql").read_text(encoding="utf-8")


def statement(name: str, scope: Scope = EVERYTHING) -> str:
    """The SQL of a question, as it runs.

    Args:
        name: The file, without ``.sql``.
        scope: Its filter becomes part of the statement; its values are parameters.
    """
    text = _COMMENT.sub("", _text(name)).strip()
    if not re.search(r"\bmembers\b", text):
        return text
    condition, _ = compile_filter(scope.where)
    members = _COMMENT.sub("", _text("members")).strip()
    chosen = f"SELECT * FROM ({members}) AS c WHERE {condition}"  # noqa: S608  # values are parameters
    head = f"WITH members AS NOT MATERIALIZED ({chosen})"
    if text.startswith("WITH "):
        return f"{head},\n{text.removeprefix('WITH ')}"
    return f"{head}\n{text}"


def parameters(sql: str) -> frozenset[str]:
    """Names of the parameters of a statement."""
    return frozenset(_PARAMETER.findall(_COMMENT.sub("", sql)))


def scope_parameters(scope: Scope) -> Mapping[str, object]:
    """The values that a scope gives to a statement."""
    _, values = compile_filter(scope.where)
    return {
        "start_us": scope.start_unix_us,
        "end_us": scope.end_unix_us,
        "key": scope.key or "",
        **values,
    }


def literal(name: str, scope: Scope = EVERYTHING, **values: object) -> str:
    """The SQL of a question with every value written out: it runs as it stands.

    Args:
        name: The file, without ``.sql``.
        scope: What is looked at.
        values: The file's further parameters: whole numbers, texts, or lists of texts.
    """
    sql = statement(name, scope)
    given = {**scope_parameters(scope), **values}
    return _PARAMETER.sub(lambda found: _written(given[found[1]]), sql)


def _written(value: object) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_written(item) for item in value) + "]"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return str(value)
