"""The line for typing: hidden until a key opens it, gone when it is left."""

from textual import on
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input

__all__ = ["Prompt"]


class Prompt(Input):
    """An input of one line, with a sign that says what is typed."""

    DEFAULT_CSS = """
    Prompt { height: 1; border: none; padding: 0 1; background: $panel; color: $foreground;
        &:focus { border: none; }
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
        self.display = False
        self._before: Widget | None = None

    @property
    def is_open(self) -> bool:
        """Somebody types."""
        return self.display

    def open(self, text: str) -> None:
        """Show it with a text to change."""
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
        self.post_message(self.Entered(event.value))

    @on(Input.Changed)
    def _quiet(self, event: Input.Changed) -> None:
        event.stop()
