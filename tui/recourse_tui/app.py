"""The app: keeps the way taken, and brings the screens when they are first wanted.

Nothing heavy is imported before the first frame: DuckDB and Arrow come with the worker, a screen with its first visit.
"""

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from textual import on
from textual.app import SystemCommand
from textual.binding import BindingsMap
from textual.filter import LineFilter
from textual.screen import ModalScreen, Screen

from recourse_observe.text import printable
from recourse_tui.actions import ACTIONS, VIEWS, Action, bindings, of_screen
from recourse_tui.leaving import leave_on_signals
from recourse_tui.lines import Barrier
from recourse_tui.opening import DAMAGED, Opening
from recourse_tui.screens.opened import Opened, read
from recourse_tui.screens.place import Place
from recourse_tui.screens.session import Session
from recourse_tui.screens.view import View
from recourse_tui.theme import ANSI_VARIABLES, DARK, THEMES, AsciiOnly

if TYPE_CHECKING:
    from recourse_observe.queries.archive import Archive
    from recourse_observe.scope import Scope

__all__ = ["RecourseApp", "run"]

_USAGE: Final = 2
_CLASSES: Final = {name: f"recourse_tui.screens.{name}:{name.capitalize()}View" for name in VIEWS}


class RecourseApp(Opening, inherit_bindings=False):
    """The incident TUI over one archive.

    Args:
        archive_path: A directory, one Parquet file, or a pattern.
        screen: The screen to begin with; triage when left out.
        reader: What opens the archive, instead of ``read(archive_path)``.
        in_ascii: Draw every glyph as an ASCII character.
        is_read_only: Write neither notes nor files.
        trusted: The archive is our own: read it in this process.
        scoped: What to look at first, once the archive is open.
        actions: Everything that a key can do, with its keys.
    """

    TITLE = "recourse"
    DEFAULT_MODE: ClassVar[str] = "triage"

    def __init__(  # noqa: PLR0913  # one argument per choice of whoever opens it
        self,
        archive_path: str,
        *,
        screen: str | None = None,
        reader: Callable[[], Opened] | None = None,
        in_ascii: bool = False,
        is_read_only: bool = False,
        trusted: bool = False,
        scoped: "Callable[[Archive], Scope] | None" = None,
        actions: Mapping[str, Action] = ACTIONS,
    ) -> None:
        super().__init__(
            Session(archive_path, in_ascii=in_ascii, is_read_only=is_read_only),
            reader or partial(read, archive_path, trusted=trusted),
            scoped,
        )
        self._first = screen or "triage"
        self._actions = actions
        self._takes_mouse = True
        self._filters_of_ours: tuple[LineFilter, ...] = (
            Barrier(),
            *((AsciiOnly(),) if in_ascii else ()),
        )
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = DARK.name
        for name in VIEWS:
            self.add_mode(name, partial(self._screen_named, name))

    def get_line_filters(self) -> list[LineFilter]:
        """Textual's filters, then ours: nothing a terminal would obey passes, whatever drew it."""
        return [*super().get_line_filters(), *self._filters_of_ours]

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Our variables, for themes that do not have them."""
        return dict(ANSI_VARIABLES)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """The palette: everything that the present screen has a key for."""
        for name, action in of_screen(getattr(screen, "name_of_view", "")):
            run_it = partial(self.run_action, action.handler, screen)
            yield SystemCommand(name.replace("_", " "), action.help, run_it)

    # ------------------------------------------------------------ opening

    def on_mount(self) -> None:
        """Paint first; then read."""
        if self._first != "triage":
            self.session.jump(Place(view=self._first))
        self.app_resume_signal.subscribe(self, self._paint_again)
        if not self.is_headless:
            leave_on_signals(self)
        self.call_after_refresh(self._open_archive)

    def _paint_again(self, _: object) -> None:
        """After ctrl+z and fg the terminal is empty, which Textual does not know."""
        for widget in self.screen.walk_children():
            widget.refresh()

    # ------------------------------------------------------------ going

    @on(View.Visit)
    async def _visit(self, message: View.Visit) -> None:
        # A second key that was typed before the first one arrived asks a screen that was left.
        if message.start is self.screen:
            self.session.go(message.place)
            await self.arrive()

    async def action_visit(self, view: str) -> None:
        """Jump to a screen, keeping incident, brush and filter."""
        self.session.jump(replace(self.session.place, view=view, against=""))
        await self.arrive()

    async def action_back(self) -> None:
        """Close what is open on top, or go one step up."""
        if isinstance(self.screen, View) and self.screen.step_out():
            return
        if isinstance(self.screen, ModalScreen):
            await self.pop_screen()
        elif self.session.back():
            await self.arrive()

    async def action_history(self, steps: int) -> None:
        """Back or forward through what was seen."""
        if self.session.turn(steps):
            await self.arrive()

    async def action_swap_view(self) -> None:
        """To the view before this one, and back again."""
        if self.session.swap():
            await self.arrive()

    async def action_help(self) -> None:
        """All keys of this screen; again closes."""
        if isinstance(self.screen, View):
            from recourse_tui.screens.help import Overlay, help_lines

            view = self.screen.name_of_view
            await self.push_screen(
                Overlay(f"KEYS OF {view.upper()}", help_lines(view, self._actions))
            )
        else:
            await self.action_back()

    async def action_amplification(self) -> None:
        """All that is known of the incident, over the screen."""
        incident = self.session.incident(self.session.place.incident)
        if incident is None:
            if isinstance(self.screen, View):
                self.screen.say("no incident is chosen, so there is no part of ours in one")
            return
        from recourse_tui.screens.help import Overlay
        from recourse_tui.widgets.verdict import side_lines

        await self.push_screen(Overlay(f"INCIDENT #{incident.id}", side_lines(incident, 70)))

    def action_mouse(self) -> None:
        """Take the mouse, or leave it to the terminal so that one can select text."""
        driver = self._driver
        switch = "_disable_mouse_support" if self._takes_mouse else "_enable_mouse_support"
        # Textual has no public way to let go of the mouse.
        if (run_it := getattr(driver, switch, None)) is not None:
            run_it()
        self._takes_mouse = not self._takes_mouse
        if isinstance(self.screen, View):
            whose = "taken; F2 lets go" if self._takes_mouse else "the terminal's; F2 takes it"
            self.screen.say(f"the mouse is {whose}")

    def action_link(self) -> None:
        """Copy the command line for this view; it is shown too, as a terminal may ignore the copy."""
        if isinstance(self.screen, View):
            link = self.session.link()
            self.screen.copy(link, link)

    def action_cancel(self) -> None:
        """Copy what is selected; otherwise stop the query that runs."""
        if text := self.screen.get_selected_text():
            if isinstance(self.screen, View):
                self.screen.copy(text, " ".join(text.split()))
            else:
                self.copy_to_clipboard(text)
        elif self.session.opened is not None:
            self.session.archive.store.interrupt()

    async def action_quit(self) -> None:
        """Leave, with a code that says whether there was something to read."""
        self.exit(return_code=DAMAGED if self.session.problem else 0)

    async def arrive(self) -> None:
        """Show the place where the session is."""
        place = self.session.place
        await self.switch_mode(place.view)
        if isinstance(self.screen, View):
            self.screen.enter(place, keep=self.session.is_following)

    def _screen_named(self, name: str) -> Screen[Any]:
        module, _, attribute = _CLASSES[name].partition(":")
        view: View = getattr(import_module(module), attribute)(self.session)
        if self._actions is not ACTIONS:
            view.actions = self._actions
            # Textual takes keys from classes, or lets a keymap change single ones, without our names for them.
            view._bindings = BindingsMap(bindings(name, self._actions))  # noqa: SLF001  # see above
        return view


def run(  # noqa: PLR0913  # one argument per option
    archive_path: str,
    *,
    screen: str | None = None,
    in_ascii: bool = False,
    mouse: bool = True,
    trusted: bool = False,
    scoped: "Callable[[Archive], Scope] | None" = None,
    keymap: Path | None = None,
) -> int:
    """Show an archive in the terminal until the person leaves.

    Args:
        archive_path: A directory, one Parquet file, or a pattern.
        screen: The screen to begin with; triage when left out.
        in_ascii: Draw with ASCII characters only.
        mouse: Take the mouse; without it the terminal's own selection works.
        trusted: The archive is our own: read it in this process.
        scoped: What to look at first, once the archive is open.
        keymap: A file that gives actions other keys.

    Returns:
        The exit code: 0, 2 for a screen that is not there or a keymap that is none, 5 when nothing of the archive can be read.
    """
    if screen is not None and screen not in VIEWS:
        sys.stderr.write(
            f"recourse: screen {screen!r} is not there; use one of {', '.join(VIEWS)}\n"
        )
        return _USAGE
    actions = ACTIONS
    if keymap is not None:
        from recourse_tui.actions.keymap import KeymapError, read_keymap  # few have one

        try:
            actions = read_keymap(keymap)
        except KeymapError as error:
            sys.stderr.write(f"recourse: {printable(str(error))}\n")
            return _USAGE
    app = RecourseApp(
        archive_path,
        screen=screen,
        in_ascii=in_ascii,
        trusted=trusted,
        scoped=scoped,
        actions=actions,
    )
    app.run(mouse=mouse)
    if app.session.problem:
        sys.stderr.write(f"recourse: {app.session.problem}\n")
    return app.return_code or 0
