"""The rarer branches of causes, our part and remedies, on pictures made by hand."""

from typing import Any

import pytest

from recourse_observe.queries.rows import PolicyRow, TransitionRow
from recourse_observe.story.actions import Action
from recourse_observe.story.detectors import (
    bad_policy_rollout,
    circuit_stuck_open,
    control_plane_outage,
    dependency_outage,
    hedge_runaway,
    key_cardinality,
    partial_instance_failure,
    retry_storm,
)
from recourse_observe.story.detectors.signs import Sign
from recourse_observe.story.findings import Cause, RetryEffect
from recourse_observe.story.part import actions, retry_effect
from recourse_observe.story.phase_rows import AttemptsRow, Beat, CallsRow, Latency, ProcessSecond
from recourse_observe.story.phases import Phase
from recourse_observe.story.picture import Picture

S = 1_000_000


def calls(number: int, disposition: str = "success", **more: Any) -> CallsRow:
    given = {"attempts": number, "admitted": number, "retries": 0, "hedges": 0, "rescued": 0}
    return CallsRow(
        phase="during",
        key=more.pop("key", "a.B"),
        instance="pod-1",
        disposition=disposition,
        policy_source=more.pop("policy_source", "static"),
        calls=number,
        **(given | more),
    )


def attempts(number: int, outcome: str = "success", **more: Any) -> AttemptsRow:
    given: dict[str, Any] = {
        "kind": "first",
        "reason": outcome,
        "status": 0,
        "at_limit": False,
        "quick": False,
        "shed": False,
        "hinted": False,
        "lost": False,
        "peer": "",
    }
    return AttemptsRow(
        phase="during", instance="pod-1", outcome=outcome, attempts=number, **(given | more)
    )


def phase(*rows: CallsRow | AttemptsRow, p50_us: int | None = 20_000) -> Phase:
    return Phase(
        seconds=100.0,
        calls_rows=[row for row in rows if isinstance(row, CallsRow)],
        attempts_rows=[row for row in rows if isinstance(row, AttemptsRow)],
        latency=Latency(phase="x", p50_us=p50_us, timeout_us=1 * S),
    )


def policy(at_s: float = 0, **more: Any) -> PolicyRow:
    given: dict[str, Any] = {
        "policy_version": "v1",
        "max_attempts": 3,
        "jitter": "full",
        "timeout_per_attempt_us": 1 * S,
        "classifier": "auto",
        "budget_name": None,
        "hedge_enabled": False,
        "hedge_delay_us": None,
        "circuit_enabled": False,
        "circuit_threshold": None,
        "event": "applied",
    }
    return PolicyRow(
        applied_unix_us=round(at_s * S),
        key="a.B",
        instance="pod-1",
        policy_id="a",
        policy_source="static",
        initial_backoff_us=50_000,
        max_backoff_us=2 * S,
        backoff_multiplier=2.0,
        overall_timeout_us=None,
        max_hedges=0,
        hedge_trigger=None,
        hedge_budget_name=None,
        circuit_kind=None,
        circuit_cooldown_us=None,
        policy_json="{}",
        **(given | more),
    )


def picture(during: Phase, before: Phase | None = None, **more: Any) -> Picture:
    given: dict[str, Any] = {
        "keys": ("a.B",),
        "affected": ("a.B",),
        "ongoing": False,
        "all_calls": during.calls_rows,
        "beats": (),
        "processes": (),
        "policies": (),
        "transitions": (),
        "budget": (),
    }
    return Picture(
        onset_us=100 * S,
        end_us=200 * S,
        before=before or phase(calls(2_000), attempts(2_000)),
        during=during,
        after=phase(),
        **(given | more),
    )


FAILED = attempts(900, "retryable", reason="http_503", status=503, quick=True)


def test_a_policy_with_breaker_and_budget_leaves_nothing_to_change_in_an_outage() -> None:
    shown = picture(
        phase(calls(900, "exhausted"), FAILED),
        policies=(policy(circuit_enabled=True, budget_name="b"),),
    )

    assert actions(Cause.DEPENDENCY_OUTAGE, shown) == (Action.NONE_CLIENT_SIDE,)


def test_calls_of_single_attempts_have_no_attempts_to_reduce() -> None:
    shown = picture(phase(calls(900, "exhausted"), FAILED))

    assert actions(Cause.DEPENDENCY_BROWNOUT, shown) == (Action.ENABLE_CIRCUIT,)


