"""Breakers by key."""

import random
from collections.abc import Callable, Iterator

from recourse.circuit.machine import CircuitBreaker
from recourse.circuit.outbox import Listener, Listeners
from recourse.clock import Clock, SystemClock
from recourse.locks import Mutex
from recourse.policy.model import CircuitPolicy

__all__ = ["Circuits"]


class Circuits:
    """The breakers of one executor, or of several that share them. Reads like a mapping by key.

    >>> circuits = Circuits()
    >>> breaker = circuits.get("payments.Charge", CircuitPolicy(), None, 0.0)
    >>> circuits["payments.Charge"].isolate()
    >>> breaker.state
    <BreakerState.ISOLATED: 'isolated'>

    Args:
        rng: Draws the jitter of cooldowns.
        clock: Dates what is done by hand; everything else brings its time along.
        max_passing: Breakers of keys that nobody keeps (see :meth:`get`). Beyond that the ones that
            were asked for longest ago are forgotten, unless they are open or led by hand.
    """

    __slots__ = ("_breakers", "_clock", "_listeners", "_max_passing", "_mutex", "_passing", "_rng")

    def __init__(
        self,
        rng: random.Random | None = None,
        clock: Clock | None = None,
        max_passing: int = 1000,
    ) -> None:
        self._rng = rng or random.Random()  # noqa: S311  # a spread, no secret
        self._clock = clock or SystemClock()
        self._mutex = Mutex()
        self._listeners = Listeners()
        self._breakers: dict[str, CircuitBreaker] = {}
        self._max_passing = max_passing
        self._passing: dict[str, None] = {}

    def get(
        self,
        key: str,
        policy: CircuitPolicy,
        attempt_timeout_s: float | None,
        now_s: float,
        *,
        kept: bool = True,
    ) -> CircuitBreaker:
        """The key's breaker, following ``policy``; made at the first time.

        Args:
            key: The call's key.
            policy: As normalised.
            attempt_timeout_s: For a policy that leaves ``probe_ttl_s`` to be derived.
            now_s: The executor's monotonic clock.
            kept: Whether who asks holds on to it. Else the key is one of many that come and go.
        """
        breaker = self._breakers.get(key)
        if breaker is None or not kept or key in self._passing:
            with self._mutex.lock:
                breaker = self._breakers.get(key) or self._made(
                    key, policy, attempt_timeout_s, now_s
                )
                self._note(key, kept=kept)
        breaker.apply(policy, attempt_timeout_s)
        return breaker

    def _made(
        self, key: str, policy: CircuitPolicy, attempt_timeout_s: float | None, now_s: float
    ) -> CircuitBreaker:
        breaker = CircuitBreaker(
            key,
            policy,
            attempt_timeout_s=attempt_timeout_s,
            now_s=now_s,
            rng=self._rng,
            clock=self._clock,
        )
        breaker.subscribe(self._listeners.tell)
        self._breakers[key] = breaker
        self._passing[key] = None  # until somebody keeps it
        return breaker

    def _note(self, key: str, *, kept: bool) -> None:
        """Keep the order of last use, and forget what is over the limit."""
        if key not in self._passing:
            return
        del self._passing[key]
        if not kept:
            self._passing[key] = None
            idle = (old for old in self._passing if self._breakers[old].is_plain)
            if len(self._passing) > self._max_passing and (oldest := next(idle)) != key:
                del self._passing[oldest], self._breakers[oldest]

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Tell ``listener`` of every transition of every breaker, present or future.

        Each breaker's transitions come in their order, outside every lock.

        Returns:
            Ends the subscription.
        """
        return self._listeners.add(listener)

    def keys(self) -> tuple[str, ...]:
        """The keys that have a breaker, oldest first."""
        return tuple(self._breakers)

    def __getitem__(self, key: str) -> CircuitBreaker:
        return self._breakers[key]

    def __contains__(self, key: object) -> bool:
        return key in self._breakers

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self._breakers)

    def __repr__(self) -> str:
        states = {key: str(breaker.state) for key, breaker in tuple(self._breakers.items())}
        return f"Circuits({states})"
