"""The line for typing: hidden until a key opens it, gone when it is left."""

from textual import on
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input

__all__ = ["Prompt"]


class Prompt(Input):
    """An input of one line, with a sign that says what is typed."""

    DEFAULT_CSS = """
    Prompt { display: none; height: 1; border: none; padding: 0 1; background: $panel; color: $foreground;
        &:focus { border: none; }
        &.-open { display: block; }
    }
    """

    class Entered(Message):
        """The text was confirmed."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  Textual's own name
        super().__init__(id=id, select_on_focus=False)
        self.can_focus = False
        self._before: Widget | None = None

    @property
    def is_open(self) -> bool:
        """Somebody types."""
        return self.has_class("-open")

    def open(self, text: str) -> None:
        """Show it with a text to change."""
        self.value = text
        self.cursor_position = len(text)
        self._before = self.screen.focused
        self.can_focus = True
        self.add_class("-open")
        self.screen.add_class("-typing")
        self.focus()

    def close(self) -> None:
        """Hide it; the pane before has the keys again."""
        self.remove_class("-open")
        self.screen.remove_class("-typing")
        self.can_focus = False
        self.screen.set_focus(self._before)

    @on(Input.Submitted)
    def _enter(self, event: Input.Submitted) -> None:
        event.stop()
        self.close()
        self.post_message(self.Entered(event.value))

    @on(Input.Changed)
    def _quiet(self, event: Input.Changed) -> None:
        event.stop()
