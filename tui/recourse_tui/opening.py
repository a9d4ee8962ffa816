"""Opening: an archive is read in a worker, read again when it has grown, and told when it cannot be."""

import threading
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from textual import on, work
from textual.app import App
from textual.message import Message
from textual.timer import Timer
from textual.worker import Worker, WorkerState

from recourse_tui.screens.opened import Opened, looked_at
from recourse_tui.screens.session import Session
from recourse_tui.screens.view import View

if TYPE_CHECKING:
    from recourse_observe.queries.archive import Archive
    from recourse_observe.scope import Scope

__all__ = ["DAMAGED", "Opening"]

DAMAGED: Final = 5
"""The exit code for an archive that is missing or of which nothing can be read."""
_FOLLOW_S: Final = 1.0


class Opening(App[None], inherit_bindings=False):
    """An app over one archive.

    Args:
        session: What all screens share.
        reader: What opens the archive.
        scoped: What to look at first, once the archive is open.
    """

    class ArchiveOpened(Message):
        """The archive can be asked."""

        def __init__(self, opened: Opened, scope: "Scope | None") -> None:
            super().__init__()
            self.opened = opened
            self.scope = scope

    class ArchiveGrown(Message):
        """There is something new; the archive shows it from the next question on."""

        def __init__(self, opened: Opened) -> None:
            super().__init__()
            self.opened = opened

    class OpeningFailed(Message):
        """The archive cannot be opened; the text says why. One that was never there is not waited for."""

        def __init__(self, text: str, *, is_missing: bool) -> None:
            super().__init__()
            self.text = text
            self.is_missing = is_missing

    def __init__(
        self,
        session: Session,
        reader: Callable[[], Opened],
        scoped: "Callable[[Archive], Scope] | None",
    ) -> None:
        super().__init__()
        self.session = session
        self._reader = reader
        self._scoped = scoped
        self._following: Timer | None = None
        self._looking = threading.Lock()

    @abstractmethod
    async def arrive(self) -> None:
        """Show the place where the session is."""

    @work(thread=True, exclusive=True, group="open", exit_on_error=False)
    def _open_archive(self) -> None:
        from recourse_observe.archive.errors import ArchiveError
        from recourse_observe.duck import QueryError
        from recourse_observe.scope import ScopeError

        try:
            opened = self._reader()
            scope = self._scoped(opened.archive) if self._scoped is not None else None
        except (ArchiveError, QueryError, ScopeError, OSError) as error:
            is_missing = isinstance(error, FileNotFoundError)
            self.post_message(self.OpeningFailed(str(error), is_missing=is_missing))
        else:
            self.post_message(self.ArchiveOpened(opened, scope))

    @on(Worker.StateChanged)
    async def _broken(self, event: Worker.StateChanged) -> None:
        """A defect of ours is told where an error of the archive would be."""
        if event.state is WorkerState.ERROR:
            error = event.worker.error
            text = f"this is a defect of recourse: {type(error).__name__}: {error}"
            self.post_message(self.OpeningFailed(text, is_missing=False))

    @on(ArchiveOpened)
    async def _opened(self, message: ArchiveOpened) -> None:
        before, self.session.opened = self.session.opened, message.opened
        self.session.notebook.read()
        if before is not None:
            self.session.edition += 1
            self.run_worker(before.archive.close, thread=True, group="close", exit_on_error=False)
        if message.scope is not None:
            self.session.stay(replace(self.session.place, scope=message.scope))
            self._scoped = None
        await self.arrive()

    @on(OpeningFailed)
    async def _not_opened(self, message: OpeningFailed) -> None:
        self.session.problem = message.text
        if message.is_missing and not self.session.edition:
            self.exit(return_code=DAMAGED)
        else:
            await self.arrive()

    async def action_reload(self) -> None:
        """Read the archive again."""
        if (before := self.session.opened) is not None:
            self.run_worker(before.archive.close, thread=True, group="close", exit_on_error=False)
        self.session.forget()
        await self.arrive()
        self._open_archive()

    def action_follow(self) -> None:
        """Look every second whether the archive has grown, or stop looking."""
        if self._following is not None:
            self._following.stop()
            self._following = None
        elif self.session.is_open:
            self._following = self.set_interval(_FOLLOW_S, self._follow)
        self.session.is_following = self._following is not None
        if isinstance(self.screen, View):
            self.screen.say("following: new calls appear" if self._following else "not following")

    def _follow(self) -> None:
        # A question that is asked again every second would never be answered.
        if not (isinstance(self.screen, View) and self.screen.is_asking):
            self._look()

    @work(thread=True, group="follow", exit_on_error=False)
    def _look(self) -> None:
        from recourse_observe.archive.errors import ArchiveError
        from recourse_observe.duck import QueryError, Superseded

        if not self._looking.acquire(blocking=False):
            return  # the look before has not ended yet
        try:
            archive = self.session.archive
            grown = looked_at(archive) if archive.refresh() else None
        except (ArchiveError, QueryError, Superseded, OSError):
            grown = None  # what cannot be read now may be read at the next look
        finally:
            self._looking.release()
        if grown is not None:
            self.post_message(self.ArchiveGrown(grown))

    @on(ArchiveGrown)
    async def _grown(self, message: ArchiveGrown) -> None:
        if self._following is not None:
            self.session.opened = message.opened
            self.session.edition += 1
            await self.arrive()
