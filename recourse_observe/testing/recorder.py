"""An observer for tests: it keeps the timeline of every call that it hears to the end."""

from collections import deque
from collections.abc import Iterator

from recourse import events
from recourse.events import CallInfo, Event
from recourse.timeline import ErrorText, Timeline

__all__ = ["TimelineRecorder"]


class TimelineRecorder:
    """Calls that have ended, oldest first; iterate over it, or ask for the one call of a key.

    Give it to an executor as an observer, or use the pytest fixture ``recourse_timelines``, which
    hears every executor of the process.

    Args:
        most: How many calls are kept, the latest of them; ``None``: all.
        keep_errors: Whether timelines refer to the exceptions themselves. Without it they have
            their types and texts, and nothing is kept alive.
    """

    def __init__(self, *, most: int | None = None, keep_errors: bool = True) -> None:
        self._keep_errors = keep_errors
        self._running: dict[CallInfo, list[Event]] = {}
        self._ended: deque[tuple[Event, ...]] = deque(maxlen=most)
        self.ended_count = 0

    def __repr__(self) -> str:
        return f"TimelineRecorder(ended={len(self)})"

    def on_event(self, event: Event) -> None:
        """Take one event; those of a call that began before are not for this recorder."""
        if isinstance(event, events.CallStart):
            self._running[event.call] = []
        told = self._running.get(event.call)
        if told is None:
            return
        told.append(event if self._keep_errors else _without_error(event))
        if isinstance(event, events.CallEnd):
            del self._running[event.call]
            self._ended.append(tuple(told))
            self.ended_count += 1

    def __iter__(self) -> Iterator[Timeline]:
        return iter([Timeline.of(told) for told in list(self._ended)])

    def __len__(self) -> int:
        return len(self._ended)

    def of(self, key: str) -> list[Timeline]:
        """The calls of one key."""
        return [timeline for timeline in self if timeline.key == key]

    def only(self, key: str) -> Timeline:
        """The one call of a key.

        Raises:
            AssertionError: There was none, or more than one; the message lists what there was.
        """
        __tracebackhide__ = True  # pytest shows the test that asked
        found = self.of(key)
        if len(found) == 1:
            return found[0]
        count = "no call" if not found else f"{len(found)} calls"
        heard = "\n".join(f"  {timeline.key} {timeline.disposition}" for timeline in self)
        message = f"{count} of {key!r} ended, expected 1; heard:\n{heard or '  nothing'}"
        raise AssertionError(message)

    def clear(self) -> None:
        """Forget the calls that have ended."""
        self._ended.clear()
        self.ended_count = 0

    def report(self) -> str:
        """Every call as a table for people, with a line for those that were not kept."""
        tables = [str(timeline) for timeline in self]
        lost = self.ended_count - len(tables)
        head = [f"({lost} earlier calls are not shown)"] if lost else []
        return "\n".join([*head, *tables])


def _without_error(event: Event) -> Event:
    match event:
        case events.AttemptEnd() | events.CallEnd() if event.error is not None:
            text = ErrorText(str(event.error_type), event.error_message or "")
            return event._replace(error=text)
        case events.PolicyResolved():
            return event._replace(error=None)
        case events.BudgetRelease():
            # A timeline does not show it.
            return event._replace(release_error=ErrorText("release_error", ""))
        case _:
            return event
