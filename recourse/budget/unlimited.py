"""The budget that never denies, said out loud."""

from typing import Final

from recourse.budget.protocol import Ask, Decision

__all__ = ["Unlimited"]

_YES: Final = Decision(allowed=True)


class Unlimited:
    """Allows everything; for retries that someone decided not to limit."""

    __slots__ = ()

    def ask(self, request: Ask) -> Decision:  # noqa: ARG002  # the shape of every budget
        """Allow."""
        return _YES

    def __repr__(self) -> str:
        return "Unlimited()"
