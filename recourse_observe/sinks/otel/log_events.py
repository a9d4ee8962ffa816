"""Moments of a call as log records tied to its span."""

from typing import Any

from opentelemetry._logs import Logger, SeverityNumber

from recourse.reasons import BreakerState
from recourse_observe import attributes
from recourse_observe.sinks.otel.call_span import CallSpan, Facts

__all__ = ["LogEvents"]

_SEVERITY = {
    attributes.ATTEMPT: SeverityNumber.DEBUG,
    attributes.HEDGE_CANCEL: SeverityNumber.DEBUG,
    attributes.HEDGE_SPAWN: SeverityNumber.INFO,
    attributes.CIRCUIT_TRANSITION: SeverityNumber.INFO,
}


class LogEvents:
    """Emits every moment as a log record whose event name is the moment's."""

    def __init__(self, logger: Logger) -> None:
        self._logger = logger

    def write(self, call: CallSpan, name: str, at_ns: int, facts: Facts, *of: Any) -> None:
        """Emit a record."""
        said = facts(*of)
        severity = _severity(name, said)
        self._logger.emit(
            timestamp=at_ns,
            context=call.context,
            severity_number=severity,
            severity_text=severity.name,
            event_name=name,
            attributes={**call.identity(), **said},
        )

    def finish(self, call: CallSpan) -> None:
        """Nothing waits."""


def _severity(name: str, said: dict[str, Any]) -> SeverityNumber:
    """As loud as the line of a log would be."""
    if name == attributes.BUDGET_DECISION and said["recourse.budget.allowed"]:
        return SeverityNumber.DEBUG
    if (
        name == attributes.CIRCUIT_TRANSITION
        and said["recourse.circuit.state"] == BreakerState.OPEN
    ):
        return SeverityNumber.WARN
    return _SEVERITY.get(name, SeverityNumber.WARN)
