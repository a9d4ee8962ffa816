"""The exception that a call ended with: once per failed call, as a log record or a span event."""

import traceback
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from opentelemetry._logs import Logger, LoggerProvider, SeverityNumber, get_logger_provider

from recourse import events
from recourse_observe import attributes
from recourse_observe.sinks.otel import values
from recourse_observe.sinks.otel.call_span import CallSpan

__all__ = ["Exceptions", "Where"]

OPT_IN: Final = "OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN"
_FRAMES: Final = 20


class Where(StrEnum):
    """Where exceptions are written."""

    AUTO = "auto"  # as the environment asks, else logs when there is a provider, else the span
    LOGS = "logs"
    SPAN = "span"
    BOTH = "both"
    OFF = "off"


class Exceptions:
    """Writes the exception of a failed call.

    The attributes are set by hand: the SDK's own way, of newer versions, would write the text of an
    error although messages are not captured.
    """

    def __init__(
        self,
        where: Where,
        logger: Logger,
        provider: LoggerProvider | None,
        environment: Mapping[str, str],
    ) -> None:
        self._where = where
        self._logger = logger
        self._provider = provider
        if where is Where.AUTO:
            asked = environment.get(OPT_IN, "")
            if asked == "logs":
                self._where = Where.LOGS
            elif asked == "logs/dup":
                self._where = Where.BOTH

    def write(self, call: CallSpan, event: events.CallEnd) -> None:
        """Write what the caller got."""
        where = self._where
        if where is Where.AUTO:
            where = Where.LOGS if self._has_provider() else Where.SPAN
        in_logs = where in {Where.LOGS, Where.BOTH}
        on_span = where in {Where.SPAN, Where.BOTH} and call.recording
        if event.error is None or not (in_logs or on_span):
            return
        facts = _exception(event, event.error)
        if in_logs:
            self._log(call, event, facts)
        if on_span:
            call.span.add_event("exception", facts, event.t_wall_ns)

    def _has_provider(self) -> bool:
        # The application may set its provider after it has made the observer.
        provider = self._provider or get_logger_provider()
        return type(provider).__name__ not in {"ProxyLoggerProvider", "NoOpLoggerProvider"}

    def _log(self, call: CallSpan, event: events.CallEnd, facts: dict[str, Any]) -> None:
        self._logger.emit(
            timestamp=event.t_wall_ns,
            context=call.context,
            severity_number=SeverityNumber.WARN,
            severity_text="WARN",
            event_name=attributes.CALL_EXCEPTION,
            attributes={
                **call.identity(),
                "recourse.call.result": event.disposition.value,
                "error.type": values.call_error(event),
                **facts,
            },
        )


def _exception(event: events.CallEnd, error: BaseException) -> dict[str, Any]:
    kind, message = str(event.error_type), event.error_message
    last = kind if message is None else f"{kind}: {message}"
    frames = traceback.format_tb(error.__traceback__, limit=-_FRAMES)
    facts = {"exception.type": kind, "exception.stacktrace": "".join([*frames, last])}
    if message is not None:
        facts["exception.message"] = message
    return facts
