"""Queries that a person types: one that only reads, over the brush if it asks for that, cut at a limit."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from recourse_observe.archive.answers import Answer
from recourse_observe.duck import QueryError
from recourse_observe.queries.archive import Archive
from recourse_observe.queries.statements import literal
from recourse_observe.scope import EVERYTHING, Scope

__all__ = ["Reply", "Told", "ask", "plan", "tell", "with_brush"]

# Texts, quoted names and comments are passed over, so that `$brush` in them stays what it is.
_TOKEN: Final = re.compile(
    r"""\bE'(?:[^'\\]|''|\\.)*' | '(?:[^']|'')*' | "(?:[^"]|"")*" | \$(\w*)\$.*?\$\1\$
    | (?P<remark>--[^\n]* | /\*.*?\*/) | (?P<brush>\$brush\b) | (?P<end>;)""",
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
_EXPLAIN: Final = re.compile(
    r"(?:\s|--[^\n]*\n|/\*.*?\*/)*EXPLAIN\b(?:\s*\(.*?\))?(?:\s+ANALYZE\b)?",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The answer to a typed query.

    Attributes:
        table: An Arrow table of at most as many rows as were asked for.
        is_cut: There are more rows.
    """

    table: Any
    is_cut: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The answer to a typed query as plain values; see :class:`Reply`."""

    answer: Answer
    is_cut: bool


def ask(
    archive: Archive,
    sql: str,
    scope: Scope = EVERYTHING,
    *,
    params: Mapping[str, object] | None = None,
    limit: int = 10_000,
) -> Reply:
    """Answer one SELECT, or EXPLAIN before a SELECT.

    Args:
        archive: What is asked.
        sql: The query; ``$brush`` in it is true for rows of the scope's calls.
        scope: What ``$brush`` means.
        params: Values of further ``$name``.
        limit: Rows at most.

    Raises:
        QueryError: It is wrong, is more than one statement, or does more than read.
    """
    table = archive.sql(_limited(archive, with_brush(sql, scope), limit), params)
    return Reply(table=table.slice(0, limit), is_cut=table.num_rows > limit)


def tell(archive: Archive, sql: str, scope: Scope = EVERYTHING, *, limit: int = 10_000) -> Told:
    """The same as plain values; see :func:`ask`."""
    answer = archive.answer(_limited(archive, with_brush(sql, scope), limit))
    return Told(answer=answer.first(limit), is_cut=len(answer.columns[0]) > limit)


def plan(archive: Archive, sql: str, scope: Scope = EVERYTHING) -> str:
    """How the database would answer a query, as it draws it.

    Raises:
        QueryError: It is wrong.
    """
    query = _without_end(with_brush(sql, scope))
    if _kind(archive, query) != "SELECT":
        return ""
    plans = archive.answer(f"EXPLAIN {query}")
    return "\n".join(record["explain_value"] for record in plans.records)


def with_brush(sql: str, scope: Scope) -> str:
    """The query with ``$brush`` written out: the membership rule, as a condition on ``call_id``."""
    predicate = f"(call_id IN ({literal('member_ids', scope)}))"
    return _TOKEN.sub(lambda found: predicate if found["brush"] else found[0], sql)


def _limited(archive: Archive, sql: str, limit: int) -> str:
    """The statement that answers a query with one row more than wanted, if there are so many.

    Raises:
        QueryError: It does more than read.
    """
    query = _without_end(sql)
    match _kind(archive, query):
        case "EXPLAIN":
            if _kind(archive, _EXPLAIN.sub("", query, count=1)) != "SELECT":
                raise QueryError(_refusal("EXPLAIN of something that is no SELECT"))
            return query
        case "SELECT":
            # The limit is ours and stands on a line of its own, after whatever comment ends the query.
            return f"SELECT * FROM (\n{query}\n) LIMIT {limit + 1}"  # noqa: S608  # a person's own query
        case kind:
            raise QueryError(_refusal(kind))


def _without_end(sql: str) -> str:
    """The query without the semicolon that ends it, and what is only remarked after that."""
    for found in _TOKEN.finditer(sql):
        rest = sql[found.start() :]
        if found["end"] and not _TOKEN.sub(_said, rest).strip():
            return sql[: found.start()].strip()
    return sql.strip()


def _said(found: re.Match[str]) -> str:
    return "" if found["end"] or found["remark"] else found[0]


def _kind(archive: Archive, query: str) -> str:
    """The type of the one statement."""
    kinds = archive.store.kinds(query)
    if len(kinds) != 1:
        raise QueryError(_refusal(f"{len(kinds)} statements"))
    return kinds[0]


def _refusal(kind: str) -> str:
    hint = " (a PIVOT needs its values: PIVOT … IN (…))" if kind == "MULTI" else ""
    return f"query {kind} is refused, because the archive is only read; write one SELECT{hint}"
