"""A call, from its beginning to its end."""

from typing import NamedTuple

from recourse.identity import CallInfo
from recourse.outcome import Outcome
from recourse.policy.model import EffectivePolicy
from recourse.reasons import Disposition, HedgingOff
from recourse.told import Failed, Told

__all__ = ["CallEnd", "CallStart", "HedgingDisabled", "KeyRejected", "PolicyResolved"]


class _CallStart(NamedTuple):
    call: CallInfo
    seq: int
    at_s: float
    deadline_s: float | None  # ambient or inherited, monotonic


class CallStart(_CallStart, Told):
    """A call was made. ``deadline_s`` is the ambient or inherited deadline, monotonic seconds."""

    __slots__ = ()


class _KeyRejected(NamedTuple):
    call: CallInfo
    seq: int
    at_s: float
    why: str


class KeyRejected(_KeyRejected, Told):
    """A key looked as if it carried request data, or was one too many; told once per shape."""

    __slots__ = ()


class _PolicyResolved(NamedTuple):
    call: CallInfo
    seq: int
    at_s: float
    policy: EffectivePolicy | None
    source: str
    mode: str
    duration_s: float
    failure: str | None
    error: BaseException | None


class PolicyResolved(_PolicyResolved, Failed):
    """The call's policy is known, or known to be missing.

    ``failure`` is ``None``, or why the provider's answer could not be used: ``not_found``,
    ``invalid``, ``provider_error``, ``provider_timeout``; ``mode`` tells what was done about it.
    """

    __slots__ = ()


class _HedgingDisabled(NamedTuple):
    call: CallInfo
    seq: int
    at_s: float
    reason: HedgingOff


class HedgingDisabled(_HedgingDisabled, Told):
    """The policy enables hedging and this call runs without it."""

    __slots__ = ()


class _CallEnd(NamedTuple):
    call: CallInfo
    seq: int
    at_s: float
    disposition: Disposition
    outcome: Outcome
    error: BaseException | None
    attempts_run: int
    hedges: int
    deadline_s: float | None  # the call's own and inherited limit, monotonic


class CallEnd(_CallEnd, Failed):
    """The call is over. ``error`` is what the caller gets, ``outcome`` the last attempt's."""

    __slots__ = ()

    @property
    def success(self) -> bool:
        """Whether the caller gets a value."""
        return self.disposition is Disposition.SUCCESS
