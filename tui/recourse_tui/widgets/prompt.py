"""The line for typing: hidden until a key opens it, gone when it is left."""

import enum

from textual import on
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input

__all__ = ["Prompt", "Purpose"]


class Purpose(enum.StrEnum):
    """What is typed."""

    FILTER = "filter"
    COMMAND = "command"
    SQL = "sql"
    TIME = "time"
    PROBE = "probe"
    BISECT = "bisect"
    NOTE = "note"
    EXPORT = "export"
    EDIT = "edit"
    SWEEP = "sweep"

    @property
    def example(self) -> str:
        """What one might type."""
        return _EXAMPLES[self]


_EXAMPLES = {
    Purpose.FILTER: "/ filter: lost  rescued  attempts>2  total>300ms  key:pay*  -term",
    Purpose.COMMAND: ": goto, key, open, probe, bisect, export, save, theme, or a screen",
    Purpose.SQL: "; one SELECT over calls, attempts, …; $brush $key $call",
    Purpose.TIME: "go to: 10:04  10:04:12.5  +30s  #2",
    Purpose.PROBE: "probe: inflight(k)  budget(b)  breaker(k)  amp(k, 10s)  fail(k, 10s)",
    Purpose.BISECT: "when first: fail>5%  amp(k)>2  budget(b)<1  breaker(k)=open",
    Purpose.NOTE: "note",
    Purpose.EDIT: "candidate: retry.max_attempts=2 retry.jitter=full",
    Purpose.SWEEP: "sweep: retry.max_attempts=1,2,3",
    Purpose.EXPORT: "export to a file: .md .html .json .csv .parquet .svg .txt",
}


class Prompt(Input):
    """An input of one line; while it is empty it says what can be typed."""

    DEFAULT_CSS = """
    Prompt { height: 1; border: none; padding: 0 1; background: $panel; color: $foreground;
        &:focus { border: none; }
    }
    """

    class Entered(Message):
        """The text was confirmed."""

        def __init__(self, purpose: Purpose, text: str) -> None:
            super().__init__()
            self.purpose = purpose
            self.text = text

    class Typed(Message):
        """The text is another one, and not confirmed yet."""

        def __init__(self, purpose: Purpose, text: str) -> None:
            super().__init__()
            self.purpose = purpose
            self.text = text

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  Textual's own name
        super().__init__(id=id, select_on_focus=False)
        self.can_focus = False
        self.display = False
        self.purpose = Purpose.FILTER
        self._before: Widget | None = None

    @property
    def is_open(self) -> bool:
        """Somebody types."""
        return self.display

    def open(self, purpose: Purpose, text: str) -> None:
        """Show it with a text to change."""
        self.purpose = purpose
        self.placeholder = purpose.example
        self.value = text
        self.cursor_position = len(text)
        self._before = self.screen.focused
        self.can_focus = True
        self.display = True
        self.screen.add_class("-typing")
        # At once: the next key is typed before a message would have come round.
        self.screen.set_focus(self)

    def close(self) -> None:
        """Hide it; the pane before has the keys again."""
        self.display = False
        self.screen.remove_class("-typing")
        self.can_focus = False
        self.screen.set_focus(self._before)

    @on(Input.Submitted)
    def _enter(self, event: Input.Submitted) -> None:
        event.stop()
        self.close()
        self.post_message(self.Entered(self.purpose, event.value))

    @on(Input.Changed)
    def _type(self, event: Input.Changed) -> None:
        event.stop()
        if self.is_open:
            self.post_message(self.Typed(self.purpose, event.value))
