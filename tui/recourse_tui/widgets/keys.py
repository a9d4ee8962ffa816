"""Keys at a glance: the columns of their table, and while they are still read, of what was counted."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from recourse_observe.text import count, duration, percent, times
from recourse_tui.lines import Ink, Span
from recourse_tui.widgets.sparkline import bars
from recourse_tui.widgets.table import Column

if TYPE_CHECKING:
    from recourse_observe.queries.rows import KeyRow, OverviewRow

__all__ = ["COUNTED", "key_columns"]

_BREAKERS: Final = {"closed": "●", "half_open": "◐", "open": "○", "isolated": "○", "": "—"}


def key_columns(spark_cells: int, top: float | None = None) -> "Sequence[Column[KeyRow]]":
    """The columns of keys; ``top`` is the value of the highest bar of all, each key's own when left out."""
    return (
        Column(title="KEY", width=22, text=lambda k: k.key, stretch=True),
        Column(title="CALLS", width=7, right=True, text=lambda k: count(k.calls)),
        Column(title="AMP", width=5, right=True, text=lambda k: times(k.attempts_per_call)),
        Column(title="FAIL", width=6, right=True, text=lambda k: percent(k.lost_share)),
        Column(title="P50", width=6, right=True, drop=1, text=lambda k: duration(k.p50_us)),
        Column(title="P99", width=6, right=True, drop=4, text=lambda k: duration(k.p99_us)),
        Column(title="DENIED", width=6, right=True, drop=2, text=lambda k: count(k.denied)),
        Column(title="BRK", width=3, drop=3, text=lambda k: f" {_BREAKERS.get(k.breaker, '?')}"),
        Column(
            title="LOST/min",
            width=spark_cells,
            text=lambda k: Span(bars(k.lost_per_bucket, spark_cells, top=top), Ink.INFO),
        ),
    )


COUNTED: "Final[Sequence[Column[OverviewRow]]]" = (
    Column(title="KEY", width=22, text=lambda k: k.key, stretch=True),
    Column(title="CALLS", width=9, right=True, text=lambda k: count(k.calls)),
    Column(title="AMP", width=5, right=True, text=lambda k: times(k.attempts_per_call)),
    Column(title="LOST", width=9, right=True, text=lambda k: count(k.lost)),
    Column(title="DENIED", width=8, right=True, text=lambda k: count(k.denied)),
)
