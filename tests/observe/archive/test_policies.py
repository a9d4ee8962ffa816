import json
from typing import Any

import pytest

from recourse import events
from recourse.policy.model import BudgetRef, HedgePolicy, Policy
from recourse_observe.archive.columns import ABSENT, layout
from recourse_observe.archive.policies import Policies


def named(made: Any) -> dict[str, Any]:
    where = layout("policies")
    sides = zip((where.words, where.longs, where.others), made, strict=True)
    return {c.name: v for columns, values in sides for c, v in zip(columns, values, strict=True)}


@pytest.fixture
def resolved(teller: Any) -> events.PolicyResolved:
    found: events.PolicyResolved = teller.start()[1][1]
    return found


def test_a_policy_is_told_when_it_is_first_applied_and_when_it_changes(
    teller: Any, resolved: events.PolicyResolved
) -> None:
    policies = Policies()
    same = Policy("pay.Charge", retry=teller.policy.retry, hedge=teller.policy.hedge,
                  circuit=teller.policy.circuit, idempotent=True).normalize()  # fmt: skip
    other = Policy("pay.Charge").normalize()

    told = [
        policies.resolved(resolved._replace(policy=policy)) is not None
        for policy in (teller.policy, teller.policy, same, other, other, same)
    ]

    assert told == [True, False, False, True, False, True]


def test_a_row_says_what_the_policy_says(teller: Any, resolved: events.PolicyResolved) -> None:
    row = named(Policies().resolved(resolved))

    assert row["event"] == "applied"
    assert row["policy_version"] == teller.policy.version
    assert (row["max_attempts"], row["initial_backoff_us"], row["jitter"]) == (3, 50_000, "full")
    assert (row["timeout_per_attempt_us"], row["overall_timeout_us"]) == (1_000_000, ABSENT)
    assert (row["hedge_enabled"], row["hedge_delay_us"], row["max_hedges"]) == (True, 10_000, 1)
    assert (row["hedge_trigger"], row["hedge_budget_name"]) == ("fixed_delay", None)
    assert (row["circuit_kind"], row["circuit_threshold"]) == ("consecutive", 2)
    assert row["budget_name"] == "pay"
    assert json.loads(row["policy_json"])["retry"]["max_attempts"] == 3


def test_what_is_off_has_no_values(resolved: events.PolicyResolved) -> None:
    row = named(Policies().resolved(resolved._replace(policy=Policy("pay.Charge").normalize())))

    assert (row["hedge_enabled"], row["hedge_delay_us"], row["max_hedges"]) == (False, ABSENT, 0)
    assert (row["circuit_enabled"], row["circuit_kind"], row["circuit_cooldown_us"]) == (
        False,
        None,
        ABSENT,
    )
    assert row["budget_name"] is None


def test_a_hedge_budget_is_named(resolved: events.PolicyResolved) -> None:
    hedged = Policy("pay.Charge", hedge=HedgePolicy(budget=BudgetRef("hedges"))).normalize()

    assert (
        named(Policies().resolved(resolved._replace(policy=hedged)))["hedge_budget_name"]
        == "hedges"
    )


@pytest.mark.parametrize(
    ("source", "mode", "event"),
    [
        ("lkg", "standard", "lkg"),
        ("fallback", "fallback", "fallback"),
        ("remote", "fallback", "fallback"),
        ("remote", "standard", "applied"),
    ],
)
def test_where_a_policy_came_from_is_what_happened(
    resolved: events.PolicyResolved, source: str, mode: str, event: str
) -> None:
    row = named(Policies().resolved(resolved._replace(source=source, mode=mode)))

    assert (row["event"], row["policy_source"]) == (event, source)


def test_an_outage_of_the_provider_is_told_once_and_again_after_it_was_over(
    resolved: events.PolicyResolved,
) -> None:
    policies = Policies()
    failed = resolved._replace(policy=None, source="none", mode="deny", failure="provider_error")

    rows = [policies.resolved(e) for e in (failed, failed, resolved, failed)]

    assert [None if r is None else named(r)["event"] for r in rows] == [
        "resolve_failed",
        None,
        "applied",
        "resolve_failed",
    ]
    assert named(rows[0])["max_attempts"] == 0
    assert named(rows[0])["policy_json"] == "{}"


def test_keys_are_bounded(
    resolved: events.PolicyResolved, teller: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recourse_observe.archive.policies._MOST_KEYS", 1)
    policies = Policies()
    other = teller.start("user.Get")[1][1]

    assert [policies.resolved(e) is not None for e in (resolved, other, resolved)] == [True] * 3
