from typing import Any

from recourse import Policy, RetryPolicy
from recourse.policy.normalize import normalized
from recourse_observe.sinks import clamped
from recourse_observe.sinks.clamped import Clamped


def test_what_was_changed_of_a_policy_is_found_out_again_when_the_policy_is_another() -> None:
    changed = Clamped()
    tame = normalized(Policy("payments.Charge"), "static")
    wild = normalized(Policy("payments.Charge", retry=RetryPolicy(max_attempts=10_000)), "static")

    assert changed.of(None) == ()
    assert changed.of(tame) == changed.of(tame) == ()
    assert changed.of(wild) == changed.of(wild) == ("retry.max_attempts",)
    assert changed.of(tame) == ()


def test_policies_that_nobody_follows_any_more_do_not_pile_up(monkeypatch: Any) -> None:
    monkeypatch.setattr(clamped, "_MOST", 2)
    changed = Clamped()
    policies = [normalized(Policy(f"payments.{name}"), "static") for name in ("A", "B", "C")]

    for policy in policies:
        changed.of(policy)

    assert list(vars(changed)["_known"]) == ["payments.C"]
