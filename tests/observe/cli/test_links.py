"""A link is a command line: writing and parsing it are inverses."""

from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from hypothesis import given, strategies as st

from recourse_observe.cli.calls import calls
from recourse_observe.cli.options import Chosen
from recourse_observe.cli.replay import replay
from recourse_observe.cli.root import group
from recourse_observe.cli.triage import triage
from recourse_observe.cli.whatif import whatif
from recourse_observe.cli.why import why
from recourse_observe.queries.archive import Archive, open_archive
from recourse_observe.scope import EVERYTHING, Scope, instant, to_argv
from recourse_observe.story.named import Reference

MOMENTS = st.integers(0, 253_402_300_799_999_999)
BASELINES = st.sampled_from(("before", "others", "10:02..10:19", "+1m..+2m"))
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)


@pytest.fixture(scope="module")
def archive(quiet: Path) -> Iterator[Archive]:
    with open_archive(quiet) as opened:
        yield opened


@given(
    start=MOMENTS, end=MOMENTS, key=st.none() | TEXTS, where=TEXTS, baseline=st.none() | BASELINES
)
def test_a_link_is_read_back_as_its_scope(
    start: int, end: int, key: str | None, where: str, baseline: str | None, archive: Archive
) -> None:
    scope = Scope(start_unix_us=start, end_unix_us=end, key=key, where=where, baseline=baseline)

    view, path, *options = to_argv("calls", "dir", scope)
    root = click.Context(
        group, **group.context_settings
    )  # without it -h would be unknown afterwards
    given = calls.make_context(view, [path, *options], parent=root).params
    chosen = Chosen(
        since=given["since"],
        until=given["until"],
        key=given["only"],
        where=given["where"],
        baseline=given["baseline"],
    )

    assert given["archive"] == "dir"
    assert chosen.scope(archive) == scope


@given(key=TEXTS, onset_us=MOMENTS, view=st.sampled_from((triage, why, whatif, replay)))
def test_the_name_of_an_incident_is_read_back(key: str, onset_us: int, view: click.Command) -> None:
    name = f"{key}@{instant(onset_us)}"
    root = click.Context(group, **group.context_settings)

    given = view.make_context(view.name, ["dir", "-k", "x", "-i", name], parent=root).params

    assert given["incident"] == Reference(text=name, key=key, moment=instant(onset_us))


def test_a_link_to_everything_is_short() -> None:
    assert to_argv("triage", "dir", EVERYTHING) == ("triage", "dir")
