"""Policies from afar: cached, fetched once for all who ask, and kept through an outage."""

import dataclasses
import random as random_module
from collections import OrderedDict
from datetime import timedelta
from typing import Final, NamedTuple, cast

from recourse.clock import Clock, SystemClock
from recourse.duration import seconds
from recourse.errors import PolicyError, PolicyNotFoundError
from recourse.key import PolicyKey
from recourse.locks import Mutex
from recourse.policy.model import EffectivePolicy, Policy
from recourse.provider.flight import Flight
from recourse.provider.memory import Memory, Ttls
from recourse.provider.protocol import Provider
from recourse.reasons import PolicySource

__all__ = ["RemoteProvider"]

# A fetch that is slower than this, or than a resolve timeout, is not waited for when an older
# policy may be followed.
PATIENCE_S: Final = 0.1
# A fetch that is slower than this counts as failed, even if its source knows no timeout.
LONGEST_FETCH_S: Final = 10.0
MAX_KEYS: Final = 1000


class _Pending(NamedTuple):
    """A key whose fetch goes on, and what may be followed meanwhile."""

    key: PolicyKey
    memory: Memory
    flight: Flight
    spare: EffectivePolicy | None

    @property
    def limit_s(self) -> float:
        """How long to wait for it."""
        return LONGEST_FETCH_S if self.spare is None else PATIENCE_S


