"""An event as words: what happened, and what it took or left. The screen and the command say the same."""

from typing import Final, assert_never

from recourse_observe.replay.state import EventKind
from recourse_observe.replay.timeline import Event
from recourse_observe.text import clock, duration, printable

__all__ = ["told", "when"]

_GLYPHS: Final = {
    EventKind.POLICY: "▼",
    EventKind.BREAKER: "◐",
    EventKind.CALL_START: "○",
    EventKind.BUDGET: "·",
    EventKind.ATTEMPT_START: "↻",
    EventKind.DENIED: "⊘",
    EventKind.ATTEMPT_END: "↻",
    EventKind.CALL_END: "●",
}


def when(event: Event) -> str:
    """The time of day, to the millisecond."""
    return clock(event.at_us, decimals=3)


def told(event: Event) -> tuple[str, str, str, str]:
    """Glyph, what it is about, what happened, and the rest."""
    hedge = f".{event.hedge_index}" if event.hedge_index else ""
    attempt = f"att {event.attempt}{hedge}"
    word, took = printable(event.word), duration(event.value)
    match event.kind:
        case EventKind.POLICY:
            about, what, rest = "policy", "applied", word
        case EventKind.BREAKER:
            about, what, rest = "breaker", word, printable(event.instance)
        case EventKind.CALL_START:
            about, what, rest = "call", "begins", ""
        case EventKind.BUDGET:
            left = "" if event.value is None else f"{event.value:,.3g} left"
            about, what = attempt, "allowed" if event.good else "refused"
            rest = f"{word} {left}".strip()
        case EventKind.ATTEMPT_START:
            about, what, rest = attempt, "start", word
        case EventKind.DENIED:
            about, what, rest = attempt, "denied", word
        case EventKind.ATTEMPT_END:
            about, what, rest = attempt, word, took
        case EventKind.CALL_END:
            about, what, rest = "call", word, took
        case _:
            assert_never(event.kind)
    return _glyph(event), about, what, rest


def _glyph(event: Event) -> str:
    match event.kind:
        case EventKind.ATTEMPT_START if event.hedge_index:
            return "⇉"
        case EventKind.ATTEMPT_END if event.good:
            return "●"
        case EventKind.CALL_END if not event.good:
            return "✗"
        case kind:
            return _GLYPHS[kind]
