"""The words of a query by what they are, for colours: comments, texts, numbers, variables, functions, keywords.

It reads no grammar: a word is known by its shape, so half a query is coloured as well as a whole one.
"""

import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Final

from recourse_tui.lines import Ink

__all__ = ["INKS", "highlights"]

_KEYWORDS: Final = (
    "ALL AND ANTI AS ASC ASOF BETWEEN BY CASE CAST CROSS DESC DESCRIBE DISTINCT ELSE END EXCEPT EXCLUDE EXISTS EXPLAIN "
    "FALSE FILTER FIRST FOLLOWING FROM FULL GLOB GROUP HAVING ILIKE IN INNER INTERSECT INTERVAL IS JOIN LAST LEFT LIKE "
    "LIMIT NOT NULL NULLS OFFSET ON OR ORDER OUTER OVER PARTITION PIVOT POSITIONAL PRECEDING QUALIFY RANGE RECURSIVE "
    "REPLACE RIGHT ROWS SAMPLE SELECT SEMI SHOW SUMMARIZE THEN TRUE UNION UNPIVOT USING VALUES WHEN WHERE WINDOW WITH"
)
_TOKENS: Final = re.compile(
    r"(?P<comment>--[^\n]*|/\*.*?(?:\*/|\Z))"
    r"|(?P<text>'(?:[^']|'')*(?:'|\Z))"
    r'|(?P<name>"(?:[^"]|"")*(?:"|\Z))'
    r"|(?P<variable>\$\w+)"
    r"|(?P<number>\b\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\b)"
    rf"|(?P<keyword>\b(?:{'|'.join(_KEYWORDS.split())})\b)"
    r"|(?P<function>\b[a-zA-Z_]\w*(?=\())",
    re.DOTALL | re.IGNORECASE,
)
INKS: Final[Mapping[str, Ink]] = {
    "comment": Ink.DIM, "text": Ink.GOOD, "variable": Ink.NOTE, "number": Ink.WARN,
    "keyword": Ink.INFO, "function": Ink.STRONG,
}  # fmt: skip
"""How each kind of word is drawn; names in quotes are plain."""


def highlights(query: str) -> Mapping[int, list[tuple[int, int, str]]]:
    """Kinds of words by line: first byte, byte after the last, and the kind.

    >>> dict(highlights("SELECT 1"))
    {0: [(0, 6, 'keyword'), (7, 8, 'number')]}
    """
    found: defaultdict[int, list[tuple[int, int, str]]] = defaultdict(list)
    for token in _TOKENS.finditer(query):
        before = query[: token.start()]
        row, start = before.count("\n"), len(before.rpartition("\n")[2].encode())
        for line in token[0].split("\n"):
            end = start + len(line.encode())
            if end > start:
                found[row].append((start, end, str(token.lastgroup)))
            row, start = row + 1, 0
    return found
