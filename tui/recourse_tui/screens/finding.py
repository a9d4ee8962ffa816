"""Finding: how many calls a filter chooses while it is typed, and the way from one of them to the next."""

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from textual import on, work
from textual.message import Message

from recourse_observe.text import count, plural, printable
from recourse_tui.screens.opened import expected
from recourse_tui.screens.prompting import Prompting
from recourse_tui.widgets.prompt import Prompt, Purpose

if TYPE_CHECKING:
    from recourse_observe.queries.archive import Archive
    from recourse_observe.scope import Scope

__all__ = ["Finding"]

_LANE: Final = "count"


class Finding(Prompting):
    """A screen on which one can look for calls."""

    matches: str = ""
    """What is known of the filter that is being typed."""

    class Counted(Message):
        """The calls of a filter were counted, or it cannot be read."""

        def __init__(self, where: str, text: str) -> None:
            super().__init__()
            self.where = where
            self.text = text

    def action_match(self, step: int) -> None:
        """To the next call that the filter chooses; screens with a list of their own know which."""
        del step
        if self.place.scope.where:
            self.visit(replace(self.place, view="call", call_id="", ordinal=0))
        else:
            self.say("no filter holds; / sets one")

    @on(Prompt.Typed)
    def _typed(self, message: Prompt.Typed) -> None:
        self.matches = ""
        if message.purpose is Purpose.FILTER and self.session.is_open:
            archive = self.session.archive.in_lane(_LANE)
            self._count(archive, self.place.scope, message.text)
        self.tick()

    @work(thread=True, exclusive=True, group="count", exit_on_error=False)
    def _count(self, archive: "Archive", scope: "Scope", where: str) -> None:
        from recourse_observe.duck import Superseded

        try:
            of_calls = archive.calls(scope.matching(""), limit=1).total
            chosen = archive.calls(scope.matching(where), limit=1).total
        except Superseded:
            return
        except expected() as error:
            text = f"✗ {printable(str(error))}"
        else:
            text = f"{count(chosen)} of {plural(of_calls, 'call')} match"
        self.post_message(self.Counted(where, text))

    @on(Counted)
    def _counted(self, message: Counted) -> None:
        if self.prompt.is_open and self.prompt.value == message.where:
            self.matches = message.text
            self.tick()
