"""Finding a call's policy: the key's guard, the provider, and what is done when there is none."""

import re
from collections.abc import Callable, Generator
from typing import Any, Final, NamedTuple, Protocol

from recourse.attempt import PlannedAttempt
from recourse.circuit.registry import Circuits
from recourse.errors import KeyCardinalityError, PolicyError, PolicyNotFoundError
from recourse.events import PolicyResolved
from recourse.key import OVERFLOW_KEY, PolicyKey, cardinality_problem
from recourse.locks import Mutex
from recourse.plan import telling
from recourse.plan.bound import Bound, Runtime
from recourse.plan.call import Call, Run
from recourse.plan.steps import Await, Cancel, Launch, Step
from recourse.policy.model import EffectivePolicy, Policy, RetryPolicy
from recourse.provider.protocol import AsyncProvider, Cached
from recourse.reasons import PolicyMode, PolicySource

__all__ = ["Found", "Resolver"]

_MOST_SHAPES: Final = 1000
# A shape is kept; what follows in a key that is longer than keys may be could be of any size.
_SHAPE_LENGTH: Final = 128
_DATA: Final = re.compile(r"[0-9a-f]*\d[0-9a-f]*", re.IGNORECASE)


class Found(NamedTuple):
    """A provider's answer, or why it could not be used."""

    policy: EffectivePolicy | None
    failure: str | None = None
    error: BaseException | None = None


class Make(Protocol):
    """Builds what a key's calls need; gives a reason instead when that is impossible."""

    def __call__(
        self, label: str, policy: EffectivePolicy, key: str, mode: PolicyMode, *, kept: bool
    ) -> Bound | str:
        """The parts for one key; ``kept`` says whether further calls will use them."""
        ...


