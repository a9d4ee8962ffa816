"""Normalisation: a policy with every value in bounds, and a record of each change.

Every block is normalised, whether it is enabled or not. A value outside its bounds moves to the
nearest bound; two values that contradict each other are made consistent by the stricter one.
"""

import dataclasses
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeVar

from recourse.policy import fields
from recourse.policy.model import (
    BudgetRef,
    CircuitPolicy,
    EffectivePolicy,
    HedgePolicy,
    Policy,
    RetryPolicy,
)

__all__ = ["Change", "Normalization", "Why", "normalized", "version_of"]

_VERSION_LENGTH: Final = 12

Block = TypeVar("Block", RetryPolicy, HedgePolicy, CircuitPolicy, BudgetRef)


class Why(StrEnum):
    """Why a value was changed."""

    DEFAULT = "default"
    CLAMPED_LOW = "clamped_low"
    CLAMPED_HIGH = "clamped_high"
    INCONSISTENT = "inconsistent"


@dataclass(frozen=True, slots=True)
class Change:
    """One value that was changed.

    Attributes:
        path: Dotted path, for example ``retry.max_attempts``; a whole block is ``hedge``.
        given: What the policy said; ``None`` when it said nothing.
        used: What the executor follows.
        why: The kind of change.
    """

    path: str
    given: Any  # whatever the field holds: the record is for showing
    used: Any
    why: Why


@dataclass(frozen=True, slots=True)
class Normalization:
    """Everything that normalising changed, one entry per path, in the order of the fields."""

    changes: tuple[Change, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether anything differs from what was given, filled defaults included."""
        return bool(self.changes)

    @property
    def clamped(self) -> tuple[str, ...]:
        """Paths of values that were given and not followed; empty when only defaults were filled."""
        return tuple(change.path for change in self.changes if change.why is not Why.DEFAULT)


def normalized(policy: Policy, source: str) -> EffectivePolicy:
    """The policy as the executor will follow it, said to come from ``source``."""
    changes: dict[str, Change] = {}
    retry = _block(policy.retry, RetryPolicy(), "retry", changes)
    hedge = _block(policy.hedge, HedgePolicy(enabled=False), "hedge", changes)
    circuit = _block(policy.circuit, CircuitPolicy(enabled=False), "circuit", changes)
    retry = _consistent_retry(retry, changes)
    circuit = _consistent_circuit(circuit, retry.timeout_per_attempt_s or 0.0, changes)
    return EffectivePolicy(
        key=str(policy.key),
        id=policy.id or str(policy.key),
        source=source,
        retry=retry,
        hedge=hedge,
        circuit=circuit,
        idempotent=policy.idempotent,
        version=version_of(retry, hedge, circuit, idempotent=policy.idempotent),
        normalization=Normalization(tuple(changes.values())),
    )


def version_of(
    retry: RetryPolicy, hedge: HedgePolicy, circuit: CircuitPolicy, *, idempotent: bool | None
) -> str:
    """Twelve hexadecimal digits that are the same for the same content, in every process."""
    # Wanted when the first policy is built, not when the package is imported.
    import hashlib
    import json

    content = {
        "retry": dataclasses.asdict(retry),
        "hedge": dataclasses.asdict(hedge),
        "circuit": dataclasses.asdict(circuit),
        "idempotent": idempotent,
    }
    stable = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(stable.encode()).hexdigest()[:_VERSION_LENGTH]


def _block(given: Block | None, default: Block, path: str, changes: dict[str, Change]) -> Block:
    if given is None:
        _note(changes, path, None, default, Why.DEFAULT)
        return default
    used: dict[str, Any] = {}
    for field in fields.table(type(given)):
        value = getattr(given, field.name)
        where = f"{path}.{field.name}"
        if isinstance(value, BudgetRef):
            used[field.name] = _block(value, value, where, changes)
        else:
            used[field.name] = _in_bounds(field, value, where, changes)
    return dataclasses.replace(given, **used)


def _in_bounds(field: fields.Field, value: Any, path: str, changes: dict[str, Change]) -> Any:
    if value is None:
        if not field.optional:
            _note(changes, path, None, field.default, Why.DEFAULT)
        return field.default
    if field.low is not None and value < field.low:
        return _note(changes, path, value, type(value)(field.low), Why.CLAMPED_LOW)
    if field.high is not None and value > field.high:
        return _note(changes, path, value, type(value)(field.high), Why.CLAMPED_HIGH)
    return value


def _consistent_retry(retry: RetryPolicy, changes: dict[str, Change]) -> RetryPolicy:
    initial, attempt = retry.initial_backoff_s, retry.timeout_per_attempt_s
    if initial > retry.max_backoff_s:
        path = "retry.initial_backoff_s"
        initial = _note(changes, path, initial, retry.max_backoff_s, Why.INCONSISTENT)
    overall = retry.overall_timeout_s
    if attempt is not None and overall is not None and attempt > overall:
        path = "retry.timeout_per_attempt_s"
        attempt = _note(changes, path, attempt, overall, Why.INCONSISTENT)
    return dataclasses.replace(retry, initial_backoff_s=initial, timeout_per_attempt_s=attempt)


def _consistent_circuit(
    circuit: CircuitPolicy, attempt_timeout_s: float, changes: dict[str, Change]
) -> CircuitPolicy:
    longest, ttl = circuit.max_cooldown_s, circuit.probe_ttl_s
    if longest < circuit.cooldown_s:
        path = "circuit.max_cooldown_s"
        longest = _note(changes, path, longest, circuit.cooldown_s, Why.INCONSISTENT)
    if ttl is None:
        derived = max(circuit.cooldown_s, attempt_timeout_s)
        ttl = _note(changes, "circuit.probe_ttl_s", None, derived, Why.DEFAULT)
    return dataclasses.replace(circuit, max_cooldown_s=longest, probe_ttl_s=ttl)


def _note(changes: dict[str, Change], path: str, given: Any, used: Any, why: Why) -> Any:
    # A value may be clamped first and found inconsistent then: people see one change, from what they gave.
    first = changes.get(path)
    changes[path] = Change(path, given if first is None else first.given, used, why)
    return used
