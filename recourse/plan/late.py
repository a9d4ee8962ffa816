"""Runs that end after their call has stopped waiting for them."""

import inspect
from collections.abc import Awaitable
from typing import Any

from recourse.plan import telling
from recourse.plan.call import Call, Run
from recourse.plan.judge import give_back

__all__ = ["end_late"]


def end_late(
    call: Call, run: Run, value: Any, error: BaseException | None
) -> Awaitable[Any] | None:
    """Account for a dropped run that has really stopped: reservation, event, disposal of its value.

    Returns:
        An awaitable that finishes the disposal, for values that close asynchronously.
    """
    give_back(call, run)
    if error is None or isinstance(error, Exception):
        telling.attempt_late(call, run, error)
    if error is not None or value is None or value is call.result:
        return None
    return _disposal(call, value)


def _disposal(call: Call, value: Any) -> Awaitable[Any] | None:
    names = ("dispose", "aclose", "close") if call.is_async else ("dispose", "close")
    dispose = next(
        (getattr(value, name) for name in names if callable(getattr(value, name, None))), None
    )
    if dispose is None:
        return None
    try:
        rest = dispose()
    except Exception:  # nobody waits for this value, so nobody can use its error
        return None
    return rest if inspect.isawaitable(rest) else None
