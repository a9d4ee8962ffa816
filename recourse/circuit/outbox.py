"""Transitions on their way to listeners."""

import logging
from collections import deque
from collections.abc import Callable
from typing import Final

from recourse.circuit.protocol import Transition
from recourse.locks import Mutex

__all__ = ["Listener", "Listeners", "Outbox"]

_LOG: Final = logging.getLogger("recourse")

Listener = Callable[[Transition], None]


class Listeners:
    """Who is told of transitions. One that raises is logged, and the others are told all the same."""

    __slots__ = ("_listeners", "_mutex")

    def __init__(self) -> None:
        self._mutex = Mutex()
        self._listeners: tuple[Listener, ...] = ()

    def add(self, listener: Listener) -> Callable[[], None]:
        """Tell ``listener`` from now on; what is returned ends that."""
        with self._mutex.lock:
            self._listeners += (listener,)

        def remove() -> None:
            with self._mutex.lock:
                self._listeners = tuple(kept for kept in self._listeners if kept is not listener)

        return remove

    def tell(self, transition: Transition) -> None:
        """Tell everybody."""
        for listener in self._listeners:
            try:
                listener(transition)
            except Exception:  # noqa: BLE001  # a listener's failure is not the call's
                _LOG.exception("listener %r of circuit %r raised", listener, transition.key)


class Outbox:
    """Delivers transitions one after the other, in their order, while nothing of the breaker is locked.

    One thread delivers at a time. Another one that brings a transition meanwhile, a listener
    included, leaves it to the first and goes on.

    Attributes:
        listeners: Who is told.
        pending: What has not been told yet.
    """

    __slots__ = ("_delivery", "listeners", "pending")

    def __init__(self) -> None:
        self.listeners: Listeners = Listeners()
        self.pending: deque[Transition] = deque()
        self._delivery = Mutex()

    def put(self, transition: Transition) -> None:
        """Queue a transition; called under the breaker's lock, so the queue has their order."""
        self.pending.append(transition)

    def deliver(self) -> None:
        """Tell the listeners of everything queued, unless another thread is at it."""
        while self.pending:
            turn = self._delivery.lock
            if not turn.acquire(blocking=False):
                return
            try:
                while self.pending:
                    self.listeners.tell(self.pending.popleft())
            finally:
                turn.release()
