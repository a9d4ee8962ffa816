"""A candidate as a policy file, with what is known of it as comments."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from recourse_observe.queries.rows import PolicyRow
from recourse_observe.text import printable, visible
from recourse_observe.whatif.answer import Kind, Row
from recourse_observe.whatif.candidate import Candidate, edited, recorded_policy
from recourse_observe.whatif.render import edit_text, label, value

__all__ = ["as_toml", "own_toml"]

_MARKS: Final = {Kind.MODEL: "~ ", Kind.REPLAY: "≈ "}


def as_toml(candidate: Candidate, comments: Iterable[str]) -> str:
    """The candidate as a policy file.

    Args:
        candidate: What would be in force.
        comments: What stands above it, a line each.
    """
    policy = candidate.policies[0]
    lines = [f"# {printable(line)}".rstrip() for line in comments]
    lines += ["", f"[policies.{_quoted(policy.key)}]"]
    if policy.idempotent is not None:
        lines.append(f"idempotent = {_value(policy.idempotent)}")
    lines += [*_block("retry", policy.retry)]
    lines += [*_block("hedge", policy.hedge)] if policy.hedge.enabled else []
    lines += [*_block("circuit", policy.circuit)] if policy.circuit.enabled else []
    for name, parameters in candidate.budgets.items():
        lines += ["", f"[budgets.{_quoted(name)}]"]
        lines += [f"{field} = {_value(given)}" for field, given in parameters.items()]
    return "\n".join(lines) + "\n"


def own_toml(policy: PolicyRow, edits: Sequence[str], rows: Sequence[Row]) -> str:
    """A candidate of one's own as a policy file: what was recorded with these edits.

    Args:
        policy: What was in force.
        edits: What is changed of it, such as ``retry.max_attempts=2``.
        rows: What it would have made of the incident.
    """
    candidate = edited((recorded_policy(policy),), edits)
    return as_toml(candidate, _evidence(candidate, rows))


def _evidence(candidate: Candidate, rows: Sequence[Row]) -> Iterator[str]:
    yield "A candidate of one's own; nothing is applied by itself. It changes"
    yield from (f"  {edit_text(edit)}" for edit in candidate.edits)
    yield ""
    for row in rows:
        if after := _after(row):
            before = value(row.recorded, row.unit) or "—"
            yield f"{label(row.name)}: {before} recorded, {after} ({row.kind})"


def _after(row: Row) -> str:
    """What it would have been; nothing when that is not known."""
    likely, low, high = (value(number, row.unit) for number in (row.candidate, row.low, row.high))
    if likely:
        return f"{_MARKS.get(row.kind, '')}{likely}" + (
            f", {low} to {high}" if low and high else ""
        )
    bounds = (f"≥ {low}" if low else "", f"≤ {high}" if high else "")
    return " and ".join(bound for bound in bounds if bound)


def _block(name: str, block: Any) -> Iterator[str]:
    for field in block.__dataclass_fields__:
        given = getattr(block, field)
        if given is None or given == "":
            continue
        if field == "budget":
            text = f"{{ name = {_quoted(given.name)}, cost = {given.cost} }}"
        else:
            text = _value(given)
        yield f"{name}.{field} = {text}"


def _value(given: object) -> str:
    if isinstance(given, bool):
        return str(given).lower()
    return _quoted(str(given)) if isinstance(given, str) else f"{given}"


def _quoted(text: str) -> str:
    """A text of TOML; what a terminal would obey is written as its number."""
    return "".join(
        one if visible(one) == one else f"\\U{ord(one):08x}"
        for one in json.dumps(text, ensure_ascii=False)
    )
