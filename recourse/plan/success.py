"""First attempts that gave their value at once, for those who will ask for their timelines."""

from collections.abc import Iterator
from typing import Final

from recourse.attempt import AttemptInfo
from recourse.events import Event
from recourse.outcome import SUCCESS
from recourse.plan.bound import Bound, Runtime
from recourse.plan.call import Run
from recourse.plan.history import History
from recourse.plan.unheard import Unheard, over
from recourse.reasons import Disposition

__all__ = ["Success"]

_SUCCESS: Final = Disposition.SUCCESS


class Success:
    """The events of such a call, which has just ended; made when somebody reads them.

    Args:
        runtime: What all calls of the executor share.
        bound: The key under its policy.
        info: What the operation saw as ``current_attempt()``.
        began_s: When the call began, monotonic.
    """

    __slots__ = ("_began_s", "_bound", "_ended", "_info", "_noted", "_runtime")

    def __init__(self, runtime: Runtime, bound: Bound, info: AttemptInfo, began_s: float) -> None:
        self._runtime = runtime
        self._bound = bound
        self._info = info
        self._began_s = began_s
        self._ended = bound.clock.monotonic_s(), bound.clock.time_unix_ns()
        # Its operation may note more when the call is over.
        self._noted = info.annotations

    def __iter__(self) -> Iterator[Event]:
        run = Run(self._info, 0, 0, self._began_s)
        run.ended_s, run.outcome = self._ended[0], SUCCESS
        call = Unheard(self._runtime, self._bound, over, None, run)
        call.disposition, call.ended = _SUCCESS, self._ended
        return iter(History(call, (run,), (None,), (self._noted,)))
