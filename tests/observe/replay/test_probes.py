"""Probes are read as they are typed, measured as the states say, and searched for."""

import pytest

from recourse_observe.queries.archive import Archive
from recourse_observe.replay.load import load
from recourse_observe.replay.probes import Probe, bisect, evaluate, holds, parse_probe, shown
from recourse_observe.replay.timeline import Replay
from recourse_observe.scope import EVERYTHING, ScopeError

T0, S = 1_795_255_200_000_000, 1_000_000


@pytest.fixture(scope="module")
def replay(archive: Archive) -> Replay:
    return load(archive, EVERYTHING)


@pytest.mark.parametrize(
    ("text", "probe"),
    [
        ("inflight", Probe(text="inflight", name="inflight")),
        ("open('a b')", Probe(text="open('a b')", name="open", about="a b")),
        (" amp(k, 500ms)", Probe(text="amp(k, 500ms)", name="amp", about="k", window_us=500_000)),
        ("fail>5%", Probe(text="fail>5%", name="fail", sign=">", limit=0.05)),
        (
            "lost(k,1.5m) >= 3",
            Probe(
                text="lost(k,1.5m) >= 3", name="lost", about="k", window_us=90 * S, sign=">=", limit=3.0
            ),
        ),
        (
            "breaker(k)=half_open",
            Probe(text="breaker(k)=half_open", name="breaker", about="k", sign="=", limit="half_open"),
        ),
    ],
)  # fmt: skip
def test_a_probe_is_read(text: str, probe: Probe) -> None:
    assert parse_probe(text) == probe
    assert probe.is_condition is bool(probe.sign)


@pytest.mark.parametrize(
    "text",
    ["", "what(k)", "budget", "breaker()", "amp(a,b)", "amp(1s,2s)", "fail>much%", "fail(", "amp('k)",
     "fail > 5 % x"],
)  # fmt: skip
def test_what_is_no_probe_says_what_would_be(text: str) -> None:
    with pytest.raises(ScopeError, match=r"use inflight, open, amp, fail, lost, budget or breaker"):
        parse_probe(text)


def test_each_measure_is_that_of_the_state(replay: Replay) -> None:
    at = T0 + 40 * S
    now, before = replay.at(at), replay.at(at - 10 * S)
    recent = now.key("search.Query").since(before.key("search.Query"))

    def value(text: str) -> float | str | None:
        return evaluate(parse_probe(text), replay, at)

    assert value("inflight") == now.key(None).attempts_open
    assert value("open(search.Query)") == now.key("search.Query").calls_open
    assert value("amp(search.Query)") == recent.attempts_per_call
    assert value("fail(search.Query)") == recent.failed_share
    assert value("lost(search.Query)") == recent.lost
    assert value("breaker(search.Query)") == "half_open"
    budget = now.budget("shared")
    assert budget is not None
    assert value("budget(shared)") == budget.level
    assert value("budget(none)") is None
    assert value("breaker(none)") is None


def test_the_search_finds_the_first_bucket(replay: Replay) -> None:
    found = bisect(parse_probe("breaker(search.Query)=open"), replay)

    assert found is not None
    assert found[0] < T0 + 20 * S <= found[1]
    assert found[1] - found[0] == replay.bucket_us
    assert bisect(parse_probe("inflight>10000"), replay) is None
    first = bisect(parse_probe("lost>0"), replay)
    assert first is not None
    assert replay.at(first[0]).key(None).lost == 0
    assert replay.at(first[1]).key(None).lost > 0


def test_values_are_shown_as_what_they_are() -> None:
    assert shown(parse_probe("fail"), 0.051) == "5.1%"
    assert shown(parse_probe("amp"), 2.0) == "2.00×"  # noqa: RUF001  # a multiplication sign
    assert shown(parse_probe("inflight"), 41) == "41"
    assert shown(parse_probe("breaker(k)"), "open") == "open"
    assert shown(parse_probe("fail"), None) == "—"


def test_nothing_known_holds_nothing() -> None:
    assert not holds(parse_probe("fail<5%"), None)
    assert not holds(parse_probe("inflight=open"), 3)
