"""What is typed on a screen: a filter, a command, a query, a moment, a probe, a note; one line for all of them."""

from abc import abstractmethod
from dataclasses import replace
from typing import Final

from textual import on
from textual.widgets import Input

from recourse_observe.scope import ScopeError, parse_instant
from recourse_observe.text import clock
from recourse_tui.actions import ACTIONS, VIEWS
from recourse_tui.screens.asking import Asking
from recourse_tui.screens.links import numbered
from recourse_tui.screens.place import Place
from recourse_tui.widgets.prompt import Prompt, Purpose

__all__ = ["Prompting"]

_DAY_US: Final = 86_400_000_000
_MINUTE_US: Final = 60_000_000

COMMANDS: Final = {
    "goto": "a moment or an incident: 10:04, +30s, #2 or KEY@ONSET",
    "key": "a key, by its name",
    "open": "a call, by the beginning of its id",
    "probe": "what to know at every moment: inflight(k), amp(k, 10s), or a SELECT with $at",
    "bisect": "when it held first: fail>5%",
    "export": "a file: .md .html .json .csv .parquet .svg .txt",
    "save": "a name for the query of the console",
    "theme": "recourse, recourse-light, recourse-contrast",
    "whatif": "what the candidate changes: retry.max_attempts=2",
}
"""Commands of ``:``, and what they take; the names of screens are commands, too."""


