import logging
from collections.abc import Callable
from typing import Any

import pytest

from recourse.budget import Ask, Budgets, Decision, MissingBudget, TokenBucket, Unlimited
from recourse.errors import PolicyError
from recourse.outcome import OutcomeKind
from recourse.policy.model import BudgetRef
from recourse.reasons import BudgetKind, BudgetReason

RETRY = ("payments.Charge", 2, BudgetKind.RETRY, 7.0)


def allow(reason: str) -> Decision:
    return Decision(allowed=True, reason=reason)


def deny(reason: str) -> Decision:
    return Decision(allowed=False, reason=reason)


class Recorder:
    """Hears everything that a budget can hear."""

    def __init__(self) -> None:
        self.heard: list[Any] = []

    def ask(self, request: Ask) -> Decision:
        self.heard.append(request)
        return allow("asked")

    def peek(self, request: Ask) -> bool:
        self.heard.append(("peek", request))
        return False

    def begin(self, now_s: float) -> Callable[[], None]:
        self.heard.append(("begin", now_s))
        return self.stop

    def stop(self) -> None:
        self.heard.append("stop")

    def feed(self, kind: OutcomeKind, attempt: int, now_s: float) -> None:
        self.heard.append(("feed", kind, attempt, now_s))


class Broken:
    """Raises whatever is wanted of it."""

    def __init__(self, error: type[BaseException] = RuntimeError) -> None:
        self.error = error

    def ask(self, request: Ask) -> Decision:
        raise self.error

    def peek(self, request: Ask) -> bool:
        raise self.error

    def begin(self, now_s: float) -> None:
        raise self.error

    def feed(self, kind: OutcomeKind, attempt: int, now_s: float) -> None:
        raise self.error


class Nonsense:
    """Says yes in a way that nobody can read."""

    def ask(self, request: Ask) -> Any:
        return True


@pytest.mark.parametrize(
    "ref", [None, BudgetRef(), BudgetRef("", 5)], ids=["none", "empty", "costly"]
)
@pytest.mark.parametrize("missing", MissingBudget)
def test_r38_a_policy_that_names_no_budget_is_allowed(
    ref: BudgetRef | None, missing: MissingBudget
) -> None:
    budgets = Budgets(None, missing)

    assert budgets.ask(ref, *RETRY) == (allow(BudgetReason.NO_BUDGET), "standard")
    assert budgets.peek(ref, *RETRY)


@pytest.mark.parametrize(
    ("registered", "reason"),
    [
        (None, BudgetReason.BUDGET_REGISTRY_MISSING),
        ({}, BudgetReason.BUDGET_NOT_FOUND),
        ({"other": Unlimited()}, BudgetReason.BUDGET_NOT_FOUND),
        ({"payments": None}, BudgetReason.BUDGET_NIL),
    ],
    ids=["no_registry", "empty", "another", "nil"],
)
def test_r38_a_missing_budget_denies_or_allows_unsafely_as_told(
    registered: Any, reason: BudgetReason
) -> None:
    ref = BudgetRef("payments")
    denying, allowing = Budgets(registered), Budgets(registered, "allow_unsafe")

    assert denying.ask(ref, *RETRY) == (deny(reason), "standard")
    assert allowing.ask(ref, *RETRY) == (allow(reason), "allow_unsafe")
    assert (denying.peek(ref, *RETRY), allowing.peek(ref, *RETRY)) == (False, True)


@pytest.mark.parametrize(
    "budget", [Broken(), Broken(TypeError), Nonsense()], ids=["error", "type_error", "nonsense"]
)
@pytest.mark.parametrize("missing", MissingBudget)
def test_r39_a_broken_budget_denies_and_never_raises(budget: Any, missing: MissingBudget) -> None:
    budgets = Budgets({"payments": budget}, missing)
    ref = BudgetRef("payments")

    assert budgets.ask(ref, *RETRY) == (deny(BudgetReason.BUDGET_ERROR), "standard")
    assert budgets.peek(ref, *RETRY)
    assert budgets.begin(ref, 1.0) is None
    budgets.feed(ref, OutcomeKind.SUCCESS, 0, 1.0)


