import logging
import math
from typing import Any

import pytest

from recourse.errors import PolicyError
from recourse.hedge import FixedDelay, MissingTrigger, Triggers
from recourse.policy.model import HedgePolicy


def hedge(trigger: str) -> HedgePolicy:
    return HedgePolicy(trigger=trigger, hedge_delay_s=0.3, min_delay_s=0.001, min_samples=4)


class Scripted:
    """Answers what it was given, or raises it."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.heard: list[Any] = []

    def delay_s(self, key: str, hedge: HedgePolicy) -> Any:
        if isinstance(self.answer, type):
            raise self.answer
        return self.answer

    def observe(self, key: str, duration_s: float, *, censored: bool) -> None:
        if isinstance(self.answer, type):
            raise self.answer
        self.heard.append((key, duration_s, censored))


@pytest.mark.parametrize(
    ("name", "delay_s"),
    [("fixed_delay", 0.3), ("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99)],
)
def test_our_triggers_go_by_their_names(name: str, delay_s: float) -> None:
    triggers = Triggers()
    for number in range(1, 101):
        triggers.observe("a.One", hedge(name), number / 100, censored=False)

    assert triggers.delay_s("a.One", hedge(name)) == delay_s


def test_the_users_trigger_wins_over_ours() -> None:
    triggers = Triggers({"fixed_delay": FixedDelay(0.07), "mine": FixedDelay(0.08)})

    delays_s = [triggers.delay_s("a.One", hedge(name)) for name in ("fixed_delay", "mine")]

    assert delays_s == [0.07, 0.08]


def test_two_registries_share_no_samples() -> None:
    mine, yours = Triggers(), Triggers()
    for _ in range(10):
        mine.observe("a.One", hedge("p50"), 0.1, censored=False)

    assert [each.delay_s("a.One", hedge("p50")) for each in (mine, yours)] == [0.1, 0.3]


def test_a_sample_reaches_the_policys_trigger_as_it_is() -> None:
    trigger = Scripted(0.1)

    Triggers({"mine": trigger}).observe("a.One", hedge("mine"), 0.2, censored=True)

    assert trigger.heard == [("a.One", 0.2, True)]


@pytest.mark.parametrize(("missing", "delay_s"), [("fallback", 0.3), ("deny", None)])
def test_r54_a_missing_trigger_falls_back_or_ends_hedging(
    missing: str, delay_s: float | None
) -> None:
    triggers = Triggers({}, missing)
    triggers.observe("a.One", hedge("lost"), 0.1, censored=False)

    assert triggers.delay_s("a.One", hedge("lost")) == delay_s


@pytest.mark.parametrize(("missing", "delay_s"), [("fallback", 0.3), ("deny", None)])
@pytest.mark.parametrize("answer", [RuntimeError, None, "soon", math.nan, math.inf, -0.1, True])
def test_r54_a_broken_trigger_is_as_good_as_none(
    missing: str, delay_s: float | None, answer: Any
) -> None:
    triggers = Triggers({"mine": Scripted(answer)}, MissingTrigger(missing))

    assert triggers.delay_s("a.One", hedge("mine")) == delay_s


def test_a_delay_of_nothing_is_a_delay() -> None:
    assert Triggers({"mine": Scripted(0)}).delay_s("a.One", hedge("mine")) == 0


def test_r54_a_trigger_that_raises_is_logged_for_who_looks(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, "recourse")
    triggers = Triggers({"mine": Scripted(RuntimeError)})

    triggers.delay_s("a.One", hedge("mine"))
    triggers.observe("a.One", hedge("mine"), 0.1, censored=False)

    assert caplog.messages == ["trigger 'mine' raised"] * 2
    assert all(record.exc_info for record in caplog.records)


def test_r54_what_is_no_exception_goes_through() -> None:
    triggers = Triggers({"mine": Scripted(KeyboardInterrupt)})

    with pytest.raises(KeyboardInterrupt):
        triggers.delay_s("a.One", hedge("mine"))
    with pytest.raises(KeyboardInterrupt):
        triggers.observe("a.One", hedge("mine"), 0.1, censored=False)


@pytest.mark.parametrize("thing", [0.2, FixedDelay], ids=["number", "class"])
def test_what_has_no_delay_is_not_registered(thing: Any) -> None:
    with pytest.raises(PolicyError) as raised:
        Triggers({"mine": thing})

    assert str(raised.value) == (
        f"triggers.mine {thing!r} is not allowed; use an object with delay_s"
    )


def test_an_unknown_mode_for_missing_triggers_is_named() -> None:
    with pytest.raises(PolicyError) as raised:
        Triggers({}, "allow_unsafe")

    assert str(raised.value) == (
        "missing_trigger 'allow_unsafe' is not allowed; use one of fallback, deny"
    )


def test_a_delay_is_constant_only_where_the_trigger_is_ours_and_learns_nothing() -> None:
    class Fixed(FixedDelay):
        """It may do what it likes."""

    triggers = Triggers({"mine": FixedDelay(0.25), "derived": Fixed(0.25)})
    names = ("fixed_delay", "mine", "derived", "p95", "missing")

    assert [triggers.constant_s(hedge(name)) for name in names] == [0.3, 0.25, None, None, None]
