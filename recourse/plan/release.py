"""Giving budget reservations back, without letting a slow budget hold up a call."""

import threading
from collections.abc import Callable
from typing import Final

__all__ = ["Releaser"]

# Long enough for a release that only takes a lock, short enough for a caller not to notice.
_PATIENCE_S: Final = 0.01
_OURS: Final = "recourse.budget."


class Releaser:
    """Runs releases of budgets that are not ours in a thread, and waits for them a moment only."""

    __slots__ = ()

    def release(self, give_back: Callable[[], None]) -> BaseException | None:
        """Give a reservation back; what it raised, when it has raised by now."""
        if getattr(give_back, "__module__", "").startswith(_OURS):
            return _attempted(give_back)
        raised: list[BaseException] = []
        over = threading.Event()

        def work() -> None:
            error = _attempted(give_back)
            if error is not None:
                raised.append(error)
            over.set()

        threading.Thread(target=work, name="recourse-release", daemon=True).start()
        over.wait(_PATIENCE_S)
        return raised[0] if raised else None


def _attempted(give_back: Callable[[], None]) -> BaseException | None:
    try:
        give_back()
    except BaseException as error:  # a release must never change a call's result
        return error
    return None
