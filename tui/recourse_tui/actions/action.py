"""An action, and the groups of screens on which there may be one."""

from dataclasses import dataclass
from typing import Final

__all__ = [
    "ANYWHERE", "BRUSHED", "EVIDENT", "NOT_SQL", "NOT_WHATIF", "STILL", "TYPED", "VIEWS", "WITH_TIME", "Action",
]  # fmt: skip

VIEWS: Final = (
    "triage", "story", "key", "calls", "call", "compare", "replay", "whatif", "sql", "notes",
)  # fmt: skip
"""The screens, by name."""
ANYWHERE: Final = (*VIEWS, "help")
"""The screens and what opens over them."""
NOT_SQL: Final = tuple(view for view in VIEWS if view != "sql")
NOT_WHATIF: Final = tuple(view for view in VIEWS if view != "whatif")
STILL: Final = tuple(view for view in VIEWS if view != "replay")
BRUSHED: Final = ("triage", "calls", "compare")
"""Screens on which the arrows make the brush longer or shorter."""
WITH_TIME: Final = ("triage", "story", "key", "calls", "call", "compare")
EVIDENT: Final = (*WITH_TIME, "replay")
"""Screens with a query behind them that one can have."""
TYPED: Final = tuple(view for view in VIEWS if view not in {"sql", "notes", "whatif"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One thing to do: where, by which keys, and what it is called."""

    label: str = ""
    """What the footer says; empty keeps it out of the footer."""
    help: str
    keys: tuple[str, ...]
    screens: tuple[str, ...] = VIEWS
    handler: str
    opens_prompt: bool = False
    """Whoever presses its key types on at once: the keys after it belong into the prompt."""
