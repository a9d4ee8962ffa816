import dataclasses
import pickle
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from recourse.policy import (
    BudgetRef,
    Change,
    CircuitPolicy,
    EffectivePolicy,
    HedgePolicy,
    Normalization,
    Policy,
    RetryPolicy,
    Why,
    fields,
)
from recourse.policy.fields import Kind

BLOCKS = ("retry", "hedge", "circuit")


def normalized(**blocks: Any) -> EffectivePolicy:
    return Policy("a.B", **blocks).normalize()


def changes(policy: EffectivePolicy, *, but: str = "retry hedge circuit") -> dict[str, Any]:
    """What was changed, path to (given, used, why), without the blocks that were not given."""
    return {
        change.path: (change.given, change.used, change.why)
        for change in policy.normalization.changes
        if change.path not in but.split() and change.path != "circuit.probe_ttl_s"
    }


def out_of_bounds(block: Any) -> list[str]:
    wrong: list[str] = []
    for field in fields.table(type(block)):
        value = getattr(block, field.name)
        if field.kind is Kind.REF and value is not None:
            wrong += out_of_bounds(value)
        if value is None and not field.optional:
            wrong.append(field.name)
        if value is not None and field.low is not None and field.high is not None:
            wrong += [field.name] * (not field.low <= value <= field.high)
    return wrong


@pytest.mark.slow
def test_r03_r04_every_value_of_any_policy_ends_in_bounds_and_consistent(
    policies: st.SearchStrategy[Policy],
) -> None:
    @given(policies)
    def law(policy: Policy) -> None:
        used = policy.normalize()

        assert [out_of_bounds(getattr(used, name)) for name in BLOCKS] == [[], [], []]
        assert used.retry.initial_backoff_s <= used.retry.max_backoff_s <= 30.0
        if used.retry.overall_timeout_s is not None:
            attempt_s = used.retry.timeout_per_attempt_s or 0.0
            assert attempt_s <= used.retry.overall_timeout_s
        assert used.circuit.cooldown_s <= used.circuit.max_cooldown_s
        assert used.circuit.probe_ttl_s is not None

    law()


@pytest.mark.slow
def test_r03_normalising_twice_changes_nothing(policies: st.SearchStrategy[Policy]) -> None:
    @given(policies)
    def law(policy: Policy) -> None:
        once = policy.normalize()
        again = Policy(
            once.key,
            retry=once.retry,
            hedge=once.hedge,
            circuit=once.circuit,
            idempotent=once.idempotent,
            id=once.id,
        ).normalize()

        assert again == dataclasses.replace(once, normalization=Normalization())
        assert once.normalize() is once

    law()


def test_r03_each_change_tells_what_was_given_and_what_is_used(
    policies: st.SearchStrategy[Policy],
) -> None:
    @given(policies)
    def law(policy: Policy) -> None:
        used = policy.normalize()

        told = {change.path: change for change in used.normalization.changes}
        assert len(told) == len(used.normalization.changes)
        for name in BLOCKS:
            given_block, used_block = getattr(policy, name), getattr(used, name)
            assert (name in told) == (given_block is None)
            for field in fields.table(type(used_block)):
                if given_block is None or field.kind is Kind.REF:
                    continue
                before, after = getattr(given_block, field.name), getattr(used_block, field.name)
                change = told.get(f"{name}.{field.name}")
                assert (change is None) == (before == after)
                assert change is None or (change.given, change.used) == (before, after)

    law()


def test_r78_a_policy_survives_pickling_as_given_and_as_used(
    policies: st.SearchStrategy[Policy],
) -> None:
    @settings(max_examples=30)
    @given(policies)
    def law(policy: Policy) -> None:
        used = policy.normalize()

        assert pickle.loads(pickle.dumps(policy)) == policy
        assert pickle.loads(pickle.dumps(used)) == used

    law()


