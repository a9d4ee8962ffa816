"""What-if: the incident as it was recorded beside the same calls under another policy."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from textual.app import ComposeResult
from textual.containers import Vertical

from recourse_observe.duck import Superseded
from recourse_observe.queries.followed import followed
from recourse_observe.queries.rows import PolicyRow
from recourse_observe.text import clock, plural, printable
from recourse_observe.whatif import Answer as Asked, Edit, LoadPoint, Row, certain
from recourse_observe.whatif.export import own_toml
from recourse_observe.whatif.render import as_json, as_markdown, edit_text
from recourse_tui.lines import Ink, Lines, Span, inked
from recourse_tui.screens.keeping import NothingToWriteError, write_text
from recourse_tui.screens.modelling import modelled
from recourse_tui.screens.opened import Opened
from recourse_tui.screens.place import Place
from recourse_tui.screens.session import Session
from recourse_tui.screens.view import View
from recourse_tui.widgets.policies import (
    load_lines,
    measure_lines,
    note_lines,
    policy_lines,
    sweep_lines,
    told_lines,
)

if TYPE_CHECKING:
    from recourse_observe.queries.archive import Archive

__all__ = ["WhatifView"]

_PRESETS: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("no retries", ("retry.max_attempts=1",)),
    ("two attempts", ("retry.max_attempts=2",)),
    ("three attempts", ("retry.max_attempts=3",)),
    ("full jitter", ("retry.jitter=full",)),
    (
        "a retry in ten calls",
        (
            "retry.budget=suggested",
            "budgets.suggested.kind=retry_ratio",
            "budgets.suggested.ratio=0.1",
            "budgets.suggested.min_retries_per_s=1",
        ),
    ),
    ("a breaker", ("circuit.kind=failure_rate", "circuit.cooldown_s=5")),
)
_SWEEP: Final = "retry.max_attempts=1,2,3,4,5"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What was asked, the policy that was in force, and the rows of the candidate that is shown.

    Attributes:
        toml: The candidate as a file, when it is a suggestion.
        suggested: Which suggestion it is, from 1; 0 when it is a candidate of one's own.
    """

    place: Place
    asked: Asked
    policy: PolicyRow | None
    edits: tuple[Edit, ...]
    rows: tuple[Row, ...]
    toml: str = ""
    suggested: int = 0

    @property
    def load(self) -> tuple[LoadPoint, ...]:
        """Load over time; that of a suggestion is not known."""
        if not self.suggested:
            return self.asked.load
        return tuple(replace(point, candidate=None) for point in self.asked.load)


