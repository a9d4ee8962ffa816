"""The events that tell of a call's attempts, made when somebody reads them."""

from collections.abc import Iterator, Sequence
from typing import Any

from recourse.events import CallEnd
from recourse.plan import telling
from recourse.plan.call import Run

__all__ = ["History"]


class History:
    """The ends of a call's attempts, and its own: what its timeline is folded from.

    Args:
        runs: Its attempts, without their errors.
        left: What stands for each attempt's error.
        end: How it ended.
    """

    __slots__ = ("_end", "_left", "_runs")

    def __init__(self, runs: Sequence[Run], left: Sequence[Any], end: CallEnd) -> None:
        self._runs = runs
        self._left = left
        self._end = end

    def __iter__(self) -> Iterator[Any]:
        end = self._end
        for number, (run, left) in enumerate(zip(self._runs, self._left, strict=True)):
            yield telling.attempt_ended(end.call, number, run, left)
        yield end
