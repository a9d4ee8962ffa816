"""Curves as inline SVG: one drawing per lane, all on one time axis. Pure."""

from collections.abc import Iterator
from html import escape
from typing import Final

from recourse_observe.story.charts import Curve, Curves, Lane
from recourse_observe.text import clock

__all__ = ["drawn"]

_WIDTH: Final = 720
_HEIGHT: Final = 64
_AXIS: Final = 16


def drawn(shown: Curves) -> Iterator[str]:
    """One SVG element per lane, and one for the axis."""
    for lane in shown.lanes:
        yield f"<figcaption>{_caption(lane)}</figcaption>"
        yield _lane(shown, lane)
    yield _axis(shown)


def _caption(lane: Lane) -> str:
    names = ", ".join(
        f'<span class="c{i}">{escape(one.name)}</span>' for i, one in enumerate(lane.curves)
    )
    return f"{escape(lane.title)} <small>{names}; at most {escape(lane.words(lane.top))}</small>"


def _lane(shown: Curves, lane: Lane) -> str:
    span = max(1, shown.end_us - shown.start_us)
    left = _WIDTH * (max(shown.onset_us, shown.start_us) - shown.start_us) / span
    right = _WIDTH * (min(shown.offset_us, shown.end_us) - shown.start_us) / span
    wide = max(1.0, right - left)
    marks = [f'<rect class="during" x="{left:.1f}" y="0" width="{wide:.1f}" height="{_HEIGHT}"/>']
    draw = _bars if lane.is_bars else _line
    for i, curve in enumerate(lane.curves):
        marks += draw(curve, lane.top or 1.0, i)
    title = escape(f"{lane.title} over time, at most {lane.words(lane.top)}")
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" preserveAspectRatio="none">'
        f"<title>{title}</title>{''.join(marks)}</svg>"
    )


def _bars(curve: Curve, top: float, number: int) -> Iterator[str]:
    step = _WIDTH / max(1, len(curve.values))
    for i, value in enumerate(curve.values):
        if value:
            high = _HEIGHT * value / top
            yield (
                f'<rect class="c{number}" x="{i * step:.1f}" y="{_HEIGHT - high:.1f}" '
                f'width="{step * 0.9:.1f}" height="{high:.1f}"/>'
            )


def _line(curve: Curve, top: float, number: int) -> Iterator[str]:
    """The curve, broken where nothing was asked."""
    step = _WIDTH / max(1, len(curve.values))
    points: list[str] = []
    for i, value in enumerate((*curve.values, None)):
        if value is not None:
            points.append(f"{(i + 0.5) * step:.1f},{_HEIGHT * (1 - value / top):.1f}")
        elif points:
            yield f'<polyline class="c{number}" points="{" ".join(points)}"/>'
            points = []


def _axis(shown: Curves) -> str:
    marks = (
        (0, "start", shown.start_us),
        (_WIDTH // 2, "middle", (shown.start_us + shown.end_us) // 2),
        (_WIDTH, "end", shown.end_us),
    )
    texts = "".join(
        f'<text x="{x}" y="12" text-anchor="{anchor}">{clock(at)}</text>' for x, anchor, at in marks
    )
    return f'<svg class="axis" viewBox="0 0 {_WIDTH} {_AXIS}" role="img"><title>time of day, UTC</title>{texts}</svg>'