def test_more_attempts_are_advised_when_retries_mostly_help_and_calls_are_still_lost() -> None:
    during = phase(
        calls(900),
        calls(100, "exhausted"),
        attempts(300, "retryable"),
        attempts(700),
        attempts(200, kind="retry"),
    )

    assert Action.RAISE_ATTEMPTS in actions(Cause.PARTIAL_INSTANCE_FAILURE, picture(during))
    assert actions(Cause.UNKNOWN, picture(during)) == (Action.NONE_CLIENT_SIDE,)


def test_retries_that_load_an_overloaded_dependency_harm() -> None:
    during = phase(
        calls(900, "exhausted", attempts=2_700, retries=1_800),
        attempts(2_700, "retryable", reason="attempt_timeout", at_limit=True),
    )

    assert retry_effect(Cause.LOAD_SURGE, picture(during)) is RetryEffect.HARMED
    assert retry_effect(Cause.DEPENDENCY_BROWNOUT, picture(during)) is RetryEffect.NEUTRAL


def test_hedges_that_outrun_a_slow_instance_help() -> None:
    during = phase(calls(900, hedges=300), attempts(900), attempts(250, kind="hedge"))

    assert retry_effect(Cause.PARTIAL_INSTANCE_FAILURE, picture(during)) is RetryEffect.HELPED


@pytest.mark.parametrize(
    ("changed", "ended"),
    [
        ({"jitter": "none"}, "exhausted"),
        ({"classifier": "odd"}, "terminal"),
        ({"budget_name": "tiny"}, "budget_denied"),
        ({"circuit_enabled": True}, "circuit_open"),
        ({"hedge_enabled": True, "hedge_delay_us": 5}, "exhausted"),
        ({"max_attempts": 9}, "exhausted"),
        ({"timeout_per_attempt_us": 9_000_000}, "exhausted"),
    ],
)
def test_what_went_wrong_is_compared_with_the_changed_field(
    changed: dict[str, Any], ended: str
) -> None:
    during = phase(
        calls(900, ended, hedges=600, attempts=2_000),
        attempts(900, "retryable", reason="http_503"),
    )
    waves = [
        Beat(beat=200 + i, attempts=90 if i % 9 == 0 else 0, firsts=0, successes=0, shed=0)
        for i in range(90)
    ]
    seconds = [
        ProcessSecond(
            instance="pod-1", at_s=s, calls=9, lost=9 * (s >= 100), hurt=0, hedges=0, attempts=9, duration_us=1
        )
        for s in range(60, 200)
    ]  # fmt: skip
    shown = picture(
        during,
        policies=(policy(), policy(100, **changed), policy(150, **changed)),
        processes=seconds,
        beats=waves,
    )

    signs = {sign.kind: sign for sign in bad_policy_rollout.suspect(shown).signs}

    assert [change.at_us for change in bad_policy_rollout.changes(shown)] == [100 * S]
    assert signs["dose_response"].degree == 1.0
    limit = 0.2 if "timeout_per_attempt_us" in changed else 0.4
    assert (signs["field_fits"].degree > 0.4) == (limit == 0.4)


def test_a_storm_and_runaway_hedges_end_with_less_load() -> None:
    during = phase(calls(900, "exhausted", attempts=2_700), attempts(2_700, "retryable"))
    fewer = picture(during, policies=(policy(hedge_enabled=True), policy(190, max_attempts=1)))
    calmer = picture(
        during, beats=[Beat(beat=b, attempts=9, firsts=9, successes=0, shed=0) for b in range(200, 340)]
    )  # fmt: skip

    def degree(signs: tuple[Sign, ...], kind: str) -> float:
        return next(sign.degree for sign in signs if sign.kind == kind)

    assert degree(retry_storm.suspect(fewer).signs, "ended_with_less_load") == 1.0
    assert degree(retry_storm.suspect(calmer).signs, "ended_with_less_load") == 1.0
    assert degree(hedge_runaway.suspect(fewer).signs, "ended_with_fewer_hedges") == 1.0
    assert degree(hedge_runaway.suspect(calmer).signs, "ended_with_fewer_hedges") == 1.0


