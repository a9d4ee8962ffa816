"""The candidate: the recorded policy with edits, or a file's."""

import json
from pathlib import Path
from typing import Any

import pytest

from recourse import CircuitPolicy, HedgePolicy, Policy, RetryPolicy
from recourse.policy.problems import PolicyFileError
from recourse_observe.archive.build import write_archive
from recourse_observe.queries.archive import open_archive
from recourse_observe.whatif.answer import Edit
from recourse_observe.whatif.candidate import edited, from_file, recorded_policy

KEY = "payments.Charge"
BEFORE = Policy(
    KEY,
    retry=RetryPolicy(max_attempts=4, timeout_per_attempt_s=1.0, budget="own"),
    idempotent=True,
).normalize()


def test_edits_change_what_they_name_and_nothing_else() -> None:
    found = edited([BEFORE], ["retry.max_attempts=2", "retry.jitter=none", "retry.budget=none"])

    assert found.edits == (
        Edit(path="retry.max_attempts", before=4, after=2),
        Edit(path="retry.jitter", before="full", after="none"),
        Edit(path="retry.budget.name", before="own", after=None),
        Edit(path="retry.budget.cost", before=1, after=None),
    )
    assert found.policies[0].idempotent is True


def test_a_duration_may_be_given_with_its_unit_or_in_seconds() -> None:
    text = edited([BEFORE], ["retry.timeout_per_attempt=250ms"])
    number = edited([BEFORE], ["retry.timeout_per_attempt_s=0.25"])

    assert text.policies[0].retry.timeout_per_attempt_s == 0.25
    assert text.edits == number.edits


def test_a_part_of_a_block_enables_it() -> None:
    found = edited([BEFORE], ["hedge.hedge_delay_s=0.2", "circuit.enabled=false"])

    assert found.policies[0].hedge.enabled
    assert not found.policies[0].circuit.enabled


def test_a_budget_is_described_beside_the_policy_and_its_cost_inside() -> None:
    found = edited(
        [BEFORE], ["budgets.own.kind=retry_ratio", "budgets.own.ratio=0.1", "retry.budget.cost=2"]
    )

    assert found.budgets == {"own": {"kind": "retry_ratio", "ratio": 0.1}}
    assert found.edits[-1] == Edit(
        path="budgets.own", before=None, after={"kind": "retry_ratio", "ratio": 0.1}
    )
    assert found.policies[0].retry.budget is not None
    assert found.policies[0].retry.budget.cost == 2


def test_every_mistake_is_told_at_once_with_what_may_have_been_meant() -> None:
    with pytest.raises(PolicyFileError) as wrong:
        edited([BEFORE], ["retry.max_attemps=2", "retry.jitter=ful", "budgets.b.kind=tokenbucket"])

    told = str(wrong.value)
    assert "did you mean 'max_attempts'?" in told
    assert "did you mean 'full'?" in told
    assert "did you mean 'token_bucket'?" in told


@pytest.mark.parametrize("text", ["retry.max_attempts", "=2", "retry.max_attempts="])
def test_a_text_that_is_no_edit_is_told(text: str) -> None:
    with pytest.raises(PolicyFileError, match=r"is no edit; write field=value"):
        edited([BEFORE], [text])


def test_edits_are_made_to_every_policy_that_was_in_force() -> None:
    other = Policy(KEY, retry=RetryPolicy(max_attempts=1)).normalize()

    found = edited([BEFORE, other], ["retry.max_backoff_s=5"])

    assert [one.retry.max_attempts for one in found.policies] == [4, 1]
    assert [one.retry.max_backoff_s for one in found.policies] == [5.0, 5.0]


def test_a_file_gives_the_policy_of_the_key_or_its_default(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_text("[default]\nretry.max_attempts = 2\n[budgets.x]\nkind = 'unlimited'\n")

    found = from_file([BEFORE], str(path))

    assert found.policies[0].retry.max_attempts == 2
    assert found.policies[0].key == KEY
    assert found.budgets == {"x": {"kind": "unlimited"}}


def test_a_file_without_the_key_is_told(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_text("[policies.'other.Get']\nretry.max_attempts = 2\n")

    with pytest.raises(PolicyFileError, match=r"'payments\.Charge' has no policy in the file"):
        from_file([BEFORE], str(path))


def test_a_recorded_policy_is_read_from_its_document_or_from_its_columns(tmp_path: Path) -> None:
    full = Policy(
        KEY,
        retry=RetryPolicy(max_attempts=5, budget="own"),
        hedge=HedgePolicy(hedge_delay_s=0.3),
        circuit=CircuitPolicy(threshold=7),
    ).normalize()
    columns = {
        "applied_at": 1_795_255_200_000_000,
        "key": KEY,
        "policy_version": "v",
        "max_attempts": 5,
        "hedge_enabled": True,
        "hedge_delay_us": 300_000,
        "max_hedges": 1,
        "circuit_enabled": True,
        "circuit_threshold": 7,
        "budget_name": "own",
    }
    blocks: dict[str, Any] = {"retry": full.retry, "hedge": full.hedge, "circuit": full.circuit}
    document = {
        name: {
            field: getattr(block, field)
            for field in block.__dataclass_fields__
            if field != "budget"
        }
        for name, block in blocks.items()
    }
    document["retry"]["budget"] = {"name": "own", "cost": 1}
    whole = {**columns, "policy_json": json.dumps({"key": KEY, "id": KEY, **document})}
    path = write_archive(tmp_path, {"policies": [columns, {**whole, "policy_version": "w"}]})

    with open_archive(path) as archive:
        plain, read = (recorded_policy(row) for row in archive.policies())

    assert (plain.version, read.version) == ("v", "w")
    assert (plain.retry, plain.hedge, plain.circuit) == (full.retry, full.hedge, full.circuit)
    assert (read.retry, read.hedge, read.circuit) == (full.retry, full.hedge, full.circuit)
