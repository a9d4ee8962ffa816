"""Logs by structlog: a line per retry and per call that went badly, and context for your own lines.

This module imports structlog; nothing else does. It never configures structlog: without a
configuration of yours, structlog prints to standard output.
"""

import logging
from collections.abc import Callable, Mapping, MutableMapping
from contextlib import AbstractContextManager
from contextvars import Token
from types import TracebackType
from typing import Any, Final

import structlog
from structlog.contextvars import bind_contextvars, reset_contextvars

from recourse import events
from recourse.events import Event
from recourse_observe.sinks.lines import Lines

__all__ = ["StructlogObserver", "add_trace_context"]

_NAMES: Final = {
    logging.DEBUG: "debug",
    logging.INFO: "info",
    logging.WARNING: "warning",
    logging.ERROR: "error",
}


class StructlogObserver:
    """Writes what matters of a call to a structlog logger.

    Args:
        logger: Where to; ``structlog.get_logger("recourse")`` by default.
        levels: Levels by name of the line, in place of the usual ones; ``off`` leaves it out.
        bind_context: Whether the lines that an operation logs itself carry ``policy_key``,
            ``call_id``, ``attempt`` and ``hedge_index``; it takes ``merge_contextvars`` among your
            processors.
        exc_info: Whether the line of a failed call carries the exception itself. Its text and
            traceback are not redacted.
        every_budget_decision: Whether budgets that let pass are told, too: ``debug``.

    Raises:
        ValueError: ``levels`` names no line, or no level.
    """

    attempt_scope: Callable[[events.AttemptStart], AbstractContextManager[object]]

    def __init__(
        self,
        logger: Any = None,
        levels: Mapping[str, str] | None = None,
        *,
        bind_context: bool = True,
        exc_info: bool = False,
        every_budget_decision: bool = False,
    ) -> None:
        self._logger = structlog.get_logger("recourse") if logger is None else logger
        lines = Lines(self, levels, every_budget_decision=every_budget_decision)
        self._handlers: Final[dict[type[Event], Callable[[Any], None]]] = {
            events.CallStart: self._call_start,
            **lines.handlers,
        }
        self.hears: Final = frozenset(self._handlers)
        if bind_context:  # else nothing needs to be around attempts
            self.attempt_scope = self._bound_to
        self._exc_info = exc_info
        self._bound: Any = None
        self._ask: Callable[[Any, int], object] | None = None

    def on_event(self, event: Event) -> None:
        """Take one event."""
        handler = self._handlers.get(type(event))
        if handler is not None:
            handler(event)

    def is_enabled(self, level: int) -> bool:
        """Whether the logger writes lines of this level."""
        if self._bound is None:
            self._bind()
        ask = self._ask
        return True if ask is None else bool(ask(self._bound, level))

    def write(self, event: Event, name: str, level: int, facts: dict[str, Any]) -> None:
        """Write one line; :meth:`is_enabled` was asked before."""
        if self._exc_info and isinstance(event, events.CallEnd) and event.error:
            facts["exc_info"] = event.error
        getattr(self._bound, _NAMES[level])(name, **facts)

    def _call_start(self, event: events.CallStart) -> None:
        # Once per call, so that a configuration that comes later is followed.
        del event
        self._bind()

    def _bind(self) -> None:
        bound = self._logger.bind()
        if isinstance(bound, structlog.stdlib.AsyncBoundLogger):
            bound = bound.sync_bl  # of one that must be awaited, the one that need not
        # Asked is the class: a generic logger takes any name that it does not know for a line.
        kind = type(bound)
        self._ask = getattr(kind, "is_enabled_for", None) or getattr(kind, "isEnabledFor", None)
        self._bound = bound

    def _bound_to(self, event: events.AttemptStart) -> AbstractContextManager[object]:
        """Let the operation's own lines say which attempt they belong to."""
        return Bound(
            policy_key=event.key,
            call_id=event.call_id,
            attempt=event.attempt,
            hedge_index=event.hedge_index,
        )


class Bound:
    """What lines say inside of a block, without looking through the context for what they said."""

    __slots__ = ("_facts", "_tokens")

    def __init__(self, **facts: Any) -> None:
        self._facts = facts
        self._tokens: Mapping[str, Token[Any]]

    def __enter__(self) -> None:
        self._tokens = bind_contextvars(**self._facts)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        reset_contextvars(**self._tokens)


def add_trace_context(
    logger: Any, method: str, event_dict: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """A structlog processor: ``trace_id``, ``span_id`` and ``trace_flags`` of the current span.

    Args:
        logger: Not looked at.
        method: Likewise.
        event_dict: The line; it stays as it is outside of spans.
    """
    del logger, method
    from recourse_observe.sinks.otel.ids import current_ids  # not everybody who logs has it

    event_dict.update(current_ids())
    return event_dict
