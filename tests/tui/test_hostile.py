"""Whatever text an archive holds, no drawing raises and nothing that a terminal obeys comes out."""

from typing import Any

from hypothesis import given, strategies as st

from recourse_observe.queries.rows import AttemptRow, CallDetail, KeyRow, WholeCall
from recourse_observe.story.actions import Action
from recourse_observe.story.findings import (
    Cause,
    Checked,
    Evidence,
    Fact,
    Incident,
    Measures,
    Ranked,
    RetryEffect,
    Role,
    StoryDocument,
)
from recourse_observe.text import printable
from recourse_tui.lines import Line, inked, plain
from recourse_tui.widgets.facts import headline, proof, told
from recourse_tui.widgets.footer import breadcrumb
from recourse_tui.widgets.keys import key_columns
from recourse_tui.widgets.table import Table
from recourse_tui.widgets.verdict import incident_lines, side_lines
from recourse_tui.widgets.waterfall import critical_path, waterfall

SPARKS = [
    "\x1b[2J",
    "\x1b]52;c;eA==\x07",
    "\x9b31m",
    "[/red]",
    "\u202e",
    "日本",
    "e\u0301",
    "\x00",
    "\n",
    "\ud800",
]
TEXT = st.lists(st.sampled_from(SPARKS) | st.text(max_size=8), max_size=6).map("".join)
WIDTHS = st.integers(60, 140)


def incident(text: str) -> Incident:
    fact = Fact(
        role=Role.ROOT, kind="reason", at_unix_ns=0, text=text, sql=text, values={text: text}
    )
    return Incident(
        id=1, onset_unix_ns=0, end_unix_ns=10**9, ongoing=False, keys=(text,), affected_keys=(text,),
        instances=(text,), causes=(Ranked(cause=Cause.UNKNOWN, confidence=0.5),), amplification=1.0,
        retry_effect=RetryEffect.NEUTRAL, actions=(Action.ENABLE_BUDGET,),
        evidence=(Evidence(table="calls", why=text, call_id=text),), headline=text, facts=(fact,),
        checked=(Checked(cause=Cause.RATE_LIMITED, ruled_out_by=text),), cannot_know=(text,),
        measures=Measures(
            calls=1, lost=1, attempts=1, retries=0, rescued=0, wasted=0, hedges=0, denied=0, rejected=0,
            amplification_before=1.0, reason=text, reason_share=1.0, reason_share_before=0.0, p99_us=None,
            p99_before_us=None,
        ),
    )  # fmt: skip


def whole_call(text: str) -> WholeCall:
    attempt: dict[str, Any] = dict.fromkeys(AttemptRow.__slots__, text)
    attempt |= {
        "attempt": 0,
        "hedge_index": 0,
        "is_hedge": False,
        "ran": True,
        "status": None,
        "backoff_us": 0,
    }
    attempt |= {"started_unix_us": 0, "ended_unix_us": 5, "duration_us": 5, "budget_allowed": True}
    call: dict[str, Any] = dict.fromkeys(CallDetail.__slots__, text)
    call |= {
        "started_unix_us": 0,
        "ended_unix_us": 5,
        "duration_us": 5,
        "success": False,
        "retries": 0,
    }
    return WholeCall(call=CallDetail(**call), attempts=(AttemptRow(**attempt),))


def assert_harmless(*lines: Line) -> None:
    for line in lines:
        shown = plain(line)
        assert all(char == printable(char) for char in shown)
        shown.encode()


@given(TEXT, WIDTHS)
def test_stories_of_any_text_are_harmless(text: str, width: int) -> None:
    one = incident(text)
    story = StoryDocument(archive=text, start_unix_ns=0, end_unix_ns=1, incidents=(one,))
    head, rows = incident_lines(story, 1, width)
    lines, stops = told(one.facts, one, width)

    assert_harmless(head, *rows, *side_lines(one, 38), *headline(one, width), *lines)
    assert_harmless(*proof(1, one.facts[0], width), breadcrumb([printable(text)], "facts", width))
    about = [one.facts[0], one.evidence[0], *one.checked, *one.cannot_know]
    assert list(stops.values()) == about
    assert max(stops) < len(lines)


@given(TEXT, WIDTHS)
def test_calls_of_any_text_are_harmless(text: str, width: int) -> None:
    whole = whole_call(text)
    head, rows = waterfall(whole, width)

    assert_harmless(head, *rows, inked(critical_path(whole)))


@given(TEXT, WIDTHS)
def test_keys_of_any_text_are_harmless(text: str, width: int) -> None:
    numbers: dict[str, Any] = dict.fromkeys(
        ("calls", "lost", "attempts", "retries", "rescued", "hedges", "denied", "rejected"), 1
    )
    row = KeyRow(
        key=text, failed_attempts=0, p50_us=None, p99_us=1, call_p99_us=1, breaker=text, **numbers
    )
    table = Table([row], key_columns(14), width=width)

    assert_harmless(table.head, table[0])
