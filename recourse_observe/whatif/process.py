"""A simulated process: the executor's own rules, policies, budgets and breakers, on a clock that is set."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple

from recourse.outcome import SUCCESS, Outcome, OutcomeKind
from recourse.plan.bound import Bound
from recourse.plan.call import Call
from recourse.policy.model import EffectivePolicy
from recourse.reasons import Reason
from recourse.testing import VirtualClock
from recourse.wiring import Options, resolver_of, runtime_of
from recourse_observe.whatif.budgets import budgets_from

__all__ = ["Arrival", "Failed", "Process", "Rules", "SetClock"]

_NS: Final = 1_000_000_000
_CLASSIFIER: Final = "recorded"
_CUT_OFF: Final = Outcome(OutcomeKind.RETRYABLE, Reason.ATTEMPT_TIMEOUT)


class Arrival(NamedTuple):
    """A call as it was made.

    Attributes:
        at_s: Since the start of the window.
        process: Which process made it, counted from 0.
        deadline_s: What its caller gave it, in seconds; ``None``: no limit but the policy's.
        policy: Which of the rules' policies it follows.
    """

    at_s: float
    process: int = 0
    deadline_s: float | None = None
    policy: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What calls follow.

    Attributes:
        key: The policy key of the calls.
        policies: Those that were in force; each arrival says which.
        budgets: Kind and parameters of each process's budgets, by name.
        timeout: What the recorded classifier made of an attempt that was cut off.
    """

    key: str
    policies: tuple[EffectivePolicy, ...]
    budgets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    timeout: Outcome = _CUT_OFF

    @property
    def most_attempts(self) -> int:
        """How many attempts a call may make, hedges among them."""
        return max(
            policy.retry.max_attempts * (1 + policy.hedge.max_hedges * policy.hedge.enabled)
            for policy in self.policies
        )


class Failed(Exception):
    """What a simulated attempt raises; the classifier reads its outcome."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.reason)
        self.outcome = outcome


class AsRecorded:
    """Classifies as the recorded classifier did."""

    errors_only = True

    def __init__(self, timeout: Outcome) -> None:
        self._timeout = timeout

    def classify(self, value: Any, error: Exception | None) -> Outcome:  # noqa: ARG002  # a classifier's shape
        """What the recorded classifier would have said."""
        if error is None:
            return SUCCESS
        return error.outcome if isinstance(error, Failed) else self._timeout


class SetClock(VirtualClock):
    """A clock that shows what the simulation sets."""

    now_s = 0.0

    def monotonic_s(self) -> float:
        """What was set."""
        return self.now_s

    def time_unix_ns(self) -> int:
        """The same, since 1970."""
        return int(self.now_s * _NS)


class Process:
    """What the calls of one process share: budgets, breakers, and the policy it follows.

    Attributes:
        immediate: As a provider: nothing is waited for.
        runtime: What its calls share.
        bind: Resolves the policy of a call that is not bound yet.
    """

    immediate = True

    def __init__(self, clock: SetClock, rules: Rules, seed: int) -> None:
        self._policies = [_reclassified(policy) for policy in rules.policies]
        self._following = 0
        self._bound: Bound | None = None
        options = self._options(clock, rules, seed)
        self.runtime = runtime_of(options)
        self.bind = resolver_of(options, self.runtime).bind

    def _options(self, clock: SetClock, rules: Rules, seed: int) -> Options:
        """An executor's options: budgets and breakers of its own, and nobody who is told."""
        return Options(
            policies=None,
            provider=self,
            default_policy=None,
            fallback_policy=None,
            observers=(),
            classifiers={_CLASSIFIER: AsRecorded(rules.timeout)},
            default_classifier=_CLASSIFIER,
            budgets=budgets_from(rules.budgets),
            triggers=None,
            circuits=None,
            missing_policy="deny",
            missing_budget="deny",
            missing_classifier="deny",
            missing_trigger="fallback",
            sync_timeout="cooperative",
            max_abandoned=1,
            resolve_timeout_s=1.0,
            capture_messages=False,
            redact=None,
            errors="last",
            key_guard="off",
            max_keys=1,
            clock=clock,
            random=random.Random(seed),  # noqa: S311  # a spread, no secret
            environment={},
        )

    def get(self, key: object) -> EffectivePolicy:  # noqa: ARG002  # a provider's shape
        """The policy that the process follows now."""
        return self._policies[self._following]

    def bound(self, call: Call, policy: int) -> Bound:
        """What a call of this moment is bound to."""
        if self._bound is None or policy != self._following:
            self._following = policy
            for _ in self.bind(call):
                pass
            self._bound = call.bound
        assert self._bound is not None  # noqa: S101  # the provider always has a policy
        return self._bound


def _reclassified(policy: EffectivePolicy) -> EffectivePolicy:
    """The policy with the classifier that knows what the recorded one said."""
    return replace(policy, retry=replace(policy.retry, classifier=_CLASSIFIER))
