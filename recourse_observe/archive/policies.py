"""What a process did about its policies: one row when a key's policy changes, or cannot be had."""

import dataclasses
import json
from typing import Any, Final

from recourse.events import KeyRejected, PolicyResolved
from recourse.policy.model import EffectivePolicy
from recourse_observe.archive.columns import Row, row

__all__ = ["Policies", "microseconds"]

_MOST_KEYS: Final = 10_000
_NONE: Final[dict[str, Any]] = {
    "policy_id": "",
    "policy_version": "",
    "max_attempts": 0,
    "initial_backoff_us": 0,
    "max_backoff_us": 0,
    "backoff_multiplier": 0.0,
    "jitter": "",
    "classifier": "",
    "hedge_enabled": False,
    "max_hedges": 0,
    "circuit_enabled": False,
    "policy_json": "{}",
}


def microseconds(seconds: float | None) -> int | None:
    """Seconds as whole microseconds."""
    return None if seconds is None else round(seconds * 1e6)


class Policies:
    """Remembers, per key, what was told last."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[object, str, str | None]] = {}

    def resolved(self, event: PolicyResolved) -> Row | None:
        """A row when this differs from the last one of the key."""
        policy, key = event.policy, event.call.key
        last = self._last.get(key)
        # The executor keeps one object per policy, so looking at its identity is nearly always enough.
        if last is not None and last[0] is policy and last[1:] == (event.source, event.failure):
            return None
        if len(self._last) >= _MOST_KEYS:
            self._last.clear()
        self._last[key] = policy, event.source, event.failure
        if last is not None and _same(last, (policy, event.source, event.failure)):
            return None
        return self._row(event, key, policy, event.source, _event(event))

    def rejected(self, event: KeyRejected) -> Row:
        """A row for a key that was refused, or put with the overflow."""
        return self._row(event, event.call.key, None, "none", "key_rejected")

    def _row(
        self,
        event: PolicyResolved | KeyRejected,
        key: str,
        policy: EffectivePolicy | None,
        source: str,
        what: str,
    ) -> Row:
        facts = _NONE if policy is None else _facts(policy)
        return row(
            "policies",
            applied_at=event.t_wall_ns // 1000,
            key=key,
            policy_source=str(source),
            event=what,
            **facts,
        )


def _same(last: tuple[object, str, str | None], now: tuple[object, str, str | None]) -> bool:
    versions = [getattr(policy, "version", None) for policy in (last[0], now[0])]
    return versions[0] == versions[1] and last[1:] == now[1:]


def _event(event: PolicyResolved) -> str:
    if event.policy is None:
        return "resolve_failed"
    if "lkg" in (event.source, event.policy.source):
        return "lkg"
    return "fallback" if "fallback" in (event.source, event.mode) else "applied"


def _facts(policy: EffectivePolicy) -> dict[str, Any]:
    retry, hedge, circuit = policy.retry, policy.hedge, policy.circuit
    content = {
        "id": policy.id,
        "key": policy.key,
        "idempotent": policy.idempotent,
        "retry": dataclasses.asdict(retry),
        "hedge": dataclasses.asdict(hedge),
        "circuit": dataclasses.asdict(circuit),
    }
    return {
        "policy_id": policy.id,
        "policy_version": policy.version,
        "max_attempts": retry.max_attempts,
        "initial_backoff_us": microseconds(retry.initial_backoff_s),
        "max_backoff_us": microseconds(retry.max_backoff_s),
        "backoff_multiplier": retry.backoff_multiplier,
        "jitter": str(retry.jitter),
        "timeout_per_attempt_us": microseconds(retry.timeout_per_attempt_s),
        "overall_timeout_us": microseconds(retry.overall_timeout_s),
        "classifier": retry.classifier,
        "budget_name": retry.budget.name if retry.budget else None,
        "hedge_enabled": hedge.enabled,
        "hedge_delay_us": microseconds(hedge.hedge_delay_s) if hedge.enabled else None,
        "max_hedges": hedge.max_hedges if hedge.enabled else 0,
        "hedge_trigger": hedge.trigger if hedge.enabled else None,
        "hedge_budget_name": hedge.budget.name if hedge.enabled and hedge.budget else None,
        "circuit_enabled": circuit.enabled,
        "circuit_kind": str(circuit.kind) if circuit.enabled else None,
        "circuit_threshold": circuit.threshold if circuit.enabled else None,
        "circuit_cooldown_us": microseconds(circuit.cooldown_s) if circuit.enabled else None,
        "policy_json": json.dumps(content, sort_keys=True),
    }
