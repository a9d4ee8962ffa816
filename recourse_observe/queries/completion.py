"""What may stand where somebody types SQL: tables, their columns, and the words between."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from recourse_observe.archive.schema import TABLES

__all__ = ["completions"]

_KEYWORDS: Final = (
    "SELECT", "FROM", "WHERE", "GROUP BY", "ORDER BY", "LIMIT", "JOIN", "LEFT JOIN", "USING", "ON", "AND", "OR", "NOT",
    "IN", "IS NULL", "BETWEEN", "LIKE", "GLOB", "CASE", "WHEN", "THEN", "ELSE", "END", "AS", "ASC", "DESC", "DISTINCT",
    "FILTER", "HAVING", "INTERVAL", "UNION ALL", "WITH", "EXPLAIN",
    "avg(", "count(*)", "max(", "min(", "quantile_cont(", "round(", "sum(", "time_bucket(",
)  # fmt: skip
_BRUSH: Final = "$brush"
_WORD: Final = re.compile(r"[$\w.]*$")
_TEXT: Final = re.compile(r"'(?:[^']|'')*'")
# After FROM or JOIN, and after each comma that follows a table with its other name.
_TABLE_HERE: Final = re.compile(
    r"\b(?:FROM|JOIN)\s+(?:\w+(?:\s+(?:AS\s+)?\w+)?\s*,\s*)*$", re.IGNORECASE
)
_NAMED: Final = re.compile(
    r"(?:\b(?:FROM|JOIN)\s+|,\s*)(\w+)(?:\s+(?:AS\s+)?(?!ON\b|USING\b|WHERE\b|GROUP\b)(\w+))?",
    re.IGNORECASE,
)


def completions(before: str, after: str = "") -> list[str]:
    """Words that the one before the cursor may become, the likeliest kind first.

    >>> completions("SELECT key FROM cal")
    ['calls']
    >>> completions("SELECT a.rea", " FROM attempts AS a")
    ['a.reason']

    Args:
        before: The statement as far as the cursor.
        after: The rest of it, which may name the tables.
    """
    typed = _WORD.search(before)
    word = typed[0] if typed else ""
    head = _TEXT.sub("''", before[: len(before) - len(word)])
    if head.count("'") % 2:
        return []  # inside a text
    if _TABLE_HERE.search(head):
        return _beginning(word, TABLES)
    named = _named(f"{head} {_TEXT.sub(chr(39) * 2, after)}")
    other, dot, _ = word.rpartition(".")
    if dot:
        return _beginning(word, (f"{other}.{column}" for column in _columns(named.get(other, ""))))
    columns = dict.fromkeys(
        column for table in set(named.values()) or TABLES for column in _columns(table)
    )
    found = [*_beginning(word, sorted(columns)), *_beginning(word, (*named, _BRUSH))]
    return [*found, *_keywords(word)] if word else found


def _named(statement: str) -> Mapping[str, str]:
    """The tables that a statement asks, by each name that they have in it."""
    named: dict[str, str] = {}
    for table, other in _NAMED.findall(statement):
        if table.lower() in TABLES:
            named[table] = table.lower()
            if other:
                named[other] = table.lower()
    return named


def _columns(table: str) -> Sequence[str]:
    return TABLES[table].names if table in TABLES else ()


def _beginning(word: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if name.lower().startswith(word.lower())]


def _keywords(word: str) -> list[str]:
    """Keywords in the case in which the word was begun."""
    found = _beginning(word, _KEYWORDS)
    return [name.lower() for name in found] if word.islower() else found
