"""What an executor takes from its provider's file: budgets and the fallback policy."""

from pathlib import Path
from typing import Any

import pytest

import recourse
from recourse import Executor, FileProvider, Policy, PolicyError, Timeline, Unlimited, facade
from recourse.key import PolicyKey
from recourse.policy.problems import PolicyFileError
from recourse.testing import VirtualClock

TEXT = """\
[policies."pay.Charge"]
retry.max_attempts = 5
retry.budget = "pay"
[budgets.pay]
kind = "token_bucket"
capacity = 1
refill_per_s = 0
"""
FALLBACK = "[fallback]\nretry.max_attempts = 2\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "p.toml"
    path.write_text(TEXT)
    return path


def refuse() -> None:
    raise ConnectionRefusedError


def lost(executor: Executor, key: str) -> Timeline:
    with (
        recourse.record_timeline() as capture,
        recourse.testing.instant(),
        pytest.raises(ConnectionRefusedError),
    ):
        executor.call(key, refuse)
    assert capture.timeline is not None
    return capture.timeline


def executor_of(path: Path, **options: Any) -> Executor:
    return Executor(provider=FileProvider(path), clock=VirtualClock(), **options)


def test_budgets_of_the_file_gate_retries(path: Path) -> None:
    timeline = lost(executor_of(path), "pay.Charge")

    assert (timeline.attempts_run, timeline.disposition) == (2, "budget_denied")


def test_budgets_that_are_given_stand_in_for_those_of_the_file(path: Path) -> None:
    timeline = lost(executor_of(path, budgets={"pay": Unlimited()}), "pay.Charge")

    assert (timeline.attempts_run, timeline.disposition) == (5, "exhausted")


def test_a_file_without_budgets_is_no_registry(path: Path) -> None:
    path.write_text(TEXT.partition("[budgets")[0])

    timeline = lost(executor_of(path), "pay.Charge")

    assert timeline.attempts[1].budget_reason == "budget_registry_missing"


def test_a_budget_out_of_bounds_is_refused_where_the_executor_is_made(path: Path) -> None:
    path.write_text(TEXT.replace("capacity = 1", "capacity = 0"))

    with pytest.raises(PolicyFileError, match=r"p\.toml:6: budgets\.pay capacity 0 is not"):
        executor_of(path)


def test_the_fallback_of_the_file_is_followed_when_that_is_asked_for(path: Path) -> None:
    path.write_text(TEXT + FALLBACK)

    timeline = lost(executor_of(path, missing_policy="fallback"), "other.Key")

    assert (timeline.attempts_run, timeline.attributes["policy_source"]) == (2, "fallback")


def test_a_fallback_that_is_given_stands_in_for_that_of_the_file(path: Path) -> None:
    path.write_text(TEXT + FALLBACK)
    own = Policy("own", id="own")

    executor = executor_of(path, missing_policy="fallback", fallback_policy=own)

    assert lost(executor, "other.Key").policy_id == "own"


def test_without_any_fallback_the_mode_is_refused(path: Path) -> None:
    with pytest.raises(PolicyError, match="fallback_policy"):
        executor_of(path, missing_policy="fallback")


def test_a_provider_s_file_that_is_something_else_is_left_alone() -> None:
    class Own:
        file = "policies.db"

        def get(self, key: PolicyKey) -> Policy:
            return Policy(str(key))

    assert lost(Executor(provider=Own(), clock=VirtualClock()), "a.B").attempts_run == 3


def test_the_process_s_own_executor_follows_budgets_and_fallback_of_its_file(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_text(TEXT + FALLBACK)
    monkeypatch.setenv("RECOURSE_POLICY_FILE", str(path))
    own = facade._own_executor()

    assert lost(own, "pay.Charge").disposition == "budget_denied"
    assert lost(own, "other.Key").attributes["policy_mode"] == "fallback"


def test_a_policy_file_that_is_named_by_nothing_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECOURSE_POLICY_FILE", "")

    assert lost(facade._own_executor(), "other.Key").policy_id == "recourse.default"
