"""What is typed on a screen: a filter, a command, a query, a moment, a probe, a note; one line for all of them."""

from abc import abstractmethod
from dataclasses import replace
from typing import Final

from textual import on

from recourse_observe.scope import ScopeError, parse_instant
from recourse_tui.screens.asking import Asking
from recourse_tui.screens.session import Place
from recourse_tui.widgets.prompt import Prompt, Purpose

__all__ = ["Prompting"]

COMMANDS: Final = {
    "goto": "a moment: 10:04, +30s or #2",
    "key": "a key, by its name",
    "open": "a call, by the beginning of its id",
    "probe": "what to know at every moment: inflight(k), amp(k, 10s), budget(b)",
    "bisect": "when it held first: fail>5%",
    "export": "a file: .md .html .json .csv .parquet .svg .txt",
    "save": "a name for the query of the console",
    "theme": "recourse, recourse-light, recourse-contrast",
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

    def action_filter(self) -> None:
        """Type a filter; the one that holds is there to be changed."""
        self.prompt.open(Purpose.FILTER, self.place.scope.where)

    def action_prompt(self, purpose: str, text: str = "") -> None:
        """Type something else."""
        self.prompt.open(Purpose(purpose), text)

    @on(Prompt.Entered)
    def _entered(self, message: Prompt.Entered) -> None:
        text = " ".join(message.text.split())
        try:
            self._do(message.purpose, text)
        except ScopeError as error:
            self.say(f"✗ {error}")

    def _do(self, purpose: Purpose, text: str) -> None:
        match purpose:
            case Purpose.FILTER:
                self._filter(text)
            case Purpose.COMMAND:
                self._command(text)
            case Purpose.SQL if text:
                self.visit(replace(self.place, view="sql", query=text))
            case Purpose.TIME if text:
                self._goto(text)
            case Purpose.PROBE if text:
                self._probe(text)
            case Purpose.BISECT if text:
                self._bisect(text)
            case Purpose.NOTE if text:
                self.note(text)
            case Purpose.EXPORT if text:
                self.export(text)
            case _:
                pass  # nothing was typed

    def _filter(self, where: str) -> None:
        from recourse_observe.queries.filters import compile_filter

        compile_filter(where)
        self.stay(replace(self.place, scope=self.place.scope.matching(where), ordinal=-1))

    def _command(self, text: str) -> None:
        name, _, rest = text.lstrip(":").partition(" ")
        match name:
            case "":
                return
            case "goto":
                self._goto(rest)
            case "key":
                self.visit(replace(self.place, view="key", scope=self.place.scope.of(rest or None)))
            case "open":
                self.visit(replace(self.place, view="call", call_id=rest, ordinal=-1))
            case "probe":
                self._probe(rest)
            case "bisect":
                self._bisect(rest)
            case "export":
                self.export(rest)
            case "save":
                self.save(rest)
            case "theme":
                self._theme(rest)
            case _:
                self._screen(name)

    def save(self, name: str) -> None:
        """Keep the query of the console under a name."""
        del name
        self.say("✗ only the console has a query to save (9)")

    def _screen(self, name: str) -> None:
        from recourse_tui.actions import VIEWS

        if name not in VIEWS:
            allowed = f"a screen, or one of {', '.join(COMMANDS)}"
            raise ScopeError(name, "command", allowed)
        self.visit(replace(self.place, view=name))

    def _goto(self, text: str) -> None:
        """Be at a moment: the replay stands there, every other brush begins there and is as long as it was."""
        if not self.session.is_open:
            return
        if text.startswith("#"):
            self._incident(text)
            return
        covered = self.session.book.coverage
        at = parse_instant(text, day_unix_us=covered.first_unix_us)
        if self.place.view == "replay":
            self.stay(replace(self.place, at_us=at))
            return
        scope = self.place.scope
        is_open = scope.start_unix_us <= covered.first_unix_us
        length = (covered.last_unix_us - covered.first_unix_us) // 20 if is_open else scope.span_us
        self.stay(replace(self.place, scope=scope.during(at, at + max(1, length)), incident=0))

    def _incident(self, text: str) -> None:
        number = text.removeprefix("#")
        place = self.session.of_incident(int(number)) if number.isdigit() else None
        if place is None:
            raise ScopeError(text, "incident", "the number of one, for example #1")
        self.stay(place)

    def _probe(self, text: str) -> None:
        from recourse_observe.replay.probes import parse_probe

        parse_probe(text)
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
