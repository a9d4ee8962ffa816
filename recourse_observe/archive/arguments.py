"""What an observer of an archive may be told to do: numbers that make sense."""

from datetime import timedelta

__all__ = ["not_negative", "positive"]

Given = float | timedelta | None


def positive(**given: Given) -> None:
    """Refuse limits of nothing: they would drop, or remove, everything.

    Raises:
        ValueError: A number is not above 0; ``None`` is no limit.
    """
    for name, value in given.items():
        if not _number(value) > 0:  # nan is not, either
            message = f"{name} {value!r} is not allowed; give a number above 0"
            raise ValueError(message)


def not_negative(**given: Given) -> None:
    """Refuse pauses that end before they begin.

    Raises:
        ValueError: A number is below 0.
    """
    for name, value in given.items():
        if not _number(value) >= 0:
            message = f"{name} {value!r} is not allowed; give 0 or more"
            raise ValueError(message)


def _number(value: Given) -> float:
    if value is None:
        return 1.0
    return value.total_seconds() if isinstance(value, timedelta) else value
