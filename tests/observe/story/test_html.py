"""The story as one HTML file: charts without a script, and hostile text that stays text."""

import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from recourse_observe.queries.archive import Archive
from recourse_observe.story.charts import Curve, Curves, Lane, curves
from recourse_observe.story.findings import Fact, Role, StoryDocument
from recourse_observe.story.html import as_html
from recourse_observe.story.svg import drawn

HOSTILE = "<script>alert('x')</script>\x1b[31m\u202e"
LANES = [
    "load per second",
    "calls lost",
    "duration of calls",
    "attempts per call",
    "breakers open or half open",
    "denied by budgets",
]


class Tags(HTMLParser):
    """The tags of a page, with what they point to."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.targets: list[str] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.targets += [value or "" for name, value in attrs if name in {"src", "href", "on"}]
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, _: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dependency_brownout", "budget_starvation", "steady"])
def test_the_page_is_whole_and_loads_nothing(
    name: str, archive_of: Callable[[str], Archive], story_of: Callable[[str], StoryDocument]
) -> None:
    archive, document = archive_of(name), story_of(name)
    shown = {one.id: curves(archive, one) for one in document.incidents}

    page = as_html(document, shown)
    tags = Tags(page)

    assert tags.open == []
    assert not tags.names & {"script", "img", "iframe", "link", "object"}
    assert tags.targets == []
    assert not re.search(r"https?://", page)
    for one in document.incidents:
        assert [lane.title for lane in shown[one.id].lanes] == LANES
        assert page.count("<svg") == len(LANES) + 1
        for fact in one.facts:
            assert fact.text.split(" ")[0].replace("'", "&#x27;") in page


@pytest.mark.slow
def test_the_lanes_show_breakers_and_the_stretch_around_the_incident(
    archive_of: Callable[[str], Archive], story_of: Callable[[str], StoryDocument]
) -> None:
    archive, (incident,) = (
        archive_of("dependency_brownout"),
        story_of("dependency_brownout").incidents,
    )

    shown = curves(archive, incident)
    breakers = next(lane for lane in shown.lanes if lane.title.startswith("breakers"))

    assert shown.start_us < shown.onset_us < shown.offset_us < shown.end_us
    assert breakers.curves[0].values[0] == 0
    assert breakers.top > 0


def test_text_of_an_archive_stays_text() -> None:
    fact = Fact(role=Role.LOOKED, kind="looked", at_unix_ns=None, text=HOSTILE, sql="", values={})
    quiet = StoryDocument(
        archive=HOSTILE, start_unix_ns=0, end_unix_ns=0, incidents=(), looked_at=(fact,)
    )

    page = as_html(quiet, {})

    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "\x1b" not in page
    assert "\u202e" not in page


@pytest.mark.slow
def test_a_page_without_charts_is_one_too(story_of: Callable[[str], StoryDocument]) -> None:
    (incident,) = story_of("dependency_outage").incidents
    hostile = replace(incident, keys=(HOSTILE,), headline=HOSTILE)
    document = replace(story_of("dependency_outage"), incidents=(hostile,))

    page = as_html(document, {})

    assert "<svg" not in page
    assert "<script" not in page


def test_a_curve_is_broken_where_nothing_was_asked() -> None:
    def lane(values: tuple[float | None, ...], *, is_bars: bool) -> Lane:
        curve = Curve(name="a", values=values)
        return Lane(title="x", curves=(curve,), is_bars=is_bars, words=str)

    shown = Curves(
        start_us=0,
        end_us=4_000_000,
        onset_us=1,
        offset_us=2,
        lanes=(
            lane((1.0, None, 2.0, 2.0), is_bars=False),
            lane((1.0, None, 0.0, 2.0), is_bars=True),
            lane((), is_bars=True),
        ),
    )

    drawings = [part for part in drawn(shown) if part.startswith("<svg")]

    assert drawings[0].count("<polyline") == 2
    assert drawings[1].count('class="c0"') == 2
    assert drawings[2].count('class="c0"') == 0
    assert shown.lanes[2].top == 0.0
