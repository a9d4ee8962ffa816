"""Events without their errors, so that nothing of the caller's is kept alive."""

from typing import Any, Final, NamedTuple

from recourse import events

__all__ = ["Failure", "without_error"]

_LONGEST: Final = 4096
_FAILABLE: Final[frozenset[type]] = frozenset(
    {events.PolicyResolved, events.AttemptEnd, events.AttemptLate, events.CallEnd}
)


class Failure(NamedTuple):
    """An event whose error has been taken off, so that nothing of the caller's is kept alive."""

    event: Any
    error_type: str | None
    message: str | None


def without_error(event: Any) -> Any:
    """The event, or if it carries an error a :class:`Failure`."""
    if type(event) not in _FAILABLE or event.error is None:
        return event
    message = event.error_message
    if message is not None:
        message = message[:_LONGEST]
    return Failure(event._replace(error=None), event.error_type, message)
