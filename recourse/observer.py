"""Observers: who is told. One method, or named callbacks through :class:`BaseObserver`."""

from contextlib import AbstractContextManager
from typing import Protocol, assert_never, runtime_checkable

from recourse import events
from recourse.events import Event

__all__ = ["BaseObserver", "Observer", "ScopedObserver"]


class Observer(Protocol):
    """Anything with ``on_event``. Called in the caller's thread, never under a lock."""

    def on_event(self, event: Event) -> None:
        """Take one event; an Exception raised here is counted, logged and kept from the call."""
        ...


@runtime_checkable
class ScopedObserver(Protocol):
    """An observer that wants to be around the operation, in the operation's own context."""

    def attempt_scope(self, event: events.AttemptStart) -> AbstractContextManager[object]:
        """A context manager that is entered before the operation and left after it."""
        ...


class BaseObserver:
    """Dispatches to named callbacks; override those you want."""

    def on_event(self, event: Event) -> None:  # noqa: C901, PLR0912  # one arm per event is the table itself
        """Call the callback that the event is named after."""
        match event:
            case events.CallStart():
                self.on_start(event)
            case events.AttemptStart():
                self.on_attempt_start(event)
            case events.AttemptEnd():
                self.on_attempt(event)
            case events.HedgeSpawn():
                self.on_hedge_spawn(event)
            case events.HedgeCancel():
                self.on_hedge_cancel(event)
            case events.BudgetDecision():
                self.on_budget_decision(event)
            case events.CircuitState():
                self.on_circuit_transition(event)
            case events.RetryScheduled():
                self.on_retry_scheduled(event)
            case events.CallEnd():
                if event.success:
                    self.on_success(event)
                else:
                    self.on_failure(event)
            case (
                events.KeyRejected()
                | events.PolicyResolved()
                | events.CircuitDecision()
                | events.HedgingDisabled()
                | events.BudgetRelease()
                | events.AttemptLate()
            ):
                pass
            case _:
                assert_never(event)

    def on_start(self, event: events.CallStart) -> None:
        """A call was made."""

    def on_attempt_start(self, event: events.AttemptStart) -> None:
        """An attempt begins."""

    def on_attempt(self, event: events.AttemptEnd) -> None:
        """An attempt ended, or was denied."""

    def on_hedge_spawn(self, event: events.HedgeSpawn) -> None:
        """A hedge starts."""

    def on_hedge_cancel(self, event: events.HedgeCancel) -> None:
        """A run of a hedged group was cancelled."""

    def on_budget_decision(self, event: events.BudgetDecision) -> None:
        """A retry or hedge asked its budget."""

    def on_circuit_transition(self, event: events.CircuitState) -> None:
        """A breaker changed its state."""

    def on_retry_scheduled(self, event: events.RetryScheduled) -> None:
        """The call will wait and try again."""

    def on_success(self, event: events.CallEnd) -> None:
        """The call gave a value."""

    def on_failure(self, event: events.CallEnd) -> None:
        """The call raised."""
