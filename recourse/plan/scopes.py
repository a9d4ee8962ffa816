"""The observers' scopes around an operation."""

import sys
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Self

from recourse.events import AttemptStart
from recourse.plan.call import Call, Run
from recourse.plan.unheard import Unheard

__all__ = ["Scopes"]


class Scopes:
    """The observers' attempt scopes, left in reverse order.

    A scope that raises an Exception is counted and otherwise ignored.
    """

    __slots__ = ("_call", "_entered", "_run")

    def __init__(self, call: Call | Unheard, run: Run) -> None:
        self._call = call
        self._run = run
        self._entered: list[tuple[object, AbstractContextManager[object]]] = []

    def __enter__(self) -> Self:
        start = self._run.start
        if start is not None:
            try:
                for observer in self._call.scoped:
                    self._enter(observer, start)
            except BaseException:
                self.__exit__(*sys.exc_info())
                raise
        return self

    def _enter(self, observer: Any, start: AttemptStart) -> None:
        try:
            scope = observer.attempt_scope(start)
            scope.__enter__()
            self._entered.append((observer, scope))
        except Exception as error:  # an observer must not change a call
            self._call.runtime.observer_failed(observer, error)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        stop: BaseException | None = None
        for observer, scope in reversed(self._entered):
            try:
                scope.__exit__(kind, error, traceback)
            except Exception as problem:  # likewise
                self._call.runtime.observer_failed(observer, problem)
            except BaseException as problem:  # passes on, when the others have been left
                stop = problem
        if stop is not None:
            raise stop