def test_r39_a_broken_budget_is_logged_for_who_looks(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "recourse")
    budgets, ref = Budgets({"payments": Broken()}), BudgetRef("payments")

    budgets.ask(ref, *RETRY)
    budgets.peek(ref, *RETRY)
    budgets.begin(ref, 0.0)
    budgets.feed(ref, OutcomeKind.SUCCESS, 0, 1.0)

    assert caplog.messages == ["budget 'payments' raised"] * 4
    for record in caplog.records:
        assert record.exc_info is not None
        assert record.exc_info[0] is RuntimeError


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_r39_what_is_no_exception_goes_through(error: type[BaseException]) -> None:
    budgets = Budgets({"payments": Broken(error)})

    with pytest.raises(error):
        budgets.ask(BudgetRef("payments"), *RETRY)


def test_a_budget_is_told_everything_it_wants_to_hear() -> None:
    recorder = Recorder()
    budgets = Budgets({"payments": recorder})
    ref = BudgetRef("payments", cost=3)

    assert budgets.ask(ref, *RETRY) == (allow("asked"), "standard")
    assert not budgets.peek(ref, *RETRY)
    assert budgets.begin(ref, 8.0) == recorder.stop
    budgets.feed(ref, OutcomeKind.RETRYABLE, 1, 9.0)

    wanted = Ask("payments.Charge", 2, BudgetKind.RETRY, 3, 7.0)
    assert recorder.heard == [
        wanted,
        ("peek", wanted),
        ("begin", 8.0),
        ("feed", OutcomeKind.RETRYABLE, 1, 9.0),
    ]


def test_a_budget_that_only_answers_is_not_asked_for_more() -> None:
    budgets = Budgets({"payments": Unlimited()})
    ref = BudgetRef("payments")

    assert budgets.peek(ref, *RETRY)
    assert budgets.begin(ref, 1.0) is None
    budgets.feed(ref, OutcomeKind.SUCCESS, 0, 1.0)
    assert budgets.ask(ref, *RETRY) == (Decision(allowed=True), "standard")


@pytest.mark.parametrize("ref", [None, BudgetRef("lost")], ids=["none", "lost"])
def test_nobody_is_told_of_a_budget_that_is_not_there(ref: BudgetRef | None) -> None:
    budgets = Budgets({})

    assert budgets.begin(ref, 1.0) is None
    budgets.feed(ref, OutcomeKind.SUCCESS, 0, 1.0)
    assert not budgets.learns(ref)


class Listening(Nonsense):
    def feed(self, kind: OutcomeKind, attempt: int, now_s: float) -> None:
        raise AssertionError


class Counting(Nonsense):
    def begin(self, now_s: float) -> None:
        raise AssertionError


@pytest.mark.parametrize(
    ("budget", "learns"),
    [(Unlimited(), False), (TokenBucket(1, 1), False), (Listening(), True), (Counting(), True)],
    ids=["unlimited", "bucket", "listening", "counting"],
)
def test_a_budget_learns_when_it_is_fed_or_counts_calls(*, budget: Any, learns: bool) -> None:
    assert Budgets({"payments": budget}).learns(BudgetRef("payments")) is learns


def test_the_registry_is_a_copy_of_what_was_given() -> None:
    given: dict[str, Any] = {"payments": Unlimited()}
    budgets = Budgets(given)

    given.clear()

    assert budgets.ask(BudgetRef("payments"), *RETRY)[0].allowed


@pytest.mark.parametrize("thing", ["50/s", TokenBucket], ids=["text", "class"])
def test_what_cannot_be_asked_is_not_registered(thing: Any) -> None:
    with pytest.raises(PolicyError) as raised:
        Budgets({"payments": thing})

    assert str(raised.value) == (
        f"budgets.payments {thing!r} is not allowed; use an object with ask"
    )


@pytest.mark.parametrize("given", [["payments"], "payments", 0])
def test_budgets_without_names_are_refused(given: Any) -> None:
    with pytest.raises(PolicyError) as raised:
        Budgets(given)

    assert str(raised.value) == (
        f"budgets {given!r} is not allowed; use a mapping from names to budgets"
    )


def test_an_unknown_mode_for_missing_budgets_is_named() -> None:
    with pytest.raises(PolicyError) as raised:
        Budgets({}, "allow")

    assert str(raised.value) == (
        "missing_budget 'allow' is not allowed; use one of deny, allow_unsafe"
    )
