"""The blocks of a policy, as people write them and as the executor reads them.

Every value is checked for its kind when a block is built. Bounds are applied by
:meth:`Policy.normalize`, which records each change, so that a clamped policy explains itself.
"""

import dataclasses
from dataclasses import KW_ONLY, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Self

from recourse.key import PolicyKey
from recourse.policy import fields
from recourse.policy.fields import Given, OptionalSeconds, Seconds

if TYPE_CHECKING:
    from recourse.policy.normalize import Normalization

__all__ = [
    "BudgetRef",
    "CircuitKind",
    "CircuitPolicy",
    "EffectivePolicy",
    "HedgePolicy",
    "Jitter",
    "Policy",
    "RetryPolicy",
]

HOUR_S = 3600.0
CEILING_S = 30.0


class Jitter(StrEnum):
    """How a backoff is spread."""

    NONE = "none"
    FULL = "full"
    EQUAL = "equal"
    DECORRELATED = "decorrelated"


class CircuitKind(StrEnum):
    """What makes a breaker open."""

    CONSECUTIVE = "consecutive"
    FAILURE_RATE = "failure_rate"
    SLOW_CALL_RATE = "slow_call_rate"


@dataclass(frozen=True, slots=True)
class BudgetRef:
    """A budget by name, and what one retry or hedge takes from it."""

    name: str = fields.text("", "Name of the budget in the executor's registry.")
    cost: int = fields.count(1, 1, 1000, "Units that one retry or hedge takes.")

    def __post_init__(self) -> None:
        fields.check_block(self, "budget")


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often, how fast and how long a call may try."""

    max_attempts: int = fields.count(3, 1, 10, "Attempts of one call, the first included.")
    initial_backoff_s: Seconds = fields.seconds(
        0.05, 0.001, CEILING_S, "Backoff after the first attempt."
    )
    max_backoff_s: Seconds = fields.seconds(2.0, 0.001, CEILING_S, "Greatest backoff.")
    backoff_multiplier: float = fields.number(2.0, 1.0, 10.0, "Growth of the backoff per attempt.")
    jitter: Given[Jitter, Jitter | str] = fields.choice(
        "full", Jitter, "How the backoff is spread."
    )
    timeout_per_attempt_s: OptionalSeconds = fields.seconds(
        None, 0.001, HOUR_S, "Limit of one attempt; none means off."
    )
    overall_timeout_s: OptionalSeconds = fields.seconds(
        None, 0.001, HOUR_S, "Limit of the whole call; none means off."
    )
    retry_after_max_s: Seconds = fields.seconds(
        60.0, 0.0, HOUR_S, "Longest Retry-After that is waited for."
    )
    classifier: str = fields.text(
        "",
        "Name of the classifier: always, auto, grpc, http, redis, sqlstate, or a registered one; "
        "empty means the executor's default.",
        ("always", "auto", "grpc", "http", "redis", "sqlstate"),
    )
    budget: Given[BudgetRef | None, BudgetRef | str | None] = fields.ref(
        BudgetRef, "Budget that retries draw from."
    )

    def __post_init__(self) -> None:
        fields.check_block(self, "retry")

    @classmethod
    def http(cls) -> Self:
        """For calls of HTTP services: three attempts, 100 ms to 2 s, 5 s each, 15 s in all."""
        return cls(
            initial_backoff_s=0.1,
            timeout_per_attempt_s=5.0,
            overall_timeout_s=15.0,
            classifier="http",
        )

    @classmethod
    def database(cls) -> Self:
        """For databases: two quick attempts, because a slow database gets slower by retries."""
        return cls(
            max_attempts=2,
            initial_backoff_s=0.02,
            max_backoff_s=0.2,
            timeout_per_attempt_s=2.0,
            overall_timeout_s=5.0,
        )

    @classmethod
    def background_job(cls) -> Self:
        """For work that nobody waits for: patient, up to eight attempts with long backoffs."""
        return cls(
            max_attempts=8,
            initial_backoff_s=1.0,
            max_backoff_s=30.0,
            timeout_per_attempt_s=60.0,
            overall_timeout_s=600.0,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HedgePolicy:
    """When a second run of a slow attempt is started beside the first."""

    enabled: bool = fields.flag(default=True, doc="Whether attempts are hedged.")
    max_hedges: int = fields.count(1, 1, 3, "Hedges of one attempt.")
    hedge_delay_s: Seconds = fields.seconds(
        0.2,
        0.01,
        CEILING_S,
        "Time before a hedge starts; with a percentile trigger, until enough samples are there.",
    )
    trigger: str = fields.text(
        "fixed_delay",
        "Name of the trigger: fixed_delay, p50, p90, p95, p99, or a registered one.",
        ("fixed_delay", "p50", "p90", "p95", "p99"),
    )
    min_delay_s: Seconds = fields.seconds(
        0.01, 0.001, CEILING_S, "Least time between two launches under a percentile trigger."
    )
    min_samples: int = fields.count(
        20, 1, 256, "Samples that a percentile trigger wants before it is believed."
    )
    cancel_on_first_terminal: bool = fields.flag(
        default=False, doc="Whether one non-retryable outcome ends the whole group."
    )
    budget: Given[BudgetRef | None, BudgetRef | str | None] = fields.ref(
        BudgetRef, "Budget that hedges draw from."
    )

    def __post_init__(self) -> None:
        fields.check_block(self, "hedge")


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitPolicy:
    """When a key's breaker opens, and how it closes again."""

    enabled: bool = fields.flag(default=True, doc="Whether the key has a breaker.")
    kind: Given[CircuitKind, CircuitKind | str] = fields.choice(
        "consecutive", CircuitKind, "What makes the breaker open."
    )
    threshold: int = fields.count(5, 1, 1000, "Failures in a row that open a consecutive breaker.")
    cooldown_s: Seconds = fields.seconds(10.0, 0.1, HOUR_S, "Time open before a probe may pass.")
    cooldown_multiplier: float = fields.number(
        1.0, 1.0, 10.0, "Growth of the cooldown with every failed probe."
    )
    max_cooldown_s: Seconds = fields.seconds(300.0, 0.1, HOUR_S, "Greatest cooldown under growth.")
    cooldown_jitter: float = fields.number(
        0.0, 0.0, 1.0, "Part of the cooldown that is drawn at random."
    )
    max_probes: int = fields.count(1, 1, 100, "Probes at the same time while half open.")
    required_successes: int = fields.count(1, 1, 100, "Healthy probes that close the breaker.")
    probe_ttl_s: OptionalSeconds = fields.seconds(
        None,
        0.001,
        HOUR_S,
        "Time after which an unsettled probe gives its slot back; none means the longer of cooldown and attempt timeout.",
    )
    failure_ratio: float = fields.number(
        0.5, 0.01, 1.0, "Failing share that opens a failure_rate breaker."
    )
    slow_ratio: float = fields.number(
        0.5, 0.01, 1.0, "Slow share that opens a slow_call_rate breaker."
    )
    slow_call_s: Seconds = fields.seconds(
        1.0, 0.001, HOUR_S, "Duration from which an attempt counts as slow."
    )
    min_calls: int = fields.count(
        20, 1, 10_000, "Attempts in the window before a rate is believed."
    )
    window_s: Seconds = fields.seconds(30.0, 0.1, HOUR_S, "Time window of a rate.")
    window_calls: int | None = fields.count(
        None, 1, 10_000, "Window of the last so many attempts; none means the time window."
    )

    def __post_init__(self) -> None:
        fields.check_block(self, "circuit")


