"""The line of time of a replay: where the playhead is, and the moments at which something changed."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len
from textual import events
from textual.message import Message

from recourse_observe.text import clock, printable
from recourse_tui.lines import Ink, Line, Lines, Span, cell, inked

if TYPE_CHECKING:
    from recourse_observe.replay.markers import Marker
    from recourse_observe.replay.timeline import Replay

__all__ = ["Scrubber", "marker_line", "scrubber_lines"]

_LABEL_CELLS: Final = 40
_MARKED: Final = 9
"""Markers that have a digit."""


def marker_line(markers: "Sequence[Marker]", at_us: int, width: int) -> Line:
    """The marker that was passed last and those after it, as many as fit."""
    if not markers:
        return inked(" ", Span("MARKERS", Ink.HEAD), Span("  none", Ink.DIM))
    passed = sum(marker.at_us <= at_us for marker in markers)
    text = ""
    for number in range(max(0, passed - 1), len(markers)):
        marker = markers[number]
        label = cell(marker.label, min(_LABEL_CELLS, cell_len(printable(marker.label))))
        one = f"{number + 1} {label} {clock(marker.at_us)}"
        if text and cell_len(f" MARKERS  {text} · {one}  of {len(markers)}") > width:
            break
        text = f"{text} · {one}" if text else one
    return inked(" ", Span("MARKERS", Ink.HEAD), f"  {text}", Span(f"  of {len(markers)}", Ink.DIM))


def scrubber_lines(
    replay: "Replay",
    markers: "Sequence[Marker]",
    at_us: int,
    brush: tuple[int, int],
    width: int,
) -> list[Line]:
    """Where the playhead is between the first and the last moment, with markers and the brush."""
    cells = max(1, width - 4)
    span_us = max(1, replay.end_us - replay.start_us)

    def place(moment: int) -> int:
        return max(0, min(cells - 1, (moment - replay.start_us) * cells // span_us))

    first, last = place(brush[0]), place(brush[1] - 1)
    text = ["━" if first <= number <= last else "─" for number in range(cells)]
    for number, marker in reversed(list(enumerate(markers, 1))):
        text[place(marker.at_us)] = str(number) if number <= _MARKED else "▼"
    playhead = place(at_us)
    start, end = clock(replay.start_us), clock(replay.end_us)
    return [
        inked(
            Span(" ├", Ink.DIM),
            Span("".join(text[:playhead]), Ink.INFO),
            Span("●", Ink.CHOSEN),
            Span("".join(text[playhead + 1 :]), Ink.INFO),
            Span("┤", Ink.DIM),
        ),
        inked(Span(f" {start}{end:>{max(0, width - 2 - len(start))}}", Ink.DIM)),
    ]


class Scrubber(Lines):
    """The line of time: click or drag to be somewhere else."""

    DEFAULT_CSS = "Scrubber { height: 2; }"

    class Sought(Message):
        """Somebody wants to be at a part of the line, from 0 to 1."""

        def __init__(self, share: float) -> None:
            super().__init__()
            self.share = share

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  Textual's own name
        super().__init__(id=id, can_focus=False)
        self._is_held = False

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Take hold of the playhead."""
        self._is_held = True
        self.capture_mouse()
        self._seek(event.x)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Take it along."""
        if self._is_held:
            self._seek(event.x)

    def on_mouse_up(self) -> None:
        """Let go."""
        self._is_held = False
        self.release_mouse()

    def _seek(self, x: int) -> None:
        cells = max(1, self.size.width - 4)
        self.post_message(self.Sought(max(0.0, min(1.0, (x - 2) / cells))))
