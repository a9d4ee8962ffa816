"""Probing: what somebody wants to know at the playhead; of the state at once, from a query a moment later."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from textual import on, work
from textual.message import Message

from recourse_observe.duck import Superseded
from recourse_observe.replay.asked import SqlProbe, answer, read_probe, said
from recourse_observe.text import clock
from recourse_tui.lines import cell
from recourse_tui.screens.opened import expected
from recourse_tui.screens.playing import Playing
from recourse_tui.screens.session import Session

if TYPE_CHECKING:
    from recourse_observe.queries.archive import Archive
    from recourse_tui.screens.stage import Stage

__all__ = ["Probing"]

_QUERY_CELLS: Final = 32
_NEVER: Final = -1


class Probing(Playing):
    """A screen with probes at its playhead.

    One query runs at a time: while the playhead moves, an answer says of which moment it is.
    """

    class Known(Message):
        """Queries have been answered for a moment."""

        def __init__(self, at_us: int, values: Mapping[str, str]) -> None:
            super().__init__()
            self.at_us = at_us
            self.values = values

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._known: dict[str, tuple[int, str]] = {}
        self._is_probing = False

    def known_at(self, stage: "Stage", at_us: int) -> list[str]:
        """Each probe with what is known of it; what is not known yet is asked."""
        texts = self.session.probes
        queries = [text for text in texts if isinstance(read_probe(text), SqlProbe)]
        old = [text for text in queries if self._known.get(text, (_NEVER, ""))[0] != at_us]
        if old and not self._is_probing:
            self._is_probing = True
            self._query(self.session.archive.in_lane("probe"), stage, old, at_us)
        return [self._line_of(text, stage, at_us) for text in texts]

    def _line_of(self, text: str, stage: "Stage", at_us: int) -> str:
        probe = read_probe(text)
        if not isinstance(probe, SqlProbe):
            value = answer(probe, self.session.archive, self.place.scope, stage.replay, at_us)
            return f"{text} = {said(probe, value)}"
        then, known = self._known.get(text, (_NEVER, "…"))
        when = f" at {clock(then, decimals=1)}" if then not in {at_us, _NEVER} else ""
        return f"{cell(text, min(len(text), _QUERY_CELLS))} = {known}{when}"

    @work(thread=True, group="probe", exit_on_error=False)
    def _query(self, archive: "Archive", stage: "Stage", texts: Sequence[str], at_us: int) -> None:
        values: dict[str, str] = {}
        for text in texts:
            probe = read_probe(text)
            try:
                value = answer(probe, archive, stage.place.scope, stage.replay, at_us)
            except Superseded:
                values[text] = "stopped"
            except expected() as error:
                values[text] = f"✗ {error}"
            else:
                values[text] = said(probe, value)
        self.post_message(self.Known(at_us, values))

    @on(Known)
    def _hear(self, message: Known) -> None:
        self._is_probing = False
        self._known.update({text: (message.at_us, told) for text, told in message.values.items()})
        self.redraw()