@dataclass(frozen=True, slots=True)
class Policy:
    """The envelope that a key selects. Give only what differs from the defaults.

    Attributes:
        key: The key it is for, as text or :class:`PolicyKey`.
        retry: Attempts, backoff, timeouts, retry budget.
        hedge: ``None`` means no hedging.
        circuit: ``None`` means no breaker.
        idempotent: Whether the operation may be repeated; ``None`` leaves it to the protocol.
        id: A name for people and logs; empty means the key.
    """

    key: str | PolicyKey
    _: KW_ONLY
    retry: RetryPolicy | None = fields.block(RetryPolicy, "Attempts, backoff, timeouts, budget.")
    hedge: HedgePolicy | None = fields.block(HedgePolicy, "Hedging; none means off.")
    circuit: CircuitPolicy | None = fields.block(CircuitPolicy, "The breaker; none means off.")
    idempotent: bool | None = fields.flag(
        default=None,
        doc="Whether the operation may be repeated; none leaves it to the protocol.",
    )
    id: str = fields.text("", "A name for people and logs; empty means the key.")

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", str(PolicyKey.parse(self.key)))
        fields.check_block(self, "")

    @classmethod
    def low_latency(cls, key: str | PolicyKey) -> Self:
        """For a user who waits: two attempts of 300 ms within 1 s, and a hedge at the 95th percentile."""
        return cls(
            key,
            retry=RetryPolicy(
                max_attempts=2,
                initial_backoff_s=0.01,
                max_backoff_s=0.05,
                timeout_per_attempt_s=0.3,
                overall_timeout_s=1.0,
            ),
            hedge=HedgePolicy(trigger="p95", hedge_delay_s=0.1),
        )

    def normalize(self, source: str = "static") -> "EffectivePolicy":
        """The policy as the executor will follow it, every value in bounds, every change recorded."""
        from recourse.policy.normalize import normalized

        return normalized(self, source)


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectivePolicy:
    """A normalised policy: immutable, executable, and able to say what was changed in it.

    Attributes:
        key: The key it is for.
        id: Its name for people and logs.
        source: Where it came from: ``static``, ``file``, ``remote``, ``lkg``, ``default``, ``fallback``.
        retry: Never ``None``.
        hedge: Never ``None``; ``enabled`` tells.
        circuit: Never ``None``; ``enabled`` tells.
        idempotent: Whether the operation may be repeated; ``None`` leaves it to the protocol.
        version: Hash of the content (not of key order, source or normalisation).
        normalization: What was changed, field by field.
    """

    key: str
    id: str
    source: str
    retry: RetryPolicy
    hedge: HedgePolicy
    circuit: CircuitPolicy
    idempotent: bool | None
    version: str
    normalization: "Normalization"

    def normalize(self) -> Self:
        """Itself: normalising is idempotent."""
        return self

    def as_source(self, source: str) -> Self:
        """The same policy, said to come from elsewhere (``lkg``, ``fallback``)."""
        return dataclasses.replace(self, source=source)
