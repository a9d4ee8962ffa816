"""Runs: repeatable, paired, and broken in every way that a fault can break them."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from recourse import BudgetRef, CircuitPolicy, HedgePolicy, Policy, RetryPolicy
from recourse.policy.load import loads
from recourse_observe.lab import (
    BudgetSpec,
    CapacityChange,
    ClassifierChange,
    ControlPlane,
    ControlPlaneOutage,
    Deploy,
    How,
    Incarnation,
    KeyExplosion,
    KeySpec,
    Outage,
    Overflow,
    Poison,
    Poisson,
    PolicyChange,
    ProcessFault,
    QuotaChange,
    Recorded,
    Run,
    Scenario,
    ServiceSpec,
    Slowdown,
    Surge,
    UpstreamDeadline,
    Waves,
    run,
)

World = Callable[..., Scenario]
KEY = "stock.Reserve"
BUSY = Recorded(arrivals_s=tuple(1.0 + i / 1000 for i in range(20)), processes=(0,))


def policy(**retry: object) -> Policy:
    given = {"max_attempts": 1, "initial_backoff_s": 0.1, "jitter": "none"} | retry
    return Policy(KEY, retry=RetryPolicy(**given))  # type: ignore[arg-type]  # the tests' own


def errors(done: Run, key: str = KEY) -> Counter[str]:
    return Counter(call.error for call in done.calls if call.key == key)


def statuses(done: Run) -> list[int]:
    return [a.status for a in done.attempts if a.key == KEY]


def at(*moments_s: float) -> Recorded:
    return Recorded(arrivals_s=moments_s, processes=(0,) * len(moments_s))


def test_the_same_scenario_gives_the_same_run_and_another_seed_another(world: World) -> None:
    first, second, other = run(world()), run(world()), run(world(seed=12))

    assert first == second
    assert first.calls != other.calls


def test_a_fault_changes_nothing_that_it_does_not_touch(world: World) -> None:
    quiet = run(world())

    broken = run(world(faults=(Outage(start_s=20.0, end_s=40.0, dependency="stock"),)))

    others = [[c for c in done.calls if c.key == "mail.Send"] for done in (quiet, broken)]
    assert others[0] == others[1]
    before = [[c for c in done.calls if c.ended_s < 20.0] for done in (quiet, broken)]
    assert before[0] == before[1]
    assert errors(broken)["AnsweredError"] > 0


def test_recorded_arrivals_begin_at_their_moments_in_their_processes(world: World) -> None:
    traffic = Recorded(arrivals_s=(1.0, 2.5, 7.25), processes=(0, 2, 1))

    calls = [c for c in run(world(key={"traffic": traffic})).calls if c.key == KEY]

    assert [(c.started_s, c.process) for c in calls] == [(1.0, 0), (2.5, 2), (7.25, 1)]


def test_recorded_arrivals_without_processes_go_anywhere(world: World) -> None:
    traffic = Recorded(arrivals_s=tuple(float(i) for i in range(1, 40)))

    calls = [c for c in run(world(key={"traffic": traffic})).calls if c.key == KEY]

    assert {c.process for c in calls} == {0, 1, 2}


def test_batches_come_in_waves(world: World) -> None:
    waves = Waves(every_s=20.0, count=5, spread_s=0.5, first_s=3.0)

    calls = [c for c in run(world(key={"traffic": waves})).calls if c.key == KEY]

    assert Counter(int(c.started_s) for c in calls) == {3: 5, 23: 5, 43: 5}


def test_traffic_follows_the_day(world: World) -> None:
    traffic = Poisson(per_s=20.0, swing=0.9, period_s=60.0)

    calls = [c for c in run(world(key={"traffic": traffic})).calls if c.key == KEY]

    day = sum(c.started_s < 30.0 for c in calls)
    assert day > 3 * (len(calls) - day)


def test_no_traffic_is_none(world: World) -> None:
    assert errors(run(world(key={"traffic": Poisson(per_s=0.0)}))) == {}


def test_a_surge_adds_calls_and_leaves_the_usual_ones_as_they_are(world: World) -> None:
    surge = Surge(start_s=20.0, end_s=40.0, key=KEY, factor=4.0, ramp_s=5.0)

    usual, more = run(world()), run(world(faults=(surge,)))

    numbers = [{c.number for c in done.calls} for done in (usual, more)]
    assert numbers[0] < numbers[1]
    extra = [c.started_s for c in more.calls if c.number not in numbers[0]]
    assert min(extra) > 20.0
    assert max(extra) < 40.0
    assert len(extra) > 300


@pytest.mark.parametrize(
    ("how", "error", "status"),
    [
        (How.STATUS, "AnsweredError", 503),
        (How.REFUSED, "ConnectionRefusedError", 0),
        (How.RESET, "ConnectionResetError", -1),
        (How.SILENCE, "AttemptTimeout", -2),
        (How.STALL, "ConnectionResetError", -1),
    ],
)
def test_an_outage_fails_in_its_own_way(world: World, how: How, error: str, status: int) -> None:
    outage = Outage(start_s=0.5, end_s=2.0, dependency="stock", how=how)
    key = {"traffic": at(1.0, 5.0), "policy": policy(timeout_per_attempt_s=3.0)}

    done = run(world(key=key, faults=(outage,)))

    assert errors(done) == {error: 1, "": 1}
    assert statuses(done) == [status, 200]


def test_a_part_of_the_requests_or_of_the_instances_can_be_hit(world: World) -> None:
    part = Outage(start_s=0.0, end_s=60.0, dependency="stock", share=0.3)
    instance = Outage(start_s=0.0, end_s=60.0, dependency="stock", instances=(1,))

    some = errors(run(world(key={"policy": policy()}, faults=(part,))))
    one_of_three = run(world(key={"policy": policy()}, faults=(instance,)))

    assert 0.2 < some["AnsweredError"] / some.total() < 0.4
    assert {a.instance for a in one_of_three.attempts if a.status == 503} == {1}
    assert {a.instance for a in one_of_three.attempts if a.status == 200} >= {0, 2}


def test_a_slowdown_makes_work_longer_and_grows_over_its_ramp(world: World) -> None:
    slow = Slowdown(start_s=10.0, end_s=50.0, dependency="stock", factor=5.0, ramp_s=20.0)
    key = {"traffic": at(5.0, 20.0, 40.0)}

    done = run(world(stock={"sigma": 0.0}, key=key, faults=(slow,)))

    took_s = [a.ended_s - a.started_s for a in done.attempts if a.key == KEY]
    assert took_s == pytest.approx([0.02, 0.06, 0.1])


def test_what_does_not_fit_into_the_queue_is_shed(world: World) -> None:
    stock = {"instances": 1, "workers": 1, "queue": 3}

    done = run(world(stock=stock, key={"traffic": BUSY, "policy": policy()}))

    assert Counter(statuses(done)) == {200: 5, 503: 15}


def test_an_instance_that_overflows_can_crash_and_comes_back(world: World) -> None:
    stock = {"instances": 1, "workers": 1, "queue": 3, "overflow": Overflow.CRASH}
    arrivals = Recorded(arrivals_s=(*BUSY.arrivals_s, 8.0), processes=(0,) * 21)

    done = run(world(stock=stock, key={"traffic": arrivals, "policy": policy()}))

    assert Counter(statuses(done)) == {-1: 5, 0: 15, 200: 1}


def test_fewer_workers_make_a_queue_and_more_of_them_empty_it(world: World) -> None:
    change = CapacityChange(start_s=0.0, end_s=1.1, dependency="stock", workers=1)
    stock = {"instances": 1, "workers": 20, "sigma": 0.0, "median_s": 0.2}

    done = run(world(stock=stock, key={"traffic": BUSY, "policy": policy()}, faults=(change,)))

    ended_s = sorted(a.ended_s for a in done.attempts if a.key == KEY)
    assert ended_s[0] == pytest.approx(1.2)
    assert ended_s[-1] == pytest.approx(1.3)


def test_work_that_nobody_waits_for_is_done_unless_the_server_looks(world: World) -> None:
    stock = {"instances": 1, "workers": 1, "sigma": 0.0, "median_s": 1.0}
    key = {"traffic": at(1.0, 1.1), "policy": policy(timeout_per_attempt_s=0.5)}

    blind = run(world(stock=stock, key=key))
    careful = run(world(stock=stock | {"serves_abandoned": False}, key=key))

    assert [sum(d.effects["stock"].values()) for d in (blind, careful)] == [2, 1]


def test_a_quota_admits_its_measure_and_says_when_to_come_again(world: World) -> None:
    stock = {"quota_per_s": 100.0, "retry_after_s": 2.0}
    key = {"traffic": BUSY, "policy": policy(max_attempts=2)}
    change = QuotaChange(start_s=0.0, end_s=2.0, dependency="stock", per_s=5.0)

    done = run(world(stock=stock, key=key, faults=(change,)))

    assert statuses(done).count(429) == 15
    again_s = [a.started_s for a in done.attempts if a.attempt == 1]
    assert min(again_s) > 3.0


def test_a_quota_that_ends_admits_everybody(world: World) -> None:
    change = QuotaChange(start_s=0.0, end_s=0.5, dependency="stock", per_s=1.0)

    done = run(world(key={"traffic": BUSY, "policy": policy()}, faults=(change,)))

    assert set(statuses(done)) == {200}


def test_poisoned_calls_fail_on_every_attempt_and_the_others_never(world: World) -> None:
    poison = Poison(start_s=0.0, end_s=60.0, key=KEY, share=0.3)

    done = run(world(key={"policy": policy(max_attempts=3)}, faults=(poison,)))

    by_call: dict[int, set[int]] = {}
    for a in done.attempts:
        by_call.setdefault(a.number, set()).add(a.status)
    assert set(map(frozenset, by_call.values())) == {frozenset({200}), frozenset({500})}


def test_usual_errors_and_bad_requests_happen_at_all_times(world: World) -> None:
    key = {"policy": policy(), "client_error_share": 0.2}

    done = run(world(stock={"error_share": 0.2}, key=key))

    counts = Counter(statuses(done))
    assert counts.keys() == {200, 404, 500}
    assert counts[404] > 50
    assert counts[500] > 50


def test_a_request_whose_effect_is_there_already_can_be_refused(world: World) -> None:
    stock = {"refuses_repeats": True, "sigma": 0.0, "median_s": 0.15}
    retry = policy(max_attempts=2, timeout_per_attempt_s=0.1)
    key = {"traffic": at(1.0), "policy": retry}

    done = run(world(stock=stock, key=key))

    assert statuses(done) == [-2, -2]
    patient = replace(retry, retry=RetryPolicy(max_attempts=2, timeout_per_attempt_s=0.1))
    slow = Slowdown(start_s=0.0, end_s=1.05, dependency="stock", factor=10.0)
    again = run(
        world(
            stock=stock | {"median_s": 0.05},
            key={"traffic": at(1.0), "policy": replace(patient, retry=_slow_backoff())},
            faults=(slow,),
        )
    )
    assert statuses(again) == [-2, 409]


def _slow_backoff() -> RetryPolicy:
    return RetryPolicy(
        max_attempts=2, timeout_per_attempt_s=0.1, initial_backoff_s=1.0, jitter="none"
    )


def test_errors_of_other_protocols_have_no_status(world: World) -> None:
    key = {"speaks_http": False, "policy": policy(classifier="http", max_attempts=3)}

    done = run(world(stock={"error_share": 0.5}, key=key))

    assert errors(done).keys() == {"", "BackendError"}
    assert {a.attempt for a in done.attempts if a.key == KEY} == {0}


def test_whoever_asked_can_give_up(world: World) -> None:
    gone = UpstreamDeadline(start_s=0.0, end_s=60.0, keys=(KEY,), after_s=0.001)

    done = run(world(faults=(gone,)))

    assert errors(done).keys() == {"CancelledError"}


def test_a_request_goes_on_with_other_keys_while_all_goes_well(world: World) -> None:
    poison = Poison(start_s=0.0, end_s=60.0, key=KEY, share=0.5, status=404)
    others = world().keys[1]
    keys = (
        replace(world().keys[0], then=("mail.Send",), traffic=at(*map(float, range(1, 41)))),
        replace(others, traffic=None),
    )

    done = run(world(keys=keys, faults=(poison,)))

    assert errors(done, "mail.Send") == {"": errors(done)[""]}


def test_an_operation_can_be_made_of_others(world: World) -> None:
    outer = KeySpec(
        key="order.Place", policy=Policy("order.Place"), traffic=at(1.0, 2.0), calls=(KEY,)
    )
    keys = (replace(world().keys[0], traffic=None, policy=policy()), outer)
    outage = Outage(start_s=1.5, end_s=60.0, dependency="stock")

    done = run(world(keys=keys, faults=(outage,)))

    assert errors(done, "order.Place") == {"": 1, "AnsweredError": 1}
    assert errors(done) == {"": 1, "AnsweredError": 3}


def test_a_handler_can_call_the_keys_of_its_own_service(world: World) -> None:
    inner = KeySpec(
        key="disk.Read", dependency="mail", policy=Policy("disk.Read"), service="stock-keeper"
    )
    services = (*world().services, ServiceSpec(name="stock-keeper", processes=2))
    keys = (replace(world().keys[0], traffic=at(1.0, 2.0), policy=policy()), inner)
    dependencies = (replace(world().dependencies[0], calls=("disk.Read",)), world().dependencies[1])
    outage = Outage(start_s=1.5, end_s=60.0, dependency="mail")

    done = run(world(services=services, dependencies=dependencies, keys=keys, faults=(outage,)))

    assert errors(done) == {"": 1, "AnsweredError": 1}
    assert {c.service for c in done.calls if c.key == "disk.Read"} == {"stock-keeper"}


def test_a_policy_reaches_each_process_at_its_own_time_and_goes_back(world: World) -> None:
    change = PolicyChange(
        start_s=20.0,
        end_s=40.0,
        policy=policy(timeout_per_attempt_s=0.001),
        applied_s=(20.0, 30.0, None),
    )

    done = run(world(faults=(change,)))

    lost = [c for c in done.calls if c.key == KEY and c.error]
    first_s = {p: min(c.started_s for c in lost if c.process == p) for p in (0, 1)}
    assert 20.0 <= first_s[0] < 21.0
    assert 30.0 <= first_s[1] < 31.0
    assert max(c.started_s for c in lost) < 40.0
    assert {c.process for c in lost} == {0, 1}


def test_a_deploy_brings_new_processes_that_may_lack_a_budget(world: World) -> None:
    retry = RetryPolicy(max_attempts=3, budget=BudgetRef("spare"))
    deploy = Deploy(
        start_s=20.0,
        end_s=40.0,
        service="web",
        restarted_s=(20.0, 21.0, None),
        drops_budgets=("spare",),
    )
    born: list[Incarnation] = []
    scenario = world(
        stock={"error_share": 0.4},
        key={"policy": Policy(KEY, retry=retry)},
        budgets=(BudgetSpec(name="spare", capacity=500.0, refill_per_s=100.0),),
        faults=(deploy,),
    )

    def noted(one: Incarnation) -> tuple[()]:
        born.append(one)
        return ()

    done = run(scenario, noted)

    assert [one.name for one in born] == [
        *("web-0", "web-1", "web-2"),
        *("web-0-r1", "web-1-r1"),
        *sorted(("web-0-r2", "web-1-r2"), key=[one.name for one in born].index),
    ]
    inside = [a for a in done.attempts if 22.0 < a.started_s < 39.0 and a.key == KEY]
    assert {a.process for a in inside if a.attempt} == {2}
    assert {a.process for a in done.attempts if a.attempt and a.started_s > 45.0} == {0, 1, 2}


def test_a_policy_outlives_the_process_that_applied_it(world: World) -> None:
    change = PolicyChange(
        start_s=10.0, end_s=99.0, policy=policy(timeout_per_attempt_s=0.001), applied_s=(10.0,) * 3
    )
    deploy = Deploy(start_s=20.0, end_s=21.0, service="web", restarted_s=(20.0,) * 3)

    done = run(world(faults=(change, deploy)))

    assert all(c.error for c in done.calls if c.key == KEY and c.started_s > 20.0)


def test_a_budget_can_be_a_share_of_the_calls(world: World) -> None:
    retry = RetryPolicy(max_attempts=3, budget=BudgetRef("spare"))
    scenario = world(
        stock={"error_share": 0.5},
        key={"policy": Policy(KEY, retry=retry)},
        budgets=(BudgetSpec(name="spare", refill_per_s=0.0, ratio=0.1),),
    )

    attempts = [a.attempt for a in run(scenario).attempts if a.key == KEY]

    assert 0.02 < sum(map(bool, attempts)) / attempts.count(0) < 0.15


def test_budgets_of_a_policy_file_are_registered_in_every_process(world: World) -> None:
    file = loads('[budgets.few]\nkind = "token_bucket"\ncapacity = 2\nrefill_per_s = 0\n', "p.toml")
    retry = RetryPolicy(max_attempts=3, budget=BudgetRef("few"))
    outage = Outage(start_s=0.0, end_s=60.0, dependency="stock")

    done = run(world(key={"policy": Policy(KEY, retry=retry)}, faults=(outage,), budget_file=file))

    retried = Counter(a.process for a in done.attempts if a.attempt and a.key == KEY)
    assert retried == {0: 2, 1: 2, 2: 2}


def test_new_code_of_a_classifier_takes_other_errors_for_final(world: World) -> None:
    change = ClassifierChange(
        start_s=20.0, end_s=40.0, service="web", becomes="http", applied_s=(20.0, 20.0, None)
    )
    key = {"speaks_http": False, "policy": policy(classifier="domain", max_attempts=3)}

    done = run(world(stock={"error_share": 0.4}, key=key, faults=(change,)))

    inside = [a for a in done.attempts if 20.5 < a.started_s < 39.5 and a.key == KEY]
    assert {a.process for a in inside if a.attempt} == {2}
    assert {a.process for a in done.attempts if a.attempt and a.started_s > 41.0} == {0, 1, 2}


@pytest.mark.parametrize(("lkg_s", "lost"), [(0.0, True), (500.0, False)])
def test_without_a_control_plane_remote_keys_live_on_what_they_remember(
    world: World, *, lkg_s: float, lost: bool
) -> None:
    control = ControlPlane(ttl_s=5.0, lkg_s=lkg_s, error_ttl_s=1.0)

    done = run(
        world(
            key={"remote": True},
            control=control,
            faults=(ControlPlaneOutage(start_s=20.0, end_s=40.0),),
        )
    )

    assert (errors(done)["NoPolicyError"] > 0) is lost
    assert errors(done, "mail.Send").keys() == {""}
    assert all(not c.error for c in done.calls if c.started_s > 42.0)


def test_a_key_without_a_policy_is_refused(world: World) -> None:
    assert errors(run(world(key={"policy": None}))).keys() == {"NoPolicyError"}


@pytest.mark.parametrize("how", list(How))
def test_one_process_can_be_cut_off_from_what_the_others_reach(world: World, how: How) -> None:
    fault = ProcessFault(
        start_s=20.0,
        end_s=40.0,
        service="web",
        process=1,
        how=how,
        dependencies=("stock",),
    )

    done = run(world(faults=(fault,)))

    assert {c.process for c in done.calls if c.error} == {1}
    assert errors(done, "mail.Send").keys() == {""}


def test_keys_that_carry_data_are_many_keys(world: World) -> None:
    explosion = KeyExplosion(start_s=20.0, end_s=40.0, key=KEY)
    services = (ServiceSpec(name="web", processes=3, default_policy=Policy("default")),)

    done = run(world(services=services, faults=(explosion,)))

    data = {c.key for c in done.calls if c.key.startswith(f"{KEY}.")}
    assert len(data) > 100
    assert all(not c.error for c in done.calls)


def test_hedges_run_beside_slow_attempts(world: World) -> None:
    hedged = Policy(KEY, hedge=HedgePolicy(hedge_delay_s=0.03))
    slow = Slowdown(start_s=0.0, end_s=60.0, dependency="stock", factor=10.0, instances=(0,))

    done = run(world(key={"policy": hedged}, faults=(slow,)))

    assert {a.hedge for a in done.attempts if a.key == KEY} == {0, 1}
    assert -2 in {a.status for a in done.attempts if a.key == KEY}


def test_breakers_refuse_calls(world: World) -> None:
    guarded = Policy(KEY, circuit=CircuitPolicy(threshold=2, cooldown_s=5.0))
    outage = Outage(start_s=20.0, end_s=40.0, dependency="stock")

    done = run(world(key={"policy": guarded}, faults=(outage,)))

    assert errors(done)["CircuitOpenError"] > errors(done)["AnsweredError"]


def test_what_hangs_for_ever_is_counted_and_let_go(world: World) -> None:
    outage = Outage(start_s=0.0, end_s=60.0, dependency="stock", how=How.SILENCE)
    key = {"policy": policy(), "traffic": at(1.0, 2.0)}

    done = run(world(key=key, faults=(outage,)))

    assert done.unfinished == 2
    assert errors(done) == {}


def test_a_mistake_of_the_laboratory_itself_is_not_taken_for_a_lost_call(world: World) -> None:
    class Broken:
        def on_event(self, event: object) -> None:
            raise SystemExit(str(event)[:0])

    with pytest.raises(SystemExit):
        run(world(), lambda _: [Broken()])
