"""Numbers, durations and foreign text as a person reads them: one way to write each.

Text of an archive was written by somebody else: it passes :func:`printable` before it is shown.
"""

import re
import shlex
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

__all__ = [
    "clock",
    "count",
    "day",
    "duration",
    "fit",
    "moment",
    "percent",
    "plural",
    "printable",
    "shell",
    "shown_in",
    "signed",
    "span",
    "sparkline",
    "table",
    "times",
    "visible",
    "width",
    "zone_name",
]

_LONGEST: Final = 4096
_ZONE: ContextVar[tzinfo | None] = ContextVar("recourse_zone", default=UTC)
"""Where times of day are shown; ``None`` is the zone of this machine."""
_BARS: Final = "▁▂▃▄▅▆▇█"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR_S: Final = 3600
_MINUTE_S: Final = 60
# Control and format characters: they move the cursor, turn the writing or hide themselves.
_UNSAFE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff"
    "\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)

_BACKSLASHED: Final = re.compile(rf"[\\']|{_UNSAFE.pattern}")


def printable(text: str) -> str:
    r"""The text, safe for a terminal: cut at 4 KiB, every control or hidden character a dot.

    >>> printable("a\x1b[31mb")
    'a·[31mb'
    """
    return visible(text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…")


def visible(text: str) -> str:
    """All of the text, every control or hidden character a dot."""
    return _UNSAFE.sub("·", text)


def shell(argv: Iterable[str]) -> str:
    r"""A command line as a POSIX shell reads it back; nothing in it is obeyed by a terminal.

    >>> print(shell(["recourse", "key", "a b", "x\x1b[0m'"]))
    recourse key 'a b' $'x\033[0m\''
    """
    return " ".join(
        f"$'{_BACKSLASHED.sub(_octal, word)}'" if _UNSAFE.search(word) else shlex.quote(word)
        for word in argv
    )


def _octal(found: re.Match[str]) -> str:
    mark = found[0]
    return (
        f"\\{mark}"
        if mark in "\\'"
        else "".join(f"\\{byte:03o}" for byte in mark.encode("utf-8", "surrogatepass"))
    )


def count(number: float) -> str:
    """A whole number with separators.

    >>> count(12307)
    '12,307'
    """
    return f"{number:,.0f}"


def plural(number: int, one: str, many: str = "") -> str:
    """A number with its noun.

    >>> plural(1, "call"), plural(2, "call"), plural(3, "retry", "retries")
    ('1 call', '2 calls', '3 retries')
    """
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def percent(share: float | None) -> str:
    """A share of one as a percentage with one decimal; nothing known is a dash.

    >>> percent(0.2999), percent(None)
    ('30.0%', '—')
    """
    return "—" if share is None else f"{100 * share:.1f}%"


def signed(change: float) -> str:
    r"""A relative change as a whole percentage with its sign.

    >>> signed(-0.2331) == "\N{MINUS SIGN}23%", signed(0.5), signed(0.0)
    (True, '+50%', '0%')
    """
    whole = round(100 * change)
    sign = "+" if whole > 0 else "\N{MINUS SIGN}" if whole else ""
    return f"{sign}{abs(whole)}%"


def times(ratio: float | None) -> str:
    r"""A ratio with two decimals and a multiplication sign.

    >>> times(2.149) == "2.15\N{MULTIPLICATION SIGN}"
    True
    """
    return "—" if ratio is None else f"{ratio:,.2f}\N{MULTIPLICATION SIGN}"


def duration(micros: float | None) -> str:
    """A short duration with its unit, three digits long where that is possible.

    >>> duration(455_700), duration(1_072_000), duration(90_000_000), duration(85)
    ('456 ms', '1.07 s', '1m30s', '85 µs')
    """
    if micros is None:
        return "—"
    if micros < 1_000:  # noqa: PLR2004  # units: a named constant says less than the number
        return f"{micros:.0f} µs"
    if micros < 9_950:  # noqa: PLR2004  # below it two digits are kept
        return f"{micros / 1e3:.1f} ms"
    if micros < 999_500:  # noqa: PLR2004  # above it the rounded text would say 1000 ms
        return f"{micros / 1e3:.0f} ms"
    seconds = micros / 1e6
    if seconds < 9.995:  # noqa: PLR2004  # three digits
        return f"{seconds:.2f} s"
    return f"{seconds:.1f} s" if seconds < _MINUTE_S - 0.05 else span(micros)


def span(micros: float) -> str:
    """A long duration in whole seconds.

    >>> span(1_020_000_000), span(80_000_000), span(7_265_000_000), span(4_000_000)
    ('17m00s', '1m20s', '2h01m05s', '4s')
    """
    whole = round(micros / 1e6)
    hours, rest = divmod(whole, _HOUR_S)
    minutes, seconds = divmod(rest, _MINUTE_S)
    if hours:
        return f"{hours}h{minutes:02d}m{seconds:02d}s"
    return f"{minutes}m{seconds:02d}s" if minutes else f"{seconds}s"


def moment(unix_us: int) -> datetime:
    """Microseconds since 1970 as an aware moment in UTC.

    >>> moment(1_500_000).isoformat()
    '1970-01-01T00:00:01.500000+00:00'
    """
    return _EPOCH + timedelta(microseconds=unix_us)


@contextmanager
def shown_in(zone: tzinfo | None) -> Iterator[None]:
    """Show times of day in a zone, that of this machine for ``None``, until the block ends."""
    before = _ZONE.set(zone)
    try:
        yield
    finally:
        _ZONE.reset(before)


def day(unix_us: int) -> str:
    """The date, where :func:`clock` says the time of day.

    >>> day(86_400_000_000)
    '1970-01-02'
    """
    return f"{moment(unix_us).astimezone(_ZONE.get()):%Y-%m-%d}"


def zone_name(unix_us: int) -> str:
    """What the zone of :func:`clock` is called at a moment.

    >>> zone_name(0)
    'UTC'
    """
    return moment(unix_us).astimezone(_ZONE.get()).tzname() or ""


def clock(unix_us: int, *, decimals: int = 0) -> str:
    """The time of day in UTC, or as :func:`shown_in` says.

    >>> clock(36_120_600_000), clock(36_120_623_456, decimals=3)
    ('10:02:00', '10:02:00.623')
    """
    time = f"{moment(unix_us).astimezone(_ZONE.get()):%H:%M:%S.%f}"
    return time[:8] if decimals == 0 else time[: 9 + decimals]


def sparkline(values: Sequence[float | None], *, top: float | None = None) -> str:
    """A row of bars: ``_`` is zero, a blank is no data.

    Args:
        values: One bar each.
        top: The value of the highest bar; the greatest value when left out.

    >>> sparkline([0, 1, 8, None])
    '_▁█ '
    """
    highest = top or max((v for v in values if v), default=0)
    return "".join(_bar(value, highest) for value in values)


def _bar(value: float | None, top: float) -> str:
    if value is None:
        return " "
    if value <= 0 or top <= 0:
        return "_"
    return _BARS[min(7, int(value / top * 8 - 1e-9))]


def width(text: str) -> int:
    """Cells that a text takes in a terminal.

    >>> width("abc"), width("日本"), width("e\u0301")
    (3, 4, 1)
    """
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def fit(text: str, cells: int, *, right: bool = False) -> str:
    """The text in exactly so many cells, cut with an ellipsis or filled with blanks.

    >>> fit("payments.Charge", 8), fit("7", 3, right=True)
    ('payment…', '  7')
    """
    while width(text) > cells:
        text = text[: -2 if text.endswith("…") else -1] + "…"
        if text == "…":
            break
    blanks = " " * (cells - width(text))
    return blanks + text if right else text + blanks


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, right: str = "") -> list[str]:
    """Lines of an aligned table.

    Args:
        head: The columns' names.
        rows: The cells, already made safe.
        right: One letter for each column: ``r`` sets it to the right; left when left out.

    >>> table(["KEY", "N"], [["a", "10"]], right="lr")
    ['KEY   N', 'a    10']
    """
    lines = [head, *rows]
    widths = [max(width(line[i]) for line in lines) for i in range(len(head))]
    sides = right.ljust(len(head), "l")
    return [
        "  ".join(
            fit(cell, cells, right=side == "r")
            for cell, cells, side in zip(line, widths, sides, strict=True)
        ).rstrip()
        for line in lines
    ]