class WhatifView(View):
    """Recorded against candidate."""

    DEFAULT_CSS = "WhatifView { & #policy { height: 7; } }"
    name_of_view: ClassVar[str] = "whatif"
    searches: ClassVar[bool] = True
    suffixes: ClassVar[tuple[str, ...]] = (*View.suffixes, ".toml")
    has_brush: ClassVar[bool] = False
    answer: Answer | None

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._progress = ""
        self._is_wanted = True
        self._preset = -1

    def panels(self) -> ComposeResult:
        """Policies above the measures and what follows from them, which scroll."""
        with Vertical():
            yield Lines(id="policy", can_focus=False)
            yield Lines(id="measures")

    def ask(self, archive: "Archive", place: Place) -> Iterator[Answer]:
        """What is certain of the candidate at once, then what a model says; without one, the best of a search."""
        place = self.session.on_incident(place)
        key = place.scope.key or self._key_of(archive, place)
        place = replace(place, scope=place.scope.of(key))
        policy = followed(archive, place.scope)
        self._is_wanted, is_own = True, bool(place.edits)
        most = policy.max_attempts if policy is not None else 2
        fewer = (f"retry.max_attempts={most - 1 if most > 1 else 2}",)
        own = place if is_own else replace(place, edits=fewer)
        sure = certain(archive, key, edits=own.edits, incident=place.incident or None)
        yield Answer(place=own, asked=sure, policy=policy, edits=sure.edits, rows=sure.rows)
        asked = self._ask(archive, own if is_own else place, suggest=not is_own)
        if asked.suggestions:
            self.session.searched[place.incident] = asked.suggestions
            best = asked.suggestions[0]
            yield Answer(
                place=place, asked=asked, policy=policy, edits=best.edits, rows=best.rows,
                toml=best.toml, suggested=1,
            )  # fmt: skip
            return
        if not is_own and asked.refusal is not None:
            asked = replace(sure, check=asked.check, refusal=asked.refusal)
        elif not is_own:
            asked = self._ask(archive, own, suggest=False)
        yield Answer(place=own, asked=asked, policy=policy, edits=asked.edits, rows=asked.rows)

    def _ask(self, archive: "Archive", place: Place, *, suggest: bool) -> Asked:
        return modelled(
            archive,
            (place.scope.key or "", place.edits, place.incident),
            processes=self.session.processes,
            progress=self._tell,
            sweep=place.sweep or None,
            suggest=suggest,
        )

    def _tell(self, text: str) -> None:
        """What is going on; whoever left does not wait for it."""
        if not self._is_wanted:
            raise Superseded(text)
        self._progress = text

    def resolved(self, answer: Answer) -> Place:
        """The key and the candidate that were chosen."""
        return answer.place

    # ------------------------------------------------------------ drawing

    def draw(self) -> None:
        """Policies, measures, and what stands behind them."""
        if self.answer is None:
            return
        one, width = self.answer, self.width
        policies = policy_lines(one.policy, one.edits, one.suggested)
        self.lines("policy").styles.height = len(policies)
        self.lines("policy").show(policies)
        head, *measures = measure_lines(one.rows)
        told = [
            *load_lines(one.load, width),
            *sweep_lines(one.asked, width),
            *note_lines(one.rows, width),
            *told_lines(one.asked, width),
        ]
        self.lines("measures").show([*measures, *told], head=[head])

    def facts(self) -> str:
        """Which incident, and when it was."""
        if self.answer is None:
            return super().facts()
        asked = self.answer.asked
        which = f"incident #{asked.incident}" if asked.incident else "whole archive"
        return f"{which}  {clock(asked.start_unix_us)}→{clock(asked.end_unix_us)} UTC"

    def status(self) -> Span:
        """What the numbers rest on."""
        if self.answer is None:
            return Span("")
        asked = self.answer.asked
        runs = plural(asked.runs, "run") if asked.runs else "nothing simulated"
        which = "suggested" if self.answer.suggested else "own"
        pane = self.lines("measures")
        room = self.body_rows - len(self.lines("policy").rows) - 1
        below = len(pane.rows) - pane.scroll_offset.y - room
        more = f" · {plural(below, 'line')} below (j)" if below > 0 else ""
        return Span(f"{which} candidate · {runs} · BOUND ≤, MODEL ~, REPLAY ≈{more}", Ink.DIM)

    def tick(self) -> None:
        """While one waits, what is going on."""
        super().tick()
        if self.is_asking and self._progress:
            text = f"{self._progress} … {self.waited_ms / 1000:.1f} s · esc stops"
            self.lines("status").show([inked(" ", Span(text, Ink.DIM))])

    def hint(self) -> str:
        """What one would do next."""
        return "e edit · tab preset · s sweep · d diff · enter replay · x export policy"

    # ------------------------------------------------------------ keys

    def step_out(self) -> bool:
        """Escape stops what runs."""
        if self.is_asking and self._is_wanted:
            self._is_wanted = False
            return True
        return super().step_out()

    def let_go(self) -> None:
        """Stop the model, too, and say that there would be more."""
        self._is_wanted = False
        super().let_go()
        self.redraw()
        self.say("what is certain; the search was not waited for")

    def action_edit(self) -> None:
        """Type what the candidate changes."""
        self.action_prompt("edit", " ".join(self.place.edits))

    def action_preset(self) -> None:
        """The next of the usual changes."""
        self._preset = (self._preset + 1) % len(_PRESETS)
        name, edits = _PRESETS[self._preset]
        self.stay(replace(self.place, edits=edits))
        self.say(f"candidate: {name}")

    def action_sweep(self) -> None:
        """Type what one value after the other is tried."""
        self.action_prompt("sweep", self.place.sweep or _SWEEP)

    def action_diff(self) -> None:
        """Say what the candidate changes, in one line."""
        edits = self.answer.edits if self.answer is not None else ()
        self.say("; ".join(edit_text(edit) for edit in edits) or "the candidate changes nothing")

    def action_open(self) -> None:
        """Play the incident, what was recorded above what the candidate makes of it."""
        points = self.answer.load if self.answer is not None else ()
        if (candidate := self.place.candidate) is not None and not self.is_asking:
            self.session.loads[candidate] = points
        self.visit(replace(self.place, view="replay", at_us=-1))

    def edit(self, text: str) -> None:
        """Ask about another candidate."""
        self.stay(replace(self.place, edits=tuple(text.split())))

    def sweep(self, text: str) -> None:
        """Ask for several values of one field."""
        self.stay(replace(self.place, sweep=text))

    def action_export(self) -> None:
        """Write the candidate as a policy file, or the answer."""
        has_policy = self.answer is not None and self.answer.policy is not None
        self.action_prompt("export", f"candidate.{'toml' if has_policy else 'md'}")

    def written(self, book: Opened, place: Place, path: Path) -> None:
        """The candidate as TOML, or the whole answer; runs in a worker."""
        if self.answer is None:
            message = "there is no answer to write yet"
            raise NothingToWriteError(message)
        match path.suffix:
            case ".toml":
                write_text(path, self.answer.toml or _own_toml(self.answer))
            case ".json":
                write_text(path, as_json(self.answer.asked))
            case ".md":
                write_text(path, as_markdown(self.answer.asked))
            case _:
                super().written(book, place, path)

    def _key_of(self, archive: "Archive", place: Place) -> str:
        incident = self.session.incident(place.incident)
        known: Sequence[str] = incident.keys if incident is not None else ()
        if known:
            return known[0]
        keys = archive.keys(place.scope, buckets=1)
        return keys[0].key if keys else ""


def _own_toml(answer: Answer) -> str:
    if answer.policy is None:
        message = f"the archive holds no policy of {printable(answer.asked.key)} to change"
        raise NothingToWriteError(message)
    return own_toml(answer.policy, answer.place.edits, answer.rows)