def test_r03_blocks_that_were_not_given_are_filled_and_recorded_as_defaults() -> None:
    policy = normalized()

    assert policy.retry == RetryPolicy()
    assert policy.hedge == HedgePolicy(enabled=False)
    assert policy.circuit == CircuitPolicy(enabled=False, probe_ttl_s=10.0)
    assert policy.normalization.changes == (
        Change("retry", None, RetryPolicy(), Why.DEFAULT),
        Change("hedge", None, HedgePolicy(enabled=False), Why.DEFAULT),
        Change("circuit", None, CircuitPolicy(enabled=False), Why.DEFAULT),
        Change("circuit.probe_ttl_s", None, 10.0, Why.DEFAULT),
    )


def test_r03_filled_defaults_are_changes_but_nothing_was_clamped() -> None:
    filled = normalized(retry=RetryPolicy(max_attempts=None))  # type: ignore[arg-type]  # null in a file

    assert filled.retry.max_attempts == 3
    assert changes(filled) == {"retry.max_attempts": (None, 3, Why.DEFAULT)}
    assert (filled.normalization.changed, filled.normalization.clamped) == (True, ())


def test_r03_a_policy_that_says_everything_is_not_changed() -> None:
    policy = normalized(
        retry=RetryPolicy(), hedge=HedgePolicy(), circuit=CircuitPolicy(probe_ttl_s=5.0)
    )

    assert policy.normalization == Normalization()
    assert not policy.normalization.changed


@pytest.mark.parametrize("enabled", [True, False])
def test_r03_a_block_is_normalised_even_if_it_is_disabled(enabled: bool) -> None:  # noqa: FBT001 -- a parameter of the test
    policy = normalized(
        hedge=HedgePolicy(enabled=enabled, max_hedges=9),
        circuit=CircuitPolicy(enabled=enabled, threshold=0),
    )

    assert (policy.hedge.max_hedges, policy.circuit.threshold) == (3, 1)
    assert policy.normalization.clamped == ("hedge.max_hedges", "circuit.threshold")


@pytest.mark.parametrize(
    ("retry", "expected"),
    [
        (RetryPolicy(max_attempts=0), {"retry.max_attempts": (0, 1, Why.CLAMPED_LOW)}),
        (RetryPolicy(max_attempts=99), {"retry.max_attempts": (99, 10, Why.CLAMPED_HIGH)}),
        (
            RetryPolicy(initial_backoff_s=5.0),
            {"retry.initial_backoff_s": (5.0, 2.0, Why.INCONSISTENT)},
        ),
        (RetryPolicy(max_backoff_s=31.0), {"retry.max_backoff_s": (31.0, 30.0, Why.CLAMPED_HIGH)}),
        (
            RetryPolicy(initial_backoff_s=99.0, max_backoff_s=77.0),
            {
                "retry.initial_backoff_s": (99.0, 30.0, Why.CLAMPED_HIGH),
                "retry.max_backoff_s": (77.0, 30.0, Why.CLAMPED_HIGH),
            },
        ),
        (
            RetryPolicy(initial_backoff_s=99.0, max_backoff_s=1.0),
            {"retry.initial_backoff_s": (99.0, 1.0, Why.INCONSISTENT)},
        ),
        (
            RetryPolicy(timeout_per_attempt_s=5.0, overall_timeout_s=2.0),
            {"retry.timeout_per_attempt_s": (5.0, 2.0, Why.INCONSISTENT)},
        ),
        (RetryPolicy(timeout_per_attempt_s=5.0), {}),
        (RetryPolicy(timeout_per_attempt_s=5.0, overall_timeout_s=5.0), {}),
        (RetryPolicy(initial_backoff_s=0.5, max_backoff_s=0.5), {}),
        (RetryPolicy(overall_timeout_s=5.0), {}),
        (
            RetryPolicy(retry_after_max_s=-1.0),
            {"retry.retry_after_max_s": (-1.0, 0.0, Why.CLAMPED_LOW)},
        ),
        (
            RetryPolicy(budget=BudgetRef("payments", 0)),
            {"retry.budget.cost": (0, 1, Why.CLAMPED_LOW)},
        ),
    ],
)
def test_r04_a_retry_policy_is_brought_into_bounds(
    retry: RetryPolicy, expected: dict[str, Any]
) -> None:
    policy = normalized(retry=retry)

    assert changes(policy) == expected
    assert policy.normalization.clamped == tuple(expected)