class RemoteProvider:
    """Caches what a slow source says, key by key.

    A policy is fresh for ``ttl_s``, ten per cent more or less; shortly before it gets stale, a call
    fetches it anew without waiting. Everybody who asks for a key at the same time shares one fetch,
    in a thread of its own, so that a caller who gives up harms nobody else. While the source fails,
    it is asked once per ``error_ttl_s``, and the last policy it gave is followed until it is
    ``lkg_ttl_s`` old; failures never make that longer. A key that the source does not have is
    forgotten at once and not asked for again for ``negative_ttl_s``.

    Args:
        source: Anything with ``get(key)`` that gives a policy or raises ``PolicyNotFoundError``;
            every other exception is an outage. :class:`HTTPSource` is one.
        ttl_s: How long a policy is fresh.
        negative_ttl_s: How long a missing one is known to be missing.
        error_ttl_s: How long a failing source is left in peace.
        lkg_ttl_s: How old a policy may be to be followed through an outage; 0 follows none.
        clock: Decides what is stale.
        random: Spreads the refreshes of many processes.

    Raises:
        PolicyError: The source has no ``get``; a duration is none, or negative.
    """

    __slots__ = ("_clock", "_memories", "_mutex", "_source", "_ttls")

    def __init__(  # noqa: PLR0913 -- the pinned signature
        self,
        source: Provider,
        ttl_s: float | timedelta = 60.0,
        negative_ttl_s: float | timedelta = 10.0,
        error_ttl_s: float | timedelta = 5.0,
        lkg_ttl_s: float | timedelta = 600.0,
        *,
        clock: Clock | None = None,
        random: random_module.Random | None = None,
    ) -> None:
        if not callable(getattr(source, "get", None)):
            field = "source"
            raise PolicyError(field, source, "an object with get")
        self._source = source
        self._clock: Clock = clock or SystemClock()
        self._ttls = Ttls(
            fresh_s=_not_negative("ttl_s", ttl_s),
            negative_s=_not_negative("negative_ttl_s", negative_ttl_s),
            error_s=_not_negative("error_ttl_s", error_ttl_s),
            lkg_s=_not_negative("lkg_ttl_s", lkg_ttl_s),
            random=random or random_module.Random(),  # noqa: S311 -- spreading load is no secret
        )
        self._mutex = Mutex()
        self._memories: OrderedDict[str, Memory] = OrderedDict()

    def cached(self, key: PolicyKey) -> EffectivePolicy | None:
        """What is known of the key without waiting; ``None`` when :meth:`get` must be asked.

        Raises:
            PolicyNotFoundError: The source has said that there is none.
        """
        known = self._asked(key, may_wait=False)
        if isinstance(known, PolicyNotFoundError):
            raise known.with_traceback(None)
        return known if isinstance(known, EffectivePolicy) else None

    def get(self, key: PolicyKey) -> EffectivePolicy:
        """The key's policy, fetched if need be.

        Raises:
            PolicyNotFoundError: The source does not have it.
            Exception: What the source raised, when no earlier policy may be followed.
        """
        asked = self._asked(key, may_wait=True)
        if isinstance(asked, _Pending):
            asked.flight.wait(self._clock, asked.limit_s)
            asked = self._after(asked)
        return _given(asked)

    async def aget(self, key: PolicyKey) -> EffectivePolicy:
        """The key's policy as :meth:`get` gives it, without blocking the event loop."""
        asked = self._asked(key, may_wait=True)
        if isinstance(asked, _Pending):
            await asked.flight.wait_async(self._clock, asked.limit_s)
            asked = self._after(asked)
        return _given(asked)

    def _asked(
        self, key: PolicyKey, *, may_wait: bool
    ) -> EffectivePolicy | BaseException | _Pending | None:
        """What is known, or the fetch to wait for; starts a fetch when one is wanted."""
        with self._mutex.lock:
            now_s = self._clock.monotonic_s()
            memory = self._memory(key.text)
            known = memory.known(now_s)
            wants = may_wait if known is None else memory.is_due(now_s)
            starts = wants and memory.flight is None
            flight = memory.flight = Flight() if starts else memory.flight
            spare = memory.spare(now_s)
        pending = None if flight is None else _Pending(key, memory, flight, spare)
        if starts and pending is not None:
            self._take_off(pending)
        return pending if known is None else known

    def _memory(self, key: str) -> Memory:
        memory = self._memories.setdefault(key, Memory(self._ttls))
        self._memories.move_to_end(key)
        if len(self._memories) > MAX_KEYS:
            self._memories.popitem(last=False)
        return memory

    def _take_off(self, pending: _Pending) -> None:
        def fly() -> None:
            try:
                result = _as_remote(pending.key, self._source.get(pending.key))
            except BaseException as error:  # whatever it is, those who wait must get it
                self._land(pending, error)
            else:
                self._land(pending, result)

        try:
            self._clock.spawn(fly, "recourse-fetch")
        except RuntimeError as error:  # the process can start no more threads
            self._land(pending, error)

    def _land(self, pending: _Pending, result: EffectivePolicy | BaseException) -> None:
        memory, flight = pending.memory, pending.flight
        with self._mutex.lock:
            # A fetch that was given up has no say any more: a later one may have landed.
            if memory.flight is flight:
                memory.flight = None
                memory.learn(result, self._clock.monotonic_s())
        flight.land(result)

    def _after(self, pending: _Pending) -> EffectivePolicy | BaseException:
        """What to answer when the wait for a fetch is over."""
        result = pending.flight.result
        if result is None:
            pending.flight.is_slow = True
            message = f"the source of policies did not answer within {LONGEST_FETCH_S:g} s"
            result = TimeoutError(message)
            if pending.spare is None:
                self._land(pending, result)
        is_outage = isinstance(result, Exception) and not isinstance(result, PolicyNotFoundError)
        return pending.spare if is_outage and pending.spare is not None else result


def _given(answer: EffectivePolicy | BaseException | None) -> EffectivePolicy:
    if isinstance(answer, EffectivePolicy):
        return answer
    # There is always an answer for those who wait.
    raise cast("BaseException", answer).with_traceback(None)


def _as_remote(key: PolicyKey, given: object) -> EffectivePolicy:
    if isinstance(given, Policy):
        given = given.normalize(PolicySource.REMOTE)
    if not isinstance(given, EffectivePolicy):
        field = f"the policy of {key.text}"
        raise PolicyError(field, given, "a Policy")
    return dataclasses.replace(given, key=key.text, source=PolicySource.REMOTE)


def _not_negative(name: str, value: float | timedelta) -> float:
    given_s = seconds(name, value)
    if given_s < 0:
        raise PolicyError(name, value, "0 or more seconds")
    return given_s