class Prompting(Asking):
    """A screen on which one can type."""

    @property
    def prompt(self) -> Prompt:
        """Where one types."""
        return self.query_one(Prompt)

    def moment(self) -> int | None:
        """The moment under the cursor; none when the screen has none."""
        return None

    def reaches(self, at_us: int) -> bool:
        """The screen can stand at that moment without another brush."""
        del at_us
        return False

    @abstractmethod
    def export(self, text: str) -> None:
        """Write what is seen to a file."""

    @abstractmethod
    def note(self, text: str) -> None:
        """Write a note about what is seen."""

    def step_out(self) -> bool:
        """Close what is open on this screen; false when nothing is."""
        if self.prompt.is_open:
            self.prompt.close()
            return True
        return False

    async def action_type_now(self, name: str) -> None:
        """Do what opens the prompt, before the next key goes anywhere."""
        await self.run_action(ACTIONS[name].handler)

    @property
    def is_typing(self) -> bool:
        """Whatever has the keys takes them for text."""
        return isinstance(self.focused, Input)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whoever types already means the character itself."""
        if action == "type_now":
            return not self.is_typing
        return super().check_action(action, parameters)

    def action_filter(self) -> None:
        """Type a filter; the one that holds is there to be changed."""
        self._open(Purpose.FILTER, self.place.scope.where)

    def action_prompt(self, purpose: str, text: str = "") -> None:
        """Type something else."""
        self._open(Purpose(purpose), text)

    def _open(self, purpose: Purpose, text: str) -> None:
        self.prompt.open(purpose, text)
        self.say("")

    @on(Prompt.Entered)
    def _entered(self, message: Prompt.Entered) -> None:
        text = message.text.strip()
        try:
            self._do(message.purpose, text)
        except ScopeError as error:
            self.say(f"✗ {error}")

    def _do(self, purpose: Purpose, text: str) -> None:
        if not text and purpose not in {Purpose.FILTER, Purpose.SWEEP}:
            return  # nothing was typed
        doing = {
            Purpose.FILTER: self._filter,
            Purpose.COMMAND: self._command,
            Purpose.SQL: self._sql,
            Purpose.TIME: self._goto,
            Purpose.PROBE: self._probe,
            Purpose.BISECT: self._bisect,
            Purpose.NOTE: self.note,
            Purpose.EXPORT: self.export,
            Purpose.EDIT: self.edit,
            Purpose.SWEEP: self.sweep,
        }
        doing[purpose](text)

    def _sql(self, text: str) -> None:
        self.visit(replace(self.place, view="sql", query=text))

    def _filter(self, where: str) -> None:
        from recourse_observe.queries.filters import compile_filter

        compile_filter(where)
        self.stay(replace(self.place, scope=self.place.scope.matching(where), ordinal=-1))

    def _command(self, text: str) -> None:
        name, _, rest = text.lstrip(":").strip().partition(" ")
        known = {
            "goto": self._goto,
            "key": self._key,
            "open": self._open_call,
            "probe": self._probe,
            "bisect": self._bisect,
            "export": self.export,
            "save": self.save,
            "theme": self._theme,
            "whatif": self.edit,
        }
        if rest and name in known:
            known[name](rest)
        elif name:
            self._screen(name)

    def _key(self, name: str) -> None:
        self.visit(replace(self.place, view="key", scope=self.place.scope.of(name)))

    def _open_call(self, call_id: str) -> None:
        self.visit(replace(self.place, view="call", call_id=call_id, ordinal=-1))

    def edit(self, text: str) -> None:
        """Ask about a candidate; only one screen does."""
        self.visit(replace(self.place, view="whatif", edits=tuple(text.split())))

    def sweep(self, text: str) -> None:
        """Ask for several values; only one screen does."""
        self.visit(replace(self.place, view="whatif", sweep=text))

    def save(self, name: str) -> None:
        """Keep the query of the console under a name."""
        del name
        self.say("✗ only the console has a query to save (9)")

    def _screen(self, name: str) -> None:
        if name not in VIEWS:
            allowed = f"a screen, or one of {', '.join(COMMANDS)}"
            raise ScopeError(name, "command", allowed)
        self.visit(replace(self.place, view=name))

    def _goto(self, text: str) -> None:
        """Be at a moment: the replay stands there, every other brush begins there and is as long as it was."""
        if not self.session.is_open:
            return
        if text.startswith("#") or "@" in text:
            self._incident(text)
            return
        covered = self.session.book.coverage
        at = _inside(text, covered.first_unix_us, covered.last_unix_us)
        if self.reaches(at):
            self.stay(replace(self.place, at_us=at))
            return
        scope = self.place.scope
        is_open = scope.start_unix_us <= covered.first_unix_us
        length = (covered.last_unix_us - covered.first_unix_us) // 20 if is_open else scope.span_us
        scope = scope.during(at, at + max(1, length))
        self.stay(replace(self.place, scope=scope, incident=0, at_us=-1))

    def _incident(self, text: str) -> None:
        if (place := self.session.of_incident(numbered(text, self.session.story))) is not None:
            self.stay(place)

    def _probe(self, text: str) -> None:
        from recourse_observe.replay.asked import read_probe

        read_probe(text)
        self.session.add_probe(text)
        self._replay(replace(self.place, at_us=self._now()))

    def _bisect(self, text: str) -> None:
        from recourse_observe.replay.probes import parse_probe

        probe = parse_probe(text)
        if not probe.is_condition:
            raise ScopeError(text, "condition", "a probe that is compared, for example fail>5%")
        self._replay(replace(self.place, when=text, at_us=-1))

    def _replay(self, place: Place) -> None:
        place = replace(place, view="replay")
        if self.place.view == "replay":
            self.stay(place)
        else:
            self.visit(place)

    def _now(self) -> int:
        moment = self.moment()
        return -1 if moment is None else moment

    def _theme(self, name: str) -> None:
        if name not in self.app.available_themes:
            raise ScopeError(
                name, "theme", "one of " + ", ".join(sorted(self.app.available_themes))
            )
        self.app.theme = name


def _inside(text: str, first_us: int, last_us: int) -> int:
    """A moment of the archive; a time of day before its first one is that of a later day, if there is one.

    Raises:
        ScopeError: It is no moment, or the archive has nothing of it.
    """
    at_us = parse_instant(text, day_unix_us=first_us)
    if at_us < first_us and (later := first_us + (at_us - first_us) % _DAY_US) <= last_us:
        at_us = later
    if not first_us - _MINUTE_US < at_us <= last_us:
        stretch = f"a moment of the archive, from {clock(first_us)} to {clock(last_us)} UTC"
        raise ScopeError(text, "time", stretch)
    return at_us
