"""The observers' scopes around an operation."""

import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Self

from recourse.events import AttemptStart
from recourse.observer import ScopedObserver
from recourse.plan.call import Call, Run
from recourse.plan.unheard import Unheard

__all__ = ["Around", "Scopes"]


class Around:
    """The observers' attempt scopes, left in reverse order.

    A scope that raises an Exception is counted and otherwise ignored.
    """

    __slots__ = ("_entered", "_failed", "_scoped", "_start")

    def __init__(
        self,
        scoped: Sequence[ScopedObserver],
        failed: Callable[[object, Exception], None],
        start: AttemptStart | None,
    ) -> None:
        self._scoped = scoped
        self._failed = failed
        self._start = start
        self._entered: list[tuple[object, AbstractContextManager[object]]] = []

    def __enter__(self) -> Self:
        start = self._start
        if start is not None:
            try:
                for observer in self._scoped:
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
            self._failed(observer, error)

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
                self._failed(observer, problem)
            except BaseException as problem:  # passes on, when the others have been left
                stop = problem
        if stop is not None:
            raise stop


class Scopes(Around):
    """The scopes around one run of a call."""

    __slots__ = ()

    def __init__(self, call: Call | Unheard, run: Run) -> None:
        super().__init__(call.scoped, call.runtime.observer_failed, run.start)