class Resolver:
    """Resolves policies for one executor.

    Args:
        provider: Where policies come from.
        default: Followed by keys that the provider does not know.
        fallback: Followed in mode ``fallback`` when resolution fails.
        mode: What to do when resolution fails.
        timeout_s: Longest wait for a provider that is not immediate.
        guard: ``warn``, ``raise`` or ``off`` for keys that look as if they carried request data.
        max_keys: Keys with a state of their own; further ones share one.
        circuits: The breakers that ``make`` hands out.
        make: Builds what a key's calls need; gives a reason instead when that is impossible.
    """

    def __init__(  # noqa: PLR0913  # the executor's options that concern policies
        self,
        runtime: Runtime,
        provider: Any,
        *,
        default: Policy | None,
        fallback: Policy | None,
        mode: PolicyMode,
        timeout_s: float,
        guard: str,
        max_keys: int,
        make: Make,
        circuits: Circuits,
    ) -> None:
        self._runtime = runtime
        self._provider = provider
        self._default = None if default is None else default.normalize(PolicySource.DEFAULT)
        self._fallback = None if fallback is None else fallback.normalize(PolicySource.FALLBACK)
        alone = Policy("allow", retry=RetryPolicy(max_attempts=1))
        self._alone = alone.normalize(PolicySource.NONE)
        self._mode = mode
        self._timeout_s = timeout_s
        self._guard = guard
        self._max_keys = max_keys
        self._make = make
        self._immediate = bool(getattr(provider, "immediate", False))
        self._mutex = Mutex()
        self._shapes: set[str] = set()
        self._constant = bool(getattr(provider, "constant", False))
        self.circuits = circuits
        self.bounds: dict[str, Bound] = {}
        # A PolicyKey is never in it: such calls go the long way.
        self.short: dict[str | PolicyKey, Bound] = {}
        self.ashort: dict[str | PolicyKey, Bound] = {}

    def bind(self, call: Call) -> Generator[Step, Any, PolicyResolved | BaseException]:
        """Set ``call.bound``, or leave it ``None`` when the call must be refused."""
        key, began_s = call.info.key, call.now_s()
        label, problem = self._label(key)
        if problem is not None:
            self._reject(call, problem)
            if self._guard == "raise":
                call.info.policy_mode = PolicyMode.DENY
                return KeyCardinalityError(key, problem)
        found = yield from self._find(call, PolicyKey(key))
        if isinstance(found, BaseException):
            return found
        policy, mode = self._ruled(found)
        failure, error = found.failure, found.error
        if mode is PolicyMode.STANDARD:
            failure = error = None  # a default policy is an answer, not a failure
        if policy is not None:
            bound = self._bound(key, label, policy, mode)
            if isinstance(bound, str):
                failure = bound
            else:
                call.bound = bound
        info = call.info
        if call.bound is not None:
            info.policy, info.policy_source = call.bound.policy, call.bound.policy.source
        else:
            mode = PolicyMode.DENY
        info.policy_mode = mode
        took_s = call.now_s() - began_s
        return PolicyResolved(
            info,
            info.seq(),
            call.now_s(),
            info.policy,
            info.policy_source,
            mode,
            took_s,
            failure,
            error,
        )

    def _label(self, key: str) -> tuple[str, str | None]:
        """The key that state is kept under, and what is wrong with the call's own."""
        if key in self.bounds or self._guard == "off":
            return key, None
        problem = cardinality_problem(key)
        if problem is None and len(self.bounds) >= self._max_keys:
            problem = f"is one more than the {self._max_keys} that may have state of their own"
        return (key, None) if problem is None else (OVERFLOW_KEY, problem)

    def _reject(self, call: Call, problem: str) -> None:
        shape = _DATA.sub("#", f"{problem}|{call.info.key[:_SHAPE_LENGTH]}")
        with self._mutex.lock:
            new = shape not in self._shapes and len(self._shapes) < _MOST_SHAPES
            if new:
                self._shapes.add(shape)
        call.info.label = OVERFLOW_KEY
        if new:
            telling.key_rejected(call, problem)

    def _find(self, call: Call, key: PolicyKey) -> Generator[Step, Any, Found | BaseException]:
        provider = self._provider
        if self._immediate:
            return _found(lambda: provider.get(key))
        if isinstance(provider, Cached):
            known = _found(lambda: provider.cached(key))
            if not isinstance(known, Found) or known.policy or known.failure == "not_found":
                return known
        return (yield from self._look_up(call, key))

    def _look_up(self, call: Call, key: PolicyKey) -> Generator[Step, Any, Found | BaseException]:
        """Ask a provider that may take its time, beside the caller and under a limit."""
        provider, now_s = self._provider, call.now_s()
        run = Run(PlannedAttempt(_Nowhere(key.text, self._runtime), call.info), 0)
        run.is_async_work = call.is_async and isinstance(self._provider, AsyncProvider)
        verb = "aget" if run.is_async_work else "get"
        run.work = lambda: getattr(provider, verb)(key)
        limit_s = now_s + self._timeout_s
        if call.limit_s is not None:
            limit_s = min(limit_s, call.limit_s)
        yield Launch(run)
        arrived = yield Await(limit_s)
        if isinstance(arrived, BaseException):
            yield Cancel(run)
            return arrived
        if not arrived and (yield Cancel(run)):
            return Found(None, "provider_timeout")
        return _found(lambda: run.value) if run.error is None else _failed(run.error)

    def _ruled(self, found: Found) -> tuple[EffectivePolicy | None, PolicyMode]:
        """The policy to follow, and the rule that gave it."""
        if found.policy is not None:
            return found.policy, PolicyMode.STANDARD
        if self._default is not None and found.failure == "not_found":
            return self._default, PolicyMode.STANDARD
        if self._mode is PolicyMode.FALLBACK:
            return self._fallback, self._mode
        if self._mode is PolicyMode.ALLOW:
            return self._alone, self._mode
        return None, PolicyMode.DENY

    def _bound(
        self, key: str, label: str, policy: EffectivePolicy, mode: PolicyMode
    ) -> Bound | str:
        known = self.bounds.get(label)
        if known is not None and known.follows(policy, mode):
            return known
        # What is rejected shares one state, which is kept; what is one too many has one in passing.
        kept = label != key or label in self.bounds or len(self.bounds) < self._max_keys
        bound = self._make(label, policy, key, mode, kept=kept)
        if isinstance(bound, Bound) and label == key:
            with self._mutex.lock:
                if label in self.bounds or len(self.bounds) < self._max_keys:
                    self.bounds[label] = bound
                    self._shorten(label, bound)
        return bound

    def _shorten(self, key: str, bound: Bound) -> None:
        """Open the short paths for a key whose policy never changes and asks for nothing else."""
        standard = bound.mode is PolicyMode.STANDARD
        if not self._constant or not standard or self._runtime.closed:
            return
        if bound.short:
            self.short[key] = bound
        if bound.short or bound.hedge_s is not None:
            self.ashort[key] = bound


class _Nowhere:
    """The bearings of a look-up: it has a key, but no policy yet."""

    __slots__ = ("clock", "key", "max_attempts", "new_call_id", "policy_id")

    def __init__(self, key: str, runtime: Runtime) -> None:
        self.key = key
        self.policy_id = ""
        self.max_attempts = 1
        self.clock = runtime.clock
        self.new_call_id = runtime.new_call_id


def _found(get: Callable[[], Any]) -> Found | BaseException:
    try:
        policy = get()
        if isinstance(policy, Policy):
            return Found(policy.normalize())
    except BaseException as error:  # a provider must never raise into a call
        return _failed(error)
    if isinstance(policy, EffectivePolicy):
        return Found(policy)
    wrong = PolicyError("the type of the provider's answer", type(policy).__name__, "a Policy")
    return Found(None, "invalid", wrong)


def _failed(error: BaseException) -> Found | BaseException:
    """Why there is no policy; or the error itself, when it must stop the call."""
    match error:
        case PolicyNotFoundError():
            return Found(None, "not_found", error)
        case PolicyError():
            return Found(None, "invalid", error)
        case Exception():
            return Found(None, "provider_error", error)
        case _:
            return error
