"""The SQL files, read once and made whole: scope and filter come from one place."""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final

from recourse_observe.queries.filters import compile_filter
from recourse_observe.scope import EVERYTHING, Scope

__all__ = ["literal", "parameters", "scope_parameters", "statement", "together"]

_COMMENT: Final = re.compile(r"--[^\n]*")
_PARAMETER: Final = re.compile(r"\$([a-z_][a-z0-9_]*)")
# Calls of $keys that may be members of a scope, and their attempts, in the place of all there are.
_OF_KEYS: Final = """\
calls AS MATERIALIZED (
    SELECT * FROM calls
    WHERE
        list_contains($keys::VARCHAR[], key)
        AND started_at < make_timestamp($end_us::BIGINT)
        AND ended_at >= make_timestamp($start_us::BIGINT)
),
attempts AS MATERIALIZED (
    SELECT * FROM attempts
    WHERE
        list_contains($keys::VARCHAR[], key)
        AND started_at >= make_timestamp($start_us::BIGINT)
        AND call_id IN (SELECT call_id FROM calls)
),
"""
# Calls that may be members of a scope, and those first attempts that decide in which phase of an
# incident one was made: of calls under way when a phase began or ended.
_IN_PHASES: Final = """\
calls AS MATERIALIZED (
    SELECT * FROM calls
    WHERE
        started_at < make_timestamp($end_us::BIGINT)
        AND ended_at >= make_timestamp($start_us::BIGINT)
),
attempts AS MATERIALIZED (
    SELECT * FROM attempts
    WHERE
        attempt = 0
        AND hedge_index = 0
        AND ran
        AND started_at >= make_timestamp($start_us::BIGINT)
        AND call_id IN (
            SELECT call_id FROM calls
            WHERE
                started_at < make_timestamp($start_us::BIGINT)
                OR ended_at >= make_timestamp($end_us::BIGINT)
                OR epoch_us(started_at) < $onset_us AND epoch_us(ended_at) >= $onset_us
                OR epoch_us(started_at) < $offset_us AND epoch_us(ended_at) >= $offset_us
        )
),
"""


@cache
def _text(name: str) -> str:
    # Not by importlib.resources, which imports more at its first use than all of this.
    return Path(__file__).with_name(f"{name}.sql").read_text(encoding="utf-8")


def _body(name: str) -> str:
    return _COMMENT.sub("", _text(name)).strip()


def statement(name: str, scope: Scope = EVERYTHING, *, of_keys: bool = False) -> str:
    """The SQL of a question, as it runs.

    Args:
        name: The file, without ``.sql``.
        scope: Its filter becomes part of the statement; its values are parameters.
        of_keys: The question is about ``$keys`` alone, so nothing of other keys is read.
    """
    text = _body(name)
    if not re.search(r"\bmembers\b", text):
        return text
    held = _OF_KEYS if of_keys else ""
    head = f"WITH {held}members AS NOT MATERIALIZED ({_members(scope)})"
    if text.startswith("WITH "):
        return f"{head},\n{text.removeprefix('WITH ')}"
    return f"{head}\n{text}"


def together(names: Sequence[str], scope: Scope = EVERYTHING, *, of_keys: bool = False) -> str:
    """The SQL of several questions about an incident that looks up its calls once.

    Its one row has for each question a list of rows, in the order of their columns.

    Args:
        names: The files, without ``.sql``.
        scope: The time around the incident.
        of_keys: They are about ``$keys`` alone, and their attempts; otherwise they are about calls
            by the phases of the incident, and about no attempt.
    """
    held = _OF_KEYS if of_keys else _IN_PHASES
    parts = [f"{held}members AS MATERIALIZED ({_members(scope)})"]
    parts += [f"{name} AS ({_body(name)})" for name in names]
    lists = [f"(SELECT list({name} ORDER BY {name}) FROM {name}) AS {name}" for name in names]  # noqa: S608  # names are ours
    return "WITH " + ",\n".join(parts) + "\nSELECT " + ", ".join(lists)


def _members(scope: Scope) -> str:
    condition, _ = compile_filter(scope.where)
    return f"SELECT * FROM ({_body('members')}) AS c WHERE {condition}"  # noqa: S608  # values are parameters


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
