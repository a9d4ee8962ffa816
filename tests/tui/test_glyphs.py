"""Glyphs of keys: a key that no incident names is not fine when it loses calls."""

import pytest

from recourse_observe.queries.rows import KeyRow
from recourse_tui.lines import Ink, Span
from recourse_tui.screens.session import Session
from recourse_tui.screens.triage import TriageView


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("lost", "glyph"),
    [(0, Span("●", Ink.GOOD)), (1, Span("●", Ink.GOOD)), (2, Span("!", Ink.WARN))],
)
async def test_a_key_that_loses_more_than_one_call_in_a_hundred_is_not_fine(
    lost: int, glyph: Span
) -> None:
    row = KeyRow(
        key="k", calls=100, lost=lost, attempts=100, retries=0, rescued=0, hedges=0, denied=0,
        rejected=0, failed_attempts=lost, p50_us=None, p99_us=None, call_p99_us=None,
    )  # fmt: skip

    assert TriageView(Session("a"))._glyph(row) == glyph
