"""What the events of one call share: who it is, when it began, what it follows."""

import itertools
import os
import random
from collections.abc import Callable
from threading import get_ident
from typing import Final

from recourse.clock import Clock
from recourse.policy.model import EffectivePolicy
from recourse.reasons import PolicyMode, PolicySource

__all__ = ["NS", "CallIds", "CallInfo"]

NS: Final = 1_000_000_000


class CallIds:
    """Call ids: unique across processes, in launch order within one executor.

    Microseconds since 1970, a counter for calls of the same microsecond, and a random tag.
    """

    def __init__(self, clock: Clock, rng: random.Random) -> None:
        self._origin_us = clock.time_unix_ns() // 1000 - int(clock.monotonic_s() * 1e6)
        self.count: Callable[[], int] = itertools.count().__next__
        self._tag = f"{rng.getrandbits(32):08x}"

    def renew(self) -> None:
        """Take another tag, in a forked child; its siblings, whose chance is the same, take others."""
        self._tag = f"{int(self._tag, 16) ^ os.getpid() & 0xFFFFFFFF:08x}"

    def of(self, number: int, started_s: float) -> str:
        """The id of a call: 24 hexadecimal digits.

        Args:
            number: Its own, from :attr:`count`.
            started_s: Monotonic seconds when it began.
        """
        at_us = self._origin_us + int(started_s * 1e6)
        return f"{at_us:013x}{number & 0xFFF:03x}{self._tag}"


class _Numbers:
    """Counts a call's events from the first time that somebody asks; most calls know their numbers."""

    def __get__(self, call: "CallInfo", owner: type["CallInfo"]) -> Callable[[], int]:
        # In one step, so that threads that ask at once count together.
        numbers: Callable[[], int] = itertools.count(call.numbered).__next__
        counting: Callable[[], int] = call.__dict__.setdefault("seq", numbers)
        return counting


class CallInfo:
    """What all events of one call share.

    Attributes:
        parent_call_id: The call whose operation made this one.
        key: The policy key as called.
        label: The key that state and metrics are kept under: ``_overflow`` for a rejected key.
        started_s: Monotonic seconds when the call began.
        started_unix_ns: The same moment on the wall clock.
        seq: Numbers the call's events.
        numbered: How many of them had numbers before ``seq`` was first asked.
        policy: The policy it follows, once resolved.
        policy_failure: Why the provider's answer could not be used; ``None`` when it could.
        policy_source: Where the policy came from.
        policy_mode: Which rule gave it.
        trace_id: 32 hexadecimal digits, when a tracing observer has set them.
        span_id: 16 hexadecimal digits, likewise.
        thread_id: Of the caller.
        message_of: Gives an error's redacted text; ``None`` unless messages are captured.
    """

    # Defaults stand on the class, so that a call sets only what is its own.
    parent_call_id: str | None = None
    policy: EffectivePolicy | None = None
    policy_failure: str | None = None
    policy_source: str = PolicySource.NONE
    policy_mode: str = PolicyMode.STANDARD
    trace_id: str | None = None
    span_id: str | None = None
    message_of: Callable[[BaseException], str] | None = None
    seq: _Numbers = _Numbers()
    numbered: int = 0
    _call_id: str | None = None

    def __init__(
        self,
        ids: CallIds,
        key: str,
        started_s: float,
        started_unix_ns: int,
        call_id: str | None = None,
        policy: EffectivePolicy | None = None,
    ) -> None:
        self.key = key
        self.label = key
        self.started_s = started_s
        self.started_unix_ns = started_unix_ns
        self.thread_id: int = get_ident()
        self._ids = ids
        self._number = ids.count()
        if call_id is not None:
            self._call_id = call_id
        if policy is not None:
            self.policy = policy
            self.policy_source = policy.source

    @property
    def process_id(self) -> int:
        """The caller's process: a call never leaves it."""
        return os.getpid()

    @property
    def call_id(self) -> str:
        """Unique across processes; sorts in launch order within one executor."""
        if self._call_id is None:
            self._call_id = self._ids.of(self._number, self.started_s)
        return self._call_id

    def unix_ns(self, at_s: float) -> int:
        """A monotonic moment of this call on the wall clock."""
        return self.started_unix_ns + round((at_s - self.started_s) * NS)

    def __repr__(self) -> str:
        return f"CallInfo(call_id={self.call_id!r}, key={self.key!r})"
