"""What two policies say differently, field by field, in the words of a person."""

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final

from recourse_observe.queries.followed import followed
from recourse_observe.text import duration

if TYPE_CHECKING:
    from recourse_observe.queries.archive import Archive
    from recourse_observe.queries.rows import PolicyRow
    from recourse_observe.scope import Scope

__all__ = ["FieldChange", "PolicyDiff", "policy_changes", "policy_diff"]

_NOT_CONTENT: Final = frozenset(
    {
        "applied_unix_us",
        "key",
        "instance",
        "policy_id",
        "policy_version",
        "policy_source",
        "event",
        "policy_json",
    }
)
_FAILED: Final = "resolve_failed"
_WORDS: Final = {
    "initial_backoff_us": "first backoff",
    "max_backoff_us": "longest backoff",
    "backoff_multiplier": "backoff factor",
    "jitter": "backoff jitter",
    "timeout_per_attempt_us": "attempt timeout",
    "overall_timeout_us": "deadline",
    "budget_name": "retry budget",
    "hedge_enabled": "hedges",
    "hedge_delay_us": "hedge delay",
    "max_hedges": "hedges at most",
    "hedge_trigger": "hedge trigger",
    "hedge_budget_name": "hedge budget",
    "circuit_enabled": "breaker",
    "circuit_kind": "breaker kind",
    "circuit_threshold": "breaker threshold",
    "circuit_cooldown_us": "breaker cooldown",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """A field of the policy in use that A and B have different values for."""

    name: str
    a: Any
    b: Any

    @property
    def label(self) -> str:
        """What a person calls the field."""
        return _WORDS.get(self.name, self.name)

    @property
    def told(self) -> tuple[str, str]:
        """Both values as one reads them."""
        return _told(self.name, self.a), _told(self.name, self.b)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyDiff:
    """The policies that most calls of A and of B followed; ``None`` is not known."""

    a: "PolicyRow | None"
    b: "PolicyRow | None"

    @property
    def is_known(self) -> bool:
        """Both sides say which one."""
        return self.a is not None and self.b is not None

    @property
    def unresolved(self) -> tuple[bool, bool]:
        """On which side no policy could be resolved."""
        a, b = (row is not None and row.event == _FAILED for row in (self.a, self.b))
        return a, b

    @property
    def changes(self) -> tuple[FieldChange, ...]:
        """The fields in which they differ; what was not resolved has none."""
        return () if any(self.unresolved) else policy_changes(self.a, self.b)

    @property
    def versions(self) -> tuple[str, str]:
        """What each is called; a dash when it is not known."""
        a, b = ("—" if row is None else row.policy_version or "—" for row in (self.a, self.b))
        return a, b

    @property
    def is_same(self) -> bool:
        """Both are known and say the same."""
        return self.is_known and not any(self.unresolved) and not self.changes


def policy_diff(a: "tuple[Archive, Scope]", b: "tuple[Archive, Scope]") -> PolicyDiff:
    """What most calls of either side followed."""
    return PolicyDiff(a=followed(*a), b=followed(*b))


def policy_changes(a: "PolicyRow | None", b: "PolicyRow | None") -> tuple[FieldChange, ...]:
    """The fields in which two policies differ; nothing when one of them is not known."""
    if a is None or b is None:
        return ()
    names = (field.name for field in fields(a) if field.name not in _NOT_CONTENT)
    return tuple(
        FieldChange(name=name, a=getattr(a, name), b=getattr(b, name))
        for name in names
        if getattr(a, name) != getattr(b, name)
    )


def _told(name: str, value: object) -> str:
    match value:
        case None | "":
            return "—"
        case bool():
            return "on" if value else "off"
        case int() if name.endswith("_us"):
            return duration(value)
        case _:
            return str(value)
