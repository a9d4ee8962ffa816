"""First attempts that are heard: begun, and ended at once when all goes well.

Most calls succeed at their first attempt. Those are told from what is known of every such call,
without the objects that retries need.
"""

from typing import Any, Final

from recourse.attempt import AttemptInfo
from recourse.context import Capture
from recourse.events import (
    AttemptEnd,
    AttemptStart,
    CallEnd,
    CallInfo,
    CallStart,
    PolicyResolved,
)
from recourse.observer import Audience
from recourse.outcome import SUCCESS
from recourse.plan.bound import Bound, Runtime
from recourse.reasons import BudgetReason, Disposition

__all__ = ["TOLD", "begun", "new_call", "succeeded"]

# How many of its events a call has told, or would have, before its first attempt ends.
TOLD: Final = 3

_SUCCESS: Final = Disposition.SUCCESS
_FIRST: Final = BudgetReason.FIRST_ATTEMPT

_tuple: Final[type[tuple[Any, ...]]] = tuple
_event: Final = _tuple.__new__


def begun(audience: Audience, info: CallInfo, bound: Bound) -> AttemptStart | None:
    """Tell that a call was made, under a policy that was known beforehand, and that it begins.

    Gives the start of its first attempt, unless nobody wants that.
    """
    if not audience.begins:
        return None
    at_s, policy = info.started_s, bound.policy
    known = (info, 1, at_s, policy, policy.source, bound.mode, 0.0, None, None)
    start: AttemptStart = _event(AttemptStart, (info, 2, at_s, 0, 0, 0.0, None, None))
    made: CallStart = _event(CallStart, (info, 0, at_s, None))
    audience.tell((made, _event(PolicyResolved, known), start))
    return start


def succeeded(
    audience: Audience,
    info: CallInfo,
    attempt: AttemptInfo,
    ended_s: float,
    capture: Capture | None,
) -> None:
    """Tell that the first attempt has given its value, and that with it the call is over."""
    began_s, noted = info.started_s, attempt.annotations or {}
    # fmt: off
    end: AttemptEnd = _event(AttemptEnd, (
        info, 3, ended_s, 0, 0, True, began_s, ended_s, SUCCESS, None,
        0.0, None, 0.0, None, False, 0.0, None, "", True, _FIRST, noted,
    ))
    # fmt: on
    over: CallEnd = _event(CallEnd, (info, 4, ended_s, _SUCCESS, SUCCESS, None, 1, 0, None))
    told = (end, over)
    if audience.ends:
        audience.tell(told)
    if capture is not None:
        capture.record(told)


def new_call(
    runtime: Runtime, bound: Bound, started_s: float, call_id: str | None = None
) -> CallInfo:
    """What the events of a call share whose policy was known beforehand."""
    unix_ns = runtime.clock.time_unix_ns()
    info = CallInfo(runtime.ids, bound.key, started_s, unix_ns, call_id, bound.policy)
    if runtime.message_of is not None:
        info.message_of = runtime.message_of
    return info
