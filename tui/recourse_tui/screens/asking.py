"""Questions and answers: a screen asks in a worker, and draws what comes back.

``ask`` runs queries in a thread and touches no widget; ``redraw`` touches widgets and runs no query. Between them is a
message that carries the number of the question; an answer to any but the last one is dropped.
"""

import asyncio
from abc import abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Final

from textual import on, work
from textual.message import Message
from textual.screen import Screen
from textual.timer import Timer
from textual.worker import Worker, WorkerState

from recourse_tui.screens.opened import expected
from recourse_tui.screens.place import Place
from recourse_tui.screens.session import Session

if TYPE_CHECKING:
    from recourse_observe.queries.archive import Archive

__all__ = ["Asking"]

_LANE: Final = "screen"
"""One screen is seen at a time: what the one before still asks is not wanted any more."""


class Asking(Screen[None]):
    """A screen that asks the archive."""

    name_of_view: ClassVar[str] = ""
    searches: ClassVar[bool] = False
    """Its first answer is worth a look while the rest takes minutes."""

    stopped: str = "the question was stopped; r asks it again"
    """What is said when somebody stopped it."""

    class Visit(Message):
        """Somebody wants to go on from a screen to a place."""

        def __init__(self, start: "Asking", place: Place) -> None:
            super().__init__()
            self.start = start
            self.place = place

    class Answered(Message):
        """A question was answered, in part or whole."""

        def __init__(self, question: int, answer: Any) -> None:
            super().__init__()
            self.question = question
            self.answer = answer

    class Done(Message):
        """The last answer to a question has come."""

        def __init__(self, question: int) -> None:
            super().__init__()
            self.question = question

    class Failed(Message):
        """A question cannot be answered; the text is for the person."""

        def __init__(self, question: int, text: str) -> None:
            super().__init__()
            self.question = question
            self.text = text

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.place = Place(view=self.name_of_view)
        self.answer: Any = None
        self.trouble = ""
        self.said = ""
        self.also = ""
        self._is_whole = False
        self._question = 0
        self._edition = session.edition
        self._asked_s: float | None = None
        self._ticker: Timer | None = None

    @abstractmethod
    def ask(self, archive: "Archive", place: Place) -> Iterator[Any]:
        """Answer by answer, the last one complete; runs in a thread and touches no widget.

        Args:
            archive: What to ask; its questions stop when this screen or another one asks the next.
            place: What about.
        """

    @abstractmethod
    def redraw(self) -> None:
        """Draw everything at the present size."""

    @abstractmethod
    def tick(self) -> None:
        """Draw what changes while one waits."""

    def resolved(self, answer: Any) -> Place:
        """The place that was answered, when the question left it open."""
        del answer
        return self.place

    @property
    def is_asking(self) -> bool:
        """An answer is still to come."""
        return self._asked_s is not None

    @property
    def waited_ms(self) -> float:
        """How long the answer has not come."""
        return 0.0 if self._asked_s is None else (_now_s() - self._asked_s) * 1000

    def enter(self, place: Place, *, keep: bool = False) -> None:
        """Show a place: ask, unless its answer is here already.

        Args:
            place: Where to be.
            keep: Show the old answer until the new one comes, because it is the same place.
        """
        is_old = self._edition != self.session.edition
        known = place == self.place and self._is_whole and not is_old
        self._edition = self.session.edition
        self.place, self.said = place, ""
        if not known:
            self._is_whole = False
            self.answer, self.trouble = self.answer if keep else None, ""
            if self.session.is_open:
                self._begin(place)
        self.redraw()

    def _begin(self, place: Place) -> None:
        self._asked_s = _now_s()
        self._ticker = self._ticker or self.set_interval(0.1, self.tick)
        self._question += 1
        self._load(self.session.archive.in_lane(_LANE), place, self._question)

    @work(thread=True, exclusive=True, group="ask", exit_on_error=False)
    def _load(self, archive: "Archive", place: Place, question: int) -> None:
        from recourse_observe.duck import Superseded

        try:
            for answer in self.ask(archive, place):
                self.post_message(self.Answered(question, answer))
            self.post_message(self.Done(question))
        except Superseded:
            self.post_message(self.Failed(question, self.stopped))
        except expected() as error:
            self.post_message(self.Failed(question, str(error)))

    @on(Answered)
    def _show(self, message: Answered) -> None:
        if message.question == self._question:
            self.answer = message.answer
            self.redraw()

    @on(Done)
    def _settle(self, message: Done) -> None:
        if message.question == self._question:
            self._rest()
            self._is_whole = True
            is_here = self.session.place == self.place
            self.place = self.resolved(self.answer)
            if is_here:
                self.session.stay(self.place)
            self.redraw()

    @on(Failed)
    def _excuse(self, message: Failed) -> None:
        if message.question == self._question:
            self.trouble = message.text
            self._rest()
            self.redraw()

    @on(Worker.StateChanged)
    def _broken(self, event: Worker.StateChanged) -> None:
        """A defect of ours is told where an error of the archive would be."""
        if event.state is WorkerState.ERROR and event.worker.error is not None:
            error = event.worker.error
            self.trouble = f"this is a defect of recourse: {type(error).__name__}: {error}"
            self._rest()
            self.redraw()

    def app_time_s(self) -> float:
        """The loop's own clock, in seconds."""
        return _now_s()

    def visit(self, place: Place) -> None:
        """Go on to a place."""
        self.post_message(self.Visit(self, place))

    def stay(self, place: Place) -> None:
        """See the same screen otherwise."""
        self.session.stay(place)
        self.enter(place, keep=True)

    def say(self, text: str, *, also: str = "") -> None:
        """Tell something in passing, and more of it on the line above; the next key wipes it."""
        self.said, self.also = text, also
        self.tick()

    def reload(self) -> None:
        """Ask again."""
        self.answer, self._is_whole = None, False
        self.enter(self.place)

    def let_go(self) -> None:
        """What is here is enough: what is still asked is not waited for, and its answer is dropped."""
        self._question += 1
        self._rest()

    def _rest(self) -> None:
        self._asked_s = None
        if self._ticker is not None:
            self._ticker.stop()
            self._ticker = None


def _now_s() -> float:
    # The loop's own clock: recourse.clock would bring the whole core before the first frame.
    return asyncio.get_running_loop().time()
