"""Logs by the standard library: the same lines and names as for structlog, without a dependency."""

import logging
from collections.abc import Mapping
from typing import Any, Final

from recourse import events
from recourse.events import Event
from recourse_observe.sinks.lines import Lines

__all__ = ["LoggingObserver"]

_LOG: Final = logging.getLogger("recourse.calls")


class LoggingObserver:
    """Writes what matters of a call to a logger, with the fields in the message and as ``extra``.

    Args:
        logger: Where to; ``recourse.calls`` by default.
        levels: Levels by name of the line, in place of the usual ones; ``off`` leaves it out.
        exc_info: Whether the line of a failed call carries the exception itself. Its text and
            traceback are not redacted.
        every_budget_decision: Whether budgets that let pass are told, too: ``debug``.

    Raises:
        ValueError: ``levels`` names no line, or no level.
    """

    def __init__(
        self,
        logger: logging.Logger | None = None,
        levels: Mapping[str, str] | None = None,
        *,
        exc_info: bool = False,
        every_budget_decision: bool = False,
    ) -> None:
        self._logger = logger or _LOG
        lines = Lines(self, levels, every_budget_decision=every_budget_decision)
        self._handlers = lines.handlers
        self.hears: Final = frozenset(self._handlers)
        self._exc_info = exc_info

    def on_event(self, event: Event) -> None:
        """Take one event."""
        handler = self._handlers.get(type(event))
        if handler is not None:
            handler(event)

    def is_enabled(self, level: int) -> bool:
        """Whether the logger writes lines of this level."""
        return self._logger.isEnabledFor(level)

    def write(self, event: Event, name: str, level: int, facts: dict[str, Any]) -> None:
        """Write one line; :meth:`is_enabled` was asked before."""
        said = " ".join(f"{key}={_shown(value)}" for key, value in facts.items())
        error = event.error if self._exc_info and isinstance(event, events.CallEnd) else None
        self._logger.log(level, "%s %s", name, said, extra=facts, exc_info=error)


def _shown(value: object) -> object:
    """A value as it is, or in quotes where its text could be taken for more fields or lines."""
    plain = not isinstance(value, str) or (value.isprintable() and " " not in value)
    return value if plain else repr(value)
