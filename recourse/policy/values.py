"""A policy as a flat table: dotted path to value, in the order of the fields."""

from collections.abc import Iterator
from typing import Any

from recourse.policy import fields
from recourse.policy.fields import Kind
from recourse.policy.model import EffectivePolicy, Policy

__all__ = ["values"]


def values(policy: EffectivePolicy) -> dict[str, Any]:
    """Every value of a policy; the paths are the same for all policies."""
    return dict(_values(policy, Policy, ""))


def _values(block: object, kind: type, prefix: str) -> Iterator[tuple[str, Any]]:
    for field in fields.table(kind):
        value = None if block is None else getattr(block, field.name)
        if field.kind in {Kind.BLOCK, Kind.REF}:
            yield from _values(value, field.block, f"{prefix}{field.name}.")
        else:
            yield f"{prefix}{field.name}", value
