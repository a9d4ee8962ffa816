"""The state of everything at one moment, and how one event changes it: pure, and exact.

A state counts up from the start of its replay, so what happened between two moments is the difference of their states.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from operator import add
from typing import Final, NamedTuple

__all__ = ["Budget", "Columns", "EventKind", "KeyCounts", "State", "fold"]


class EventKind(StrEnum):
    """What can happen."""

    POLICY = "policy"
    BREAKER = "breaker"
    CALL_START = "call_start"
    BUDGET = "budget"
    ATTEMPT_START = "attempt_start"
    DENIED = "denied"
    ATTEMPT_END = "attempt_end"
    CALL_END = "call_end"


class KeyCounts(NamedTuple):
    """What a key did since the replay began, and what it has in flight.

    ``attempts_open`` is what the dependency has to answer now; ``calls_open`` also counts calls that wait.
    """

    calls_open: int = 0
    attempts_open: int = 0
    calls: int = 0
    ended: int = 0
    lost: int = 0
    attempts: int = 0
    answered: int = 0
    failed: int = 0
    denied: int = 0
    hedges: int = 0

    def since(self, before: "KeyCounts") -> "KeyCounts":
        """What happened after another state; what is in flight stays what it is now."""
        return KeyCounts(
            self.calls_open,
            self.attempts_open,
            *(now - then for now, then in zip(self[2:], before[2:], strict=True)),
        )

    def with_(self, other: "KeyCounts") -> "KeyCounts":
        """Two keys as one."""
        return KeyCounts(*map(add, self, other))

    @property
    def attempts_per_call(self) -> float | None:
        """Load; ``None`` when no call began."""
        return self.attempts / self.calls if self.calls else None

    @property
    def failed_share(self) -> float | None:
        """Of the attempts that ended; ``None`` when none did."""
        return self.failed / self.answered if self.answered else None


class Budget(NamedTuple):
    """What one process's budget said last."""

    level: float | None
    allowed: bool
    empty_since_us: int | None
    """When it first denied without having allowed again since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Everything at one moment, after ``events`` events."""

    at_us: int
    events: int = 0
    keys: Mapping[str, KeyCounts] = field(default_factory=dict)
    budgets: Mapping[tuple[str, str], Budget] = field(default_factory=dict)
    """By name and process."""
    breakers: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """By key and process."""
    policies: Mapping[str, str] = field(default_factory=dict)
    """The version that was applied last, by key."""

    def key(self, key: str | None) -> KeyCounts:
        """One key, or all of them as one."""
        if key is not None:
            return self.keys.get(key, KeyCounts())
        total = KeyCounts()
        for counts in self.keys.values():
            total = total.with_(counts)
        return total

    def budget(self, name: str) -> Budget | None:
        """A budget over all processes: their levels added, empty when one of them is."""
        parts = [budget for (own, _), budget in self.budgets.items() if own == name]
        if not parts:
            return None
        levels = [part.level for part in parts if part.level is not None]
        empty = [part.empty_since_us for part in parts if part.empty_since_us is not None]
        return Budget(
            sum(levels) if levels else None,
            all(part.allowed for part in parts),
            min(empty) if empty else None,
        )

    def breaker(self, key: str) -> str | None:
        """The worst state of a key's breaker in any process; ``None`` when none ever changed."""
        states = [state for (own, _), state in self.breakers.items() if own == key]
        return max(states, key=lambda state: _WORSE.get(state, 0)) if states else None


_WORSE: Final = {"isolated": 4, "open": 3, "half_open": 2, "closed": 1}


class Columns(NamedTuple):
    """Events as columns of equal length, in their order."""

    at_us: Sequence[int]
    kind: Sequence[str]
    key: Sequence[str]
    call_id: Sequence[str]
    attempt: Sequence[int]
    hedge_index: Sequence[int]
    instance: Sequence[str]
    word: Sequence[str]
    good: Sequence[bool]
    number: Sequence[float | None]
    weight: Sequence[int]

    def part(self, first: int, last: int) -> "Columns":
        """Some of the events."""
        return Columns(
            self.at_us[first:last], self.kind[first:last], self.key[first:last],
            self.call_id[first:last], self.attempt[first:last], self.hedge_index[first:last],
            self.instance[first:last], self.word[first:last], self.good[first:last],
            self.number[first:last], self.weight[first:last],
        )  # fmt: skip


def fold(state: State, events: Columns, at_us: int | None = None) -> State:
    """The state after some more events.

    Args:
        state: Where they begin.
        events: What happens.
        at_us: The moment of the result; that of the last event when left out.
    """
    keys = {key: list(counts) for key, counts in state.keys.items()}
    budgets, breakers = dict(state.budgets), dict(state.breakers)
    policies = dict(state.policies)
    for at, kind, key, hedge, instance, word, good, number, weight in zip(
        events.at_us, events.kind, events.key, events.hedge_index, events.instance,
        events.word, events.good, events.number, events.weight, strict=True,
    ):  # fmt: skip
        match kind:
            case "policy":
                policies[key] = word
            case "breaker":
                breakers[key, instance] = word
            case "budget":
                budgets[word, instance] = _asked(budgets.get((word, instance)), at, number, good)
            case _:
                counts = keys.get(key) or keys.setdefault(key, [0] * len(KeyCounts._fields))
                for place, sign in _CHANGES[kind, good, hedge > 0]:
                    counts[place] += sign * weight
    return State(
        at_us=at_us if at_us is not None else (events.at_us[-1] if events.at_us else state.at_us),
        events=state.events + len(events.at_us),
        keys={key: KeyCounts(*counts) for key, counts in keys.items()},
        budgets=budgets,
        breakers=breakers,
        policies=policies,
    )


def _asked(before: Budget | None, at_us: int, level: float | None, allowed: bool) -> Budget:  # noqa: FBT001  # a column
    since = None if allowed else at_us
    if not allowed and before is not None and before.empty_since_us is not None:
        since = before.empty_since_us
    return Budget(level, allowed, since)


def _change(kind: str, good: bool, hedged: bool) -> tuple[tuple[int, int], ...]:  # noqa: FBT001  # a table's columns
    place = {name: number for number, name in enumerate(KeyCounts._fields)}
    changes: dict[str, list[tuple[str, int]]] = {
        "call_start": [("calls_open", 1), ("calls", 1)],
        "call_end": [("calls_open", -1), ("ended", 1)] + ([] if good else [("lost", 1)]),
        "attempt_start": [("attempts_open", 1), ("attempts", 1)]
        + ([("hedges", 1)] if hedged else []),
        "attempt_end": [("attempts_open", -1), ("answered", 1)] + ([] if good else [("failed", 1)]),
        "denied": [("denied", 1)],
    }
    return tuple((place[name], sign) for name, sign in changes[kind])


_CHANGES: Final = {
    (kind, good, hedged): _change(kind, good, hedged)
    for kind in ("call_start", "call_end", "attempt_start", "attempt_end", "denied")
    for good in (False, True)
    for hedged in (False, True)
}
