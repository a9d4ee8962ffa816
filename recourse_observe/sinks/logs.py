"""Logs by structlog: a line per retry and per call that went badly, and context for your own lines.

This module imports structlog; nothing else does. It never configures structlog: without a
configuration of yours, structlog prints to standard output.
"""

import logging
from collections.abc import Mapping, MutableMapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final

import structlog
from structlog.contextvars import bound_contextvars

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
        self._lines = Lines(levels, every_budget_decision=every_budget_decision)
        self.hears: Final = self._lines.hears | {events.CallStart}
        self._bind_context = bind_context
        self._exc_info = exc_info
        self._bound: Any = None

    def on_event(self, event: Event) -> None:
        """Take one event."""
        if self._bound is None or isinstance(event, events.CallStart):
            # Once per call, so that a configuration that comes later is followed.
            self._bound = _in_step(self._logger.bind())
        for name, level, fields in self._lines.of(event):
            bound = self._bound
            if _is_enabled(bound, level):
                facts = fields()
                if self._exc_info and isinstance(event, events.CallEnd) and event.error:
                    facts["exc_info"] = event.error
                getattr(bound, _NAMES[level])(name, **facts)

    def attempt_scope(self, event: events.AttemptStart) -> AbstractContextManager[object]:
        """Let the operation's own lines say which attempt they belong to."""
        if not self._bind_context:
            return nullcontext()
        return bound_contextvars(
            policy_key=event.key,
            call_id=event.call_id,
            attempt=event.attempt,
            hedge_index=event.hedge_index,
        )


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


def _in_step(bound: Any) -> Any:
    """The logger itself, or of one that must be awaited the one that need not."""
    return bound.sync_bl if isinstance(bound, structlog.stdlib.AsyncBoundLogger) else bound


def _is_enabled(bound: Any, level: int) -> bool:
    # Asked of the class: a generic logger takes any name that it does not know for a line to write.
    kind = type(bound)
    ask = getattr(kind, "is_enabled_for", None) or getattr(kind, "isEnabledFor", None)
    return True if ask is None else bool(ask(bound, level))
