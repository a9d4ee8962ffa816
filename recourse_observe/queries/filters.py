"""The filter language: terms that are all wanted, compiled to a condition with parameters.

======================  ====================================================================
``lost``                the call failed; also ``rescued denied retried hedged unfinished``
``key:pay*``            a column or an attribute, compared with a pattern (``*`` and ``?``)
``shape:*denied``       what happened in it, one thing after the other: ``http_503 → denied``
``attempts>2``          a number; also ``retries hedges``, with ``> >= < <= =``
``total>300ms``         the call's duration, with its unit
``timeout``             any other word: the key or a reason has it
``-term``               not so
======================  ====================================================================
"""

import re
import shlex
from collections.abc import Mapping
from functools import cache
from typing import Final

from recourse_observe.scope import ScopeError

__all__ = ["compile_filter"]

_REASON: Final = "call_id IN (SELECT call_id FROM attempts WHERE ran AND reason GLOB {0})"
# What happened in a call, attempt by attempt, as shapes.sql tells it.
_STEPS: Final = (
    "string_agg(CASE WHEN NOT ran THEN 'denied' WHEN is_hedge THEN 'hedge ' || reason ELSE reason END, "
    "' → ' ORDER BY attempt, hedge_index)"
)
_SHAPE: Final = (
    f"(call_id IN (SELECT call_id FROM attempts GROUP BY call_id HAVING {_STEPS} GLOB {{0}})"  # noqa: S608  # ours
    " OR 'no attempt' GLOB {0} AND call_id NOT IN (SELECT call_id FROM attempts))"
)
_STATES: Final = {
    "lost": "lost",
    "rescued": "(success AND retries > 0)",
    "denied": "call_id IN (SELECT call_id FROM attempts WHERE NOT budget_allowed)",
    "retried": "retries > 0",
    "hedged": "hedges > 0",
    "unfinished": "disposition = 'unfinished'",
}
_COLUMNS: Final = {
    "call": "starts_with(call_id, {0})",
    "disposition": "disposition GLOB {0}",
    "error": "coalesce(error_type, '') GLOB {0}",
    "instance": "instance GLOB {0}",
    "key": "key GLOB {0}",
    "method": "coalesce(method, '') GLOB {0}",
    "peer": "call_id IN (SELECT call_id FROM attempts WHERE coalesce(peer, '') GLOB {0})",
    "policy": "(policy_id GLOB {0} OR policy_version GLOB {0})",
    "reason": f"(final_reason GLOB {{0}} OR {_REASON})",
    "region": "coalesce(region, '') GLOB {0}",
    "service": "service GLOB {0}",
    "shape": _SHAPE,
    "source": "policy_source GLOB {0}",
    "status": "call_id IN (SELECT call_id FROM attempts WHERE status::VARCHAR GLOB {0})",
    "trace": "coalesce(trace_id, '') GLOB {0}",
}
_NUMBERS: Final = {"attempts": "attempts_run", "retries": "retries", "hedges": "hedges"}
_EXAMPLES: Final = "attempts>2, retries>0, hedges>0 or total>300ms"
_COMPARISON: Final = re.compile(r"(\w+)(>=|<=|>|<|=)(.*)")
_NAMED: Final = re.compile(r"([\w.-]+):(.+)")
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(us|ms|s|m)")
_UNIT_US: Final = {"us": 1, "ms": 1_000, "s": 1_000_000, "m": 60_000_000}


@cache
def compile_filter(where: str) -> tuple[str, Mapping[str, object]]:
    """The condition over the columns of ``members.sql``, and the values of its parameters.

    >>> compile_filter("lost -key:pay*")
    ('lost AND NOT (key GLOB $w0)', {'w0': 'pay*'})

    Raises:
        ScopeError: A term cannot mean what it says.
    """
    try:
        terms = shlex.split(where)
    except ValueError:
        raise ScopeError(where, "filter", "a closing quote for every opening one") from None
    values: dict[str, object] = {}
    parts = []
    for term in terms:
        wanted = term.removeprefix("-")
        if not wanted:
            raise ScopeError(term, "filter", "a term such as lost, key:pay* or attempts>2")
        condition = _condition(wanted, f"w{len(values)}", values)
        parts.append(condition if wanted == term else f"NOT ({condition})")
    return " AND ".join(parts) or "true", values


def _condition(term: str, name: str, values: dict[str, object]) -> str:
    if term in _STATES:
        return _STATES[term]
    if found := _COMPARISON.fullmatch(term):
        column, value = _number(term, found)
        values[name] = value
        return f"{column} {found[2]} ${name}"
    if found := _NAMED.fullmatch(term):
        return _named(found[1], found[2], name, values)
    values[name] = f"*{term}*"
    return f"(key GLOB ${name} OR final_reason GLOB ${name} OR {_REASON.format(f'${name}')})"


def _number(term: str, found: re.Match[str]) -> tuple[str, int | float]:
    column = _NUMBERS.get(found[1])
    if column is not None and found[3].isdecimal():
        return column, int(found[3])
    size = _DURATION.fullmatch(found[3])
    if found[1] == "total" and size is not None:
        return "duration_us", round(float(size[1]) * _UNIT_US[size[2]])
    if found[1] == "total":
        raise ScopeError(term, "filter", "a duration with its unit: total>300ms")
    raise ScopeError(term, "filter", f"a number: {_EXAMPLES}")


def _named(column: str, pattern: str, name: str, values: dict[str, object]) -> str:
    values[name] = pattern
    if column in _COLUMNS:
        return _COLUMNS[column].format(f"${name}")
    values[f"{name}_path"] = f'$."{column}"'
    return f"coalesce(json_extract_string(attributes, ${name}_path), '') GLOB ${name}"
