"""Puts an executor together: checks its options and builds what its calls share."""

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from recourse.budget.protocol import Budget
from recourse.budget.registry import Budgets
from recourse.circuit.protocol import Transition
from recourse.circuit.registry import Circuits
from recourse.classify.protocol import Classifier
from recourse.classify.registry import ClassifierRegistry
from recourse.clock import Clock
from recourse.errors import PolicyError
from recourse.hedge.protocol import Trigger
from recourse.hedge.registry import Triggers
from recourse.locks import renew_in_child
from recourse.messages import message_of
from recourse.observer import Observer, heard_by
from recourse.plan import telling
from recourse.plan.bound import Bound, Runtime
from recourse.plan.call import Call
from recourse.plan.heard import Heard
from recourse.plan.resolve import Resolver
from recourse.plan.unheard import Unheard
from recourse.policy.environment import Environment
from recourse.policy.model import EffectivePolicy, Policy
from recourse.provider.static import StaticProvider
from recourse.reasons import HedgingOff, PolicyMode

if TYPE_CHECKING:
    from recourse.policy.parse import PolicyFile

__all__ = ["Options", "OwnChance", "resolver_of", "runtime_of", "tell_transitions"]

_CHOICES: Final = {
    "missing_policy": ("deny", "allow", "fallback"),
    "missing_classifier": ("fallback", "deny"),
    "sync_timeout": ("cooperative", "thread"),
    "errors": ("last", "wrap"),
    "key_guard": ("warn", "raise", "off"),
}

