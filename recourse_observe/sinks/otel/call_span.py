"""What is known of a call while it is under way."""

from collections import deque
from collections.abc import Callable
from typing import Any, TypeAlias

from opentelemetry.context import Context
from opentelemetry.trace import Span

from recourse.events import CallInfo

__all__ = ["CallSpan", "Facts", "Moment"]

Facts: TypeAlias = Callable[..., dict[str, Any]]
Moment: TypeAlias = tuple[str, int, Facts, tuple[Any, ...]]


class CallSpan:
    """The span of a call, and what its end must know.

    Attributes:
        info: Who the call is.
        span: The span itself.
        context: A context in which it is current.
        recording: Whether anything that is put on it will be kept.
        label: The key for metrics; ``None`` until the policy is known.
        waited_s: Seconds waited between attempts.
        told: How many events it was told.
        last: The latest of them that are not on the span yet.
        attempts: Live spans of attempts, by attempt and hedge index.
        primary: The span of the latest attempt that is not a hedge.
    """

    __slots__ = (
        "_hedges",
        "attempts",
        "context",
        "info",
        "label",
        "last",
        "primary",
        "recording",
        "span",
        "told",
        "waited_s",
    )

    def __init__(self, info: CallInfo, span: Span, context: Context) -> None:
        self.info = info
        self.span = span
        self.context = context
        self.recording = span.is_recording()
        self.label: str | None = None
        self.waited_s = 0.0
        self.told = 0
        self.last: deque[Moment] | None = None
        self.attempts: dict[tuple[int, int], Span] = {}
        self.primary: Span | None = None
        self._hedges: list[tuple[int, int]] = []

    def identity(self) -> dict[str, Any]:
        """What ties spans and log records to the call, and to its rows in an archive."""
        info = self.info
        return {"recourse.policy.key": info.label, "recourse.call.id": info.call_id}

    def index(self, attempt: int, hedge_index: int) -> int:
        """The place of an attempt in launch order: its hedges follow a primary.

        One that never ran stands where it would have.
        """
        hedges = self._hedges
        if hedge_index and (attempt, hedge_index) not in hedges:
            hedges.append((attempt, hedge_index))
        if not hedges:
            return attempt
        return attempt + hedge_index + sum(hedged < attempt for hedged, _ in hedges)