def test_keys_that_explode_are_their_own_cause() -> None:
    during = phase(calls(90, "exhausted", policy_source="default"), attempts(90, "retryable"))
    shown = picture(during, new_keys=tuple(f"users.{i}" for i in range(40)))

    assert key_cardinality.suspect(shown).score == 1.0
    assert key_cardinality.suspect(picture(during)).score < 0.01


def test_an_old_policy_on_most_calls_is_the_control_planes_outage() -> None:
    during = phase(
        calls(90, policy_source="lkg"), calls(10, "exhausted", policy_source="lkg"), attempts(100)
    )
    shown = picture(during, policies=(policy(event="resolve_failed"),))

    assert control_plane_outage.suspect(shown).score == 1.0


def test_an_open_breaker_is_stuck_when_its_cooldown_has_long_gone() -> None:
    last = TransitionRow(
        changed_unix_us=110 * S,
        key="a.B",
        instance="pod-1",
        from_state="closed",
        to_state="open",
        cause="failure_threshold",
        generation=1,
        call_id=None,
    )
    shown = picture(phase(calls(900, "circuit_open", admitted=0)), transitions=(last,))

    assert circuit_stuck_open.stuck_instances(shown) == ("pod-1",)
    assert circuit_stuck_open.suspect(shown).score > 0.9


def test_a_breaker_that_refuses_while_others_are_served_is_stuck_despite_a_stray_failure() -> None:
    during = phase(calls(900, "circuit_open", admitted=0), calls(900), attempts(900))
    beats = [Beat(beat=b, attempts=9, firsts=9, successes=9, shed=0) for b in range(200, 400)]
    beats[-8] = Beat(beat=392, attempts=9, firsts=9, successes=7, shed=0)
    closed = TransitionRow(
        changed_unix_us=150 * S,
        key="a.B",
        instance="pod-1",
        from_state="half_open",
        to_state="closed",
        cause="probe_succeeded",
        generation=1,
        call_id=None,
    )

    stuck = circuit_stuck_open.suspect(picture(during, beats=beats))
    moving = circuit_stuck_open.suspect(picture(during, beats=beats, transitions=(closed,)))

    assert stuck.score > 0.7
    assert moving.score < 0.2


def test_answers_are_understood_by_status_or_by_reason() -> None:
    assert attempts(1, "retryable", reason="http_429").is_limited
    assert attempts(1, "retryable", reason="grpc_RESOURCE_EXHAUSTED").is_limited
    assert attempts(1, "non_retryable", reason="grpc_INVALID_ARGUMENT").is_callers_mistake
    assert attempts(1, "non_retryable", reason="http_404").is_callers_mistake
    assert not attempts(1, "retryable", reason="http_409").is_callers_mistake
    assert attempts(1, "retryable", reason="http_409").is_conflict
    assert attempts(1, "retryable", reason="grpc_DEADLINE_EXCEEDED").is_timeout
    assert not attempts(1, "success", at_limit=True).is_timeout


def test_a_picture_of_little_says_little() -> None:
    nothing = picture(phase(p50_us=None), before=phase(p50_us=None))

    assert nothing.latency_ratio == 1.0
    assert nothing.worst_instance == ("", 0.0, 0.0)
    assert nothing.waves(during=True) == 0.0
    assert nothing.policy is None
    assert picture(phase(p50_us=None)).latency_ratio == float("inf")
    assert partial_instance_failure.bad_peers(nothing) == ()
    assert dependency_outage.suspect(nothing).score < 0.1


def test_calls_that_dependents_make_are_no_surge() -> None:
    during = phase(calls(9_000, "exhausted"), FAILED)
    front = [calls(100, key="front.Page")]
    before = CallsRow(
        **{name: getattr(front[0], name) for name in CallsRow.__slots__} | {"phase": "before"}
    )
    shown = picture(
        during,
        affected=("a.B", "front.Page"),
        all_calls=[*during.calls_rows, *front, before],
    )

    assert shown.calls_ratio == pytest.approx(1.0)


def test_bad_peers_are_those_far_worse_than_the_best() -> None:
    during = phase(
        attempts(90, "retryable", peer="p-1"),
        attempts(90, peer="p-2"),
        attempts(40, "cancelled", peer="p-3"),
        attempts(60, peer="p-3"),
    )

    assert partial_instance_failure.bad_peers(picture(during)) == ("p-1", "p-3")