_KINDS: Final = {
    "default_classifier": (str, "the name of a classifier"),
    "capture_messages": (bool, "True or False"),
}
# What each of these options can do if it is what it should be, and what to say if not.
_PARTS: Final = {
    "policies": ("__iter__", "a list of policies"),
    "observers": ("__iter__", "a list of observers"),
    "classifiers": ("items", "a mapping from names to classifiers"),
    "triggers": ("items", "a mapping from names to triggers"),
    "circuits": ("subscribe", "a Circuits"),
    "redact": ("__call__", "a function from text to text"),
    "clock": ("monotonic_s", "a clock, for example a VirtualClock"),
    "random": ("getrandbits", "a random.Random"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What :class:`recourse.Executor` was given; it documents each."""

    policies: Iterable[Policy] | None
    provider: Any
    default_policy: Policy | None
    fallback_policy: Policy | None
    observers: Iterable[Observer]
    classifiers: Mapping[str, Classifier] | None
    default_classifier: str
    budgets: Mapping[str, Budget | None] | None
    triggers: Mapping[str, Trigger] | None
    circuits: Circuits | None
    missing_policy: str
    missing_budget: str
    missing_classifier: str
    missing_trigger: str
    sync_timeout: str
    max_abandoned: int
    resolve_timeout_s: float
    capture_messages: bool
    redact: Callable[[str], str] | None
    errors: str
    key_guard: str
    max_keys: int
    clock: Clock
    random: random.Random
    environment: Mapping[str, str]

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            word = getattr(self, name)
            _demand(word in choices, name, word, "one of " + ", ".join(choices))
        for name, (ability, allowed) in _PARTS.items():
            part = getattr(self, name)
            is_one = hasattr(part, ability) and not isinstance(part, type)
            _demand(part is None or is_one, name, part, allowed)
        if self.policies is not None and self.provider is not None:
            field = "provider"
            raise PolicyError(field, self.provider, "either policies or a provider, not both")
        if self.missing_policy == "fallback" and self.fallback is None:
            field = "fallback_policy"
            raise PolicyError(field, None, "a policy, because missing_policy is 'fallback'")
        self._check_values()

    def _check_values(self) -> None:
        for name in ("max_abandoned", "max_keys"):
            value = getattr(self, name)
            is_whole = isinstance(value, int) and not isinstance(value, bool)
            _demand(is_whole and value >= 1, name, value, "a whole number from 1")
        for name, (kind, allowed) in _KINDS.items():
            value = getattr(self, name)
            _demand(isinstance(value, kind), name, value, allowed)
        wait_s, provider = self.resolve_timeout_s, self.provider
        _demand(wait_s >= 0, "resolve_timeout_s", wait_s, "0 or more seconds")
        answers = hasattr(provider, "get") or hasattr(provider, "aget")
        is_one = provider is None or (answers and not isinstance(provider, type))
        _demand(is_one, "provider", provider, "an object with get or aget")
        for name in ("default_policy", "fallback_policy"):
            policy = getattr(self, name)
            _demand(policy is None or isinstance(policy, Policy), name, policy, "a Policy")
        object.__setattr__(self, "observers", tuple(self.observers or ()))
        for observer in self.observers:
            hears = callable(getattr(observer, "on_event", None))
            _demand(hears, "observers", observer, "objects with on_event")
            _demand(heard_by(observer) is not None, "hears", observer, "a set of classes of events")

    @property
    def fallback(self) -> Policy | None:
        """The fallback policy: the one that was given, or the one of the provider's file."""
        file = None if self.fallback_policy is not None else self._file()
        return self.fallback_policy if file is None else file.fallback

    def registry(self) -> Mapping[str, Budget | None] | None:
        """The budgets: those that were given, or new ones as the provider's file defines them."""
        file = None if self.budgets is not None else self._file()
        if file is None or not file.budgets:
            return self.budgets
        from recourse.budget.kinds import budgets_of  # only a process with a file pays for it

        return budgets_of(file)

    def _file(self) -> "PolicyFile | None":
        """What the provider's file says beside policies, when it follows one."""
        found = getattr(self.provider, "file", None)
        if found is None:
            return None
        from recourse.policy.parse import PolicyFile  # only a process with a file pays for it

        return found if isinstance(found, PolicyFile) else None


def _demand(holds: bool, field: str, value: object, allowed: str) -> None:  # noqa: FBT001  # a claim
    if not holds:
        raise PolicyError(field, value, allowed)


def runtime_of(options: Options) -> Runtime:
    """What all calls of an executor share."""
    return Runtime(
        clock=options.clock,
        rng=options.random,
        budgets=Budgets(options.registry(), options.missing_budget),
        triggers=Triggers(options.triggers, options.missing_trigger),
        observers=tuple(options.observers),
        wrap_errors=options.errors == "wrap",
        threaded=options.sync_timeout == "thread",
        max_abandoned=options.max_abandoned,
        message_of=message_of(options.redact) if options.capture_messages else None,
    )


def resolver_of(options: Options, runtime: Runtime) -> Resolver:
    """What finds the policies of an executor's calls."""
    provider = options.provider
    if provider is None:
        provider = StaticProvider(options.policies or ())
    maker = _Maker(options, runtime)
    return Resolver(
        runtime,
        provider,
        default=options.default_policy,
        fallback=options.fallback,
        mode=PolicyMode(options.missing_policy),
        timeout_s=options.resolve_timeout_s,
        guard=options.key_guard,
        max_keys=options.max_keys,
        make=maker.make,
        circuits=maker.circuits,
    )


def tell_transitions(circuits: Circuits, runtime: Runtime) -> Callable[[], None]:
    """Tell the executor's observers what its breakers do; what is returned ends that."""
    return circuits.subscribe(partial(_tell, runtime))


def _tell(runtime: Runtime, transition: Transition) -> None:
    """Pass a breaker's transition on: to the call that caused it, or as nobody's."""
    origin = transition.origin
    if isinstance(origin, Call | Unheard):
        if origin.runtime is not runtime:
            return  # another executor shares the breaker, and tells it
        call = origin if isinstance(origin, Call | Heard) else origin.call()
    else:
        call = Call.by_hand(runtime, transition.key)
    if call.over:
        # Another thread was delivering meanwhile; nothing is told of a call after its end.
        call = Call.by_hand(runtime, transition.key)
    telling.circuit_state(call, transition)


class OwnChance(random.Random):
    """Chance that a forked child does not share with its siblings: they must not retry in step."""

    def __init__(self) -> None:
        super().__init__()
        renew_in_child(self)

    def renew(self) -> None:
        """Draw from another sequence, in a forked child."""
        self.seed()


class _Maker:
    """Looks up, for a key and its policy, the parts that its calls need."""

    def __init__(self, options: Options, runtime: Runtime) -> None:
        self._options = options
        self._runtime = runtime
        self._environment = Environment.of(options.environment)
        self._classifiers = ClassifierRegistry(options.classifiers, options.clock)
        if self._classifiers.find(options.default_classifier) is None:
            field, allowed = "default_classifier", ", ".join(self._classifiers.names)
            raise PolicyError(field, options.default_classifier, f"one of {allowed}")
        given = options.circuits
        # Not by its truth: a registry without breakers so far is empty.
        self.circuits = (
            Circuits(options.random, options.clock, options.max_keys) if given is None else given
        )

    def make(
        self, label: str, policy: EffectivePolicy, key: str, mode: PolicyMode, *, kept: bool
    ) -> Bound | str:
        """The parts for one key; or the reason why its calls must be refused.

        Args:
            label: What state is kept under: the key, or the overflow key.
            policy: The policy as it was resolved; the environment may change it.
            key: The key as called.
            mode: The rule that gave the policy.
            kept: Whether further calls will use the same parts.
        """
        used = self._environment.applied(policy)
        classifier = self._classifier(used)
        if classifier is None:
            return "classifier_not_found"
        breaker = None
        if used.circuit.enabled and mode is not PolicyMode.ALLOW:
            timeout_s = used.retry.timeout_per_attempt_s
            now_s = self._runtime.clock.monotonic_s()
            breaker = self.circuits.get(label, used.circuit, timeout_s, now_s, kept=kept)
        return Bound(
            key=key,
            policy=used,
            given=policy,
            runtime=self._runtime,
            classifier=classifier,
            breaker=breaker,
            hedging_off=HedgingOff.MODE_ALLOW if mode is PolicyMode.ALLOW else None,
            mode=mode,
        )

    def _classifier(self, policy: EffectivePolicy) -> Classifier | None:
        default = self._options.default_classifier
        found = self._following(policy.retry.classifier or default, policy)
        if found is None and self._options.missing_classifier == "fallback":
            found = self._following(default, policy)
        return found

    def _following(self, name: str, policy: EffectivePolicy) -> Classifier | None:
        """The classifier of this name under the policy; ``None`` when there is none that can."""
        found = self._classifiers.find(name)
        bind = getattr(found, "bound_to", None)
        try:
            bound: Classifier | None = found if bind is None else bind(policy)
        except Exception:  # noqa: BLE001  # a broken classifier must not become the call's error
            return None
        return bound
