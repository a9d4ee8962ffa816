"""The reference page of policy fields, as Markdown; generated from the field table."""

from collections.abc import Iterator
from typing import Final

from recourse.policy import fields
from recourse.policy.fields import Field, Kind
from recourse.policy.model import BudgetRef, Policy

__all__ = ["reference"]

_HEAD: Final = "| field | default | allowed | meaning |\n|---|---|---|---|"


def reference() -> str:
    """One table per block: field, default, what is allowed, meaning."""
    blocks = [(f.name, f.block) for f in fields.table(Policy) if f.kind is Kind.BLOCK]
    sections = [("policy", Policy), *blocks, ("budget", BudgetRef)]
    return "\n\n".join(f"## `{name}`\n\n{_HEAD}\n{_rows(kind)}" for name, kind in sections) + "\n"


def _rows(kind: type) -> str:
    return "\n".join(_row(field) for field in fields.table(kind))


def _row(field: Field) -> str:
    return "| " + " | ".join(_cells(field)) + " |"


def _cells(field: Field) -> Iterator[str]:
    yield f"`{field.name}`"
    yield "none" if field.default in {None, ""} else f"`{_text(field.default)}`"
    yield field.allowed
    yield field.doc


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
