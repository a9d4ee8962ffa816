"""The events that tell of an ended call's attempts, made when somebody reads them."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from recourse.events import CallEnd, CallInfo, Event
from recourse.plan import telling
from recourse.plan.call import Run
from recourse.reasons import Disposition

__all__ = ["Ended", "History"]


class Ended(Protocol):
    """A call that has ended.

    Attributes:
        disposition: How.
        ended: When, monotonic and on the wall clock.
    """

    disposition: Disposition | None
    ended: tuple[float, int] | None

    def identity(self) -> CallInfo:
        """What its events share."""
        ...


class History:
    """The ends of a call's attempts, and its own: what its timeline is folded from.

    Args:
        call: The call.
        runs: Its attempts.
        errors: What each of them raised, or what stands for that.
        noted: What their operation had noted when the call was over.
    """

    __slots__ = ("_call", "_errors", "_noted", "_runs")

    def __init__(
        self, call: Ended, runs: Sequence[Run], errors: Sequence[Any], noted: Sequence[Any]
    ) -> None:
        self._call = call
        self._runs = runs
        self._errors = errors
        self._noted = noted

    def __iter__(self) -> Iterator[Event]:
        call, runs, errors = self._call, self._runs, self._errors
        info = call.identity()
        for number, (run, error) in enumerate(zip(runs, errors, strict=True)):
            yield telling.attempt_ended(info, number, run, error, self._noted[number])
        how: Any = call.disposition, runs[-1].outcome, errors[-1], len(runs), 0, None
        ended_s, _ = call.ended or (info.started_s, 0)
        yield CallEnd(info, len(runs), ended_s, *how)
