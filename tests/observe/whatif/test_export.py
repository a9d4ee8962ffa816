"""The candidate as a policy file: it says what it changes, and is read back as what was meant."""

import json
from pathlib import Path

from hypothesis import given, strategies as st

from recourse import CircuitPolicy, HedgePolicy, Policy, RetryPolicy
from recourse.policy.lint import lint
from recourse.policy.load import loads
from recourse_observe.archive.build import write_archive
from recourse_observe.queries.archive import open_archive
from recourse_observe.text import visible
from recourse_observe.whatif.answer import Kind, Row, Unit
from recourse_observe.whatif.candidate import edited
from recourse_observe.whatif.export import as_toml, own_toml

ROWS = (
    Row(name="attempts", unit=Unit.ATTEMPTS, kind=Kind.EXACT, recorded=88_123, candidate=67_589),
    Row(name="failed_calls", unit=Unit.CALLS, kind=Kind.BOUND, recorded=12_307, candidate=None,
        low=10, high=20_534),
    Row(name="peak_load", unit=Unit.PER_SECOND, kind=Kind.MODEL, recorded=None, candidate=3.0,
        low=2.0, high=4.0),
    Row(name="latency_p50", unit=Unit.SECONDS, kind=Kind.MODEL, recorded=0.1, candidate=None),
)  # fmt: skip


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20), st.booleans())
def test_whatever_the_key_is_called_the_file_is_read_back_as_the_candidate(
    key: str,
    idempotent: bool,  # noqa: FBT001  # drawn
) -> None:
    policy = Policy(
        key,
        retry=RetryPolicy(max_attempts=4, jitter="none", budget="own"),
        hedge=HedgePolicy(enabled=True),
        circuit=CircuitPolicy(enabled=True),
        idempotent=idempotent,
    )
    candidate = edited(
        [policy.normalize()],
        ["retry.max_attempts=2", "budgets.own.kind=retry_ratio", "budgets.own.ratio=0.1"],
    )
    text = as_toml(candidate, ["said"])
    file = loads(text, "candidate.toml")
    read = file.policies[0].normalize()

    assert all(visible(line) == line for line in text.split("\n"))
    assert (read.key, read.idempotent) == (key, idempotent)
    assert (read.retry, read.hedge, read.circuit) == (
        candidate.policies[0].retry, candidate.policies[0].hedge, candidate.policies[0].circuit,
    )  # fmt: skip
    assert file.budgets == {"own": {"kind": "retry_ratio", "ratio": 0.1}}


def test_a_candidate_of_ones_own_has_its_evidence_above_it(tmp_path: Path) -> None:
    recorded = {"retry": {"max_attempts": 3, "timeout_per_attempt_s": 1.0}, "idempotent": True}
    row = {
        "applied_at": 1_795_255_200_000_000, "key": "a.B", "policy_version": "v",
        "max_attempts": 3, "policy_json": json.dumps({"key": "a.B", "id": "a.B", **recorded}),
    }  # fmt: skip
    with open_archive(write_archive(tmp_path, {"policies": [row]})) as archive:
        text = own_toml(archive.policies()[0], ["retry.max_attempts=2"], ROWS)
    file = loads(text, "candidate.toml")

    assert text.splitlines()[:7] == [
        "# A candidate of one's own; nothing is applied by itself. It changes",
        "#   retry.max_attempts: 3 → 2",
        "#",
        "# attempts: 88,123 recorded, 67,589 (EXACT)",
        "# failed calls: 12,307 recorded, ≥ 10 and ≤ 20,534 (BOUND)",
        "# peak load: — recorded, ~ 3/s, 2/s to 4/s (MODEL)",
        "",
    ]
    (policy,) = file.policies
    assert policy.normalize().retry.max_attempts == 2
    assert lint(file) == ()