def test_a_cooldown_above_the_greatest_raises_the_greatest() -> None:
    policy = normalized(circuit=CircuitPolicy(cooldown_s=600.0))

    assert changes(policy) == {"circuit.max_cooldown_s": (300.0, 600.0, Why.INCONSISTENT)}


@pytest.mark.parametrize(
    ("circuit", "attempt_s", "ttl_s"),
    [
        (CircuitPolicy(cooldown_s=2.0), None, 2.0),
        (CircuitPolicy(cooldown_s=2.0), 5.0, 5.0),
        (CircuitPolicy(cooldown_s=2.0), 1.0, 2.0),
        (CircuitPolicy(probe_ttl_s=1.5), 5.0, 1.5),
    ],
)
def test_a_probe_may_take_as_long_as_the_cooldown_or_the_attempt(
    circuit: CircuitPolicy, attempt_s: float | None, ttl_s: float
) -> None:
    policy = normalized(retry=RetryPolicy(timeout_per_attempt_s=attempt_s), circuit=circuit)

    assert policy.circuit.probe_ttl_s == ttl_s


def test_the_id_is_the_key_unless_given_and_the_source_is_told() -> None:
    assert (normalized().id, normalized(id="pol-a").id) == ("a.B", "pol-a")
    assert Policy("a.B").normalize("file").source == "file"
    assert normalized().as_source("lkg") == dataclasses.replace(normalized(), source="lkg")


def test_the_version_is_of_the_content_alone() -> None:
    plain = normalized()

    assert plain.version == "de11e0d802e3"
    assert Policy("other.Key", id="x").normalize("file").version == plain.version
    assert normalized(retry=RetryPolicy()).version == plain.version
    assert normalized(retry=RetryPolicy(backoff_multiplier=2)).version == plain.version
    assert normalized(retry=RetryPolicy(max_attempts=4)).version != plain.version
    assert normalized(idempotent=True).version != plain.version


def test_presets_are_in_bounds_and_consistent() -> None:
    presets = [
        normalized(retry=RetryPolicy.http()),
        normalized(retry=RetryPolicy.database()),
        normalized(retry=RetryPolicy.background_job()),
        Policy.low_latency("a.B").normalize(),
    ]

    assert [policy.normalization.clamped for policy in presets] == [(), (), (), ()]
    assert [policy.retry.max_attempts for policy in presets] == [3, 2, 8, 2]
    assert [policy.retry.overall_timeout_s for policy in presets] == [15.0, 5.0, 600.0, 1.0]


def test_a_policy_may_be_given_its_key_as_a_key() -> None:
    from recourse.key import PolicyKey

    assert Policy(PolicyKey("a.B")) == Policy("a.B")


def test_r04_an_attempt_may_not_last_longer_than_its_call() -> None:
    policy = normalized(retry=RetryPolicy(timeout_per_attempt_s=9.0, overall_timeout_s=4.0))

    assert policy.retry.timeout_per_attempt_s == 4.0
    assert changes(policy)["retry.timeout_per_attempt_s"] == (9.0, 4.0, Why.INCONSISTENT)


def test_a_probe_lasts_a_cooldown_where_attempts_have_no_limit() -> None:
    policy = normalized(circuit=CircuitPolicy(cooldown_s=0.5))

    assert policy.circuit.probe_ttl_s == 0.5


def test_what_is_normalised_keeps_its_key() -> None:
    assert normalized().key == "a.B"


def test_r03_a_change_says_why_in_one_of_four_words() -> None:
    assert [*Why] == ["default", "clamped_low", "clamped_high", "inconsistent"]
