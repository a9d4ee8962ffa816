"""Story: one incident told as facts, each with the query that gives its numbers and the calls that show it."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.containers import Vertical

from recourse_observe.story.findings import Evidence, Fact, Role
from recourse_observe.text import clock
from recourse_tui.lines import Ink, Lines, Span
from recourse_tui.screens.place import Place, incident_scope
from recourse_tui.screens.session import Session
from recourse_tui.screens.view import View
from recourse_tui.widgets.facts import headline, proof, told

if TYPE_CHECKING:
    from recourse_observe.queries.archive import Archive
    from recourse_observe.story.findings import Incident, StoryDocument
    from recourse_tui.widgets.facts import About

__all__ = ["StoryView"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The place as it turned out to be, the story, and the incident that is told; none in a quiet archive."""

    place: Place
    story: "StoryDocument"
    incident: "Incident | None"

    @property
    def facts(self) -> Sequence[Fact]:
        """What is told."""
        return self.story.looked_at if self.incident is None else self.incident.facts


class StoryView(View):
    """One incident, told."""

    DEFAULT_CSS = """
    StoryView {
        & #headline { height: 4; }
        & #evidence { height: 3; }
        &.-tall #evidence { height: 6; }
    }
    """
    name_of_view: ClassVar[str] = "story"
    answer: Answer | None

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._about: Mapping[int, About] = {}

    def panels(self) -> ComposeResult:
        """Headline, facts and all that follows from them, and the evidence of the marked fact."""
        with Vertical():
            yield Lines(id="headline", can_focus=False)
            yield Lines(id="facts")
            yield Lines(id="evidence", can_focus=False)

    def ask(self, archive: "Archive", place: Place) -> Iterator[Answer]:
        """The incident that the place names, or the first one."""
        del archive  # the story outlives this screen: it is told for all of them
        story, place = self.session.book.story(), self.session.on_incident(place)
        number = place.incident or 1
        incident = story.incidents[number - 1] if number <= len(story.incidents) else None
        yield Answer(place=place, story=story, incident=incident)

    def resolved(self, answer: Answer) -> Place:
        """The story begins with the first incident."""
        return answer.place

    def draw(self) -> None:
        """The panels."""
        if self.answer is None:
            return
        head = headline(self.answer.incident, self.width)
        pane = self.lines("headline")
        pane.styles.height = len(head)
        pane.show(head)
        lines, self._about = told(self.answer.facts, self.answer.incident, self.width)
        self.lines("facts").show(lines, stops=list(self._about))
        self.marked()

    def marked(self) -> None:
        """Another fact has other evidence."""
        fact = self._marked()
        lines = proof(self._number(fact), fact, self.width) if isinstance(fact, Fact) else []
        self.lines("evidence").show(lines)

    def status(self) -> Span:
        """How many facts, and which document this is."""
        if self.answer is None or not self.answer.facts:
            return Span("nothing to tell", Ink.DIM)
        thing, facts = self._marked(), self.answer.facts
        told_of = f"fact {self._number(thing)} of" if isinstance(thing, Fact) else "facts"
        return Span(
            f"{told_of} {len(facts)} · recourse.story/1 · same archive, same bytes", Ink.DIM
        )

    def facts(self) -> str:
        """When it was."""
        incident = self.answer.incident if self.answer is not None else None
        if incident is None:
            return super().facts()
        end = "ongoing" if incident.ongoing else clock(incident.end_unix_ns // 1_000)
        return f"{clock(incident.onset_unix_ns // 1_000)}→{end} UTC"

    def hint(self) -> str:
        """What one would do next."""
        if self.answer is None or self.answer.incident is None:
            return "enter all calls · 1 keys · 3 the busiest key · esc back"
        return "enter its calls · Y copy its SQL · x export · i next incident · y link"

    def action_open(self) -> None:
        """The calls behind the marked fact, or the marked sample call."""
        incident = self.answer.incident if self.answer is not None else None
        if incident is None:
            self.visit(replace(self.place, view="calls", call_id="", ordinal=-1))
            return
        scope = incident_scope(self.place.scope, incident)
        there = replace(self.place, scope=scope, call_id="", ordinal=-1)
        match self._marked():
            case Fact() as fact:
                where = _calls_of(fact, incident)
                scope = scope.of(next(iter(incident.keys), None)).matching(where)
                self.visit(replace(there, view="calls", shape=False, scope=scope))
            case Evidence(call_id=str(call_id)):
                self.visit(replace(there, view="call", call_id=call_id))
            case _:
                return

    def action_copy_sql(self) -> None:
        """The query that gives the marked fact's numbers."""
        if isinstance(fact := self._marked(), Fact):
            self.copy(fact.sql, " ".join(fact.sql.split()))

    # ------------------------------------------------------------ private

    def _marked(self) -> "About | None":
        return self._about.get(self.lines("facts").cursor)

    def _number(self, thing: "About | None") -> int:
        return list(self._about.values()).index(thing) + 1 if thing is not None else 0


def _calls_of(fact: Fact, incident: "Incident") -> str:
    """The filter for the calls that a fact is about."""
    match fact.role:
        case Role.IMPACT:
            return "lost"
        case Role.OURS:
            return "retried"
        case Role.GUARD:
            return "denied"
        case Role.ROOT if incident.measures.reason:
            return shlex.quote(f"reason:{incident.measures.reason}")
        case _:
            return ""
