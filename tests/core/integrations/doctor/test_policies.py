from pathlib import Path

import pytest

from recourse.integrations.doctor import (
    Needs,
    examine_installation,
    examine_policies,
    installation,
    needs_of,
)
from recourse.policy.load import loads

POLICIES = """
[policies."shop.Pay"]
idempotent = false
retry.max_attempts = 4
retry.overall_timeout = "2s"
retry.budget = "shop"

[policies."shop.Look"]
retry.max_attempts = 2
hedge.max_hedges = 2

[default]
retry.max_attempts = 1
retry.overall_timeout = "1s"

[budgets]
shop = { kind = "token_bucket", capacity = 5, refill_per_s = 1 }
"""


def test_policies_without_limits_or_budgets_are_named() -> None:
    file = loads(POLICIES, "policies.toml")

    found = [(one.rule, one.thing) for one in examine_policies(file)]

    assert found == [
        ("not_idempotent", "policy shop.Pay retry.max_attempts"),
        ("no_timeout", "policy shop.Look retry"),
        ("hedge_without_budget", "policy shop.Look hedge"),
        ("no_budget", "policy shop.Look"),
    ]


def test_what_the_clients_need_is_what_the_greediest_policy_asks_for() -> None:
    assert needs_of(loads(POLICIES, "policies.toml")) == Needs(attempts=4, runs=3)
    assert needs_of(loads("", "policies.toml")) == Needs(attempts=1, runs=1)


def test_another_project_s_files_among_ours_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert examine_installation() == []

    (tmp_path / "action_set.py").write_text("")
    monkeypatch.setattr(installation, "version", lambda name: f"1.0.0 of {name}")
    mixed, other = examine_installation(tmp_path)

    assert mixed.rule == other.rule == "name_clash"
    assert str(tmp_path) in mixed.thing
    assert other.thing == "the distribution recourse 1.0.0 of recourse"
