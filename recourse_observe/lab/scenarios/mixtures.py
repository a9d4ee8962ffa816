"""More than one thing at a time: cascades, incidents side by side, storms after outages, false trails."""

from dataclasses import replace
from typing import Final

from recourse import HedgePolicy, Policy, RetryPolicy
from recourse_observe.lab.faults import Deploy, How, Outage, Slowdown
from recourse_observe.lab.scenarios import loads, outages, requests
from recourse_observe.lab.scenarios.builder import Builder
from recourse_observe.lab.scenarios.draft import Claim
from recourse_observe.lab.scenarios.quiet import rolled_out
from recourse_observe.lab.spec import KeySpec, Poisson, ServiceSpec

__all__ = [
    "cascade_across_services",
    "cascade_in_process",
    "masked_partial_failure",
    "one_after_the_other",
    "outage_after_rollout",
    "side_by_side",
    "storm_after_outage",
]

_PLAIN: Final = (
    outages.dependency_outage,
    outages.dependency_brownout,
    outages.partial_instance_failure,
    requests.poison_requests,
    loads.rate_limited,
)


def cascade_across_services(b: Builder) -> tuple[Claim, ...]:
    """What a dependency depends on breaks; its own callers cry the loudest."""
    dice = b.dice
    behind = ServiceSpec(name=b.names.service(), processes=dice.whole(2, 4))
    b.services.append(behind)
    deep = b.dependency(workers=16)
    inner = b.key(
        deep, 0.0, {"circuit": False, "max_attempts": dice.whole(1, 3)}, service=behind.name
    )
    front = b.dependency(
        calls=(inner.key,), workers=32, queue=200, median_s=dice.around(0.01, 0.05)
    )
    patient = {
        "circuit": False,
        "max_attempts": dice.whole(2, 4),
        "timeout_per_attempt_s": dice.between(2.0, 6.0),
    }
    for _ in range(dice.whole(1, 2)):
        b.key(front, dice.around(3.0, 6.0), patient)
    fault = outages.down(b, deep)
    b.faults.append(fault)
    return (
        Claim(
            cause="dependency_outage",
            keys=(inner.key,),
            faults=(fault,),
            least_share=0.5,
            check=outages.over_with_it,
        ),
    )


def cascade_in_process(b: Builder) -> tuple[Claim, ...]:
    """An operation that is made of others fails because one of them does."""
    dice = b.dice
    deep, other = b.dependency(workers=24), b.dependency(workers=24)
    inner = b.key(deep, 0.0, {"circuit": False})
    steps = [inner.key, b.key(other, 0.0).key]
    name = b.names.key(other.name)
    outer = KeySpec(
        key=name,
        policy=Policy(name, retry=RetryPolicy(max_attempts=dice.whole(1, 2))),
        traffic=Poisson(per_s=dice.around(4.0, 8.0)),
        calls=tuple(dice.some(steps, 2)),
    )
    b.change(outer)
    if dice.chance(0.5):
        fault: Outage | Slowdown = outages.down(b, deep)
        cause = "dependency_outage"
    else:
        retry = inner.policy.retry if inner.policy is not None else None
        timeout_s = (retry.timeout_per_attempt_s if retry is not None else None) or 1.0
        fault = Slowdown(
            start_s=b.start_s,
            end_s=b.end_s,
            dependency=deep.name,
            factor=round(timeout_s / deep.median_s * dice.between(1.2, 2.5), 2),
        )
        cause = "dependency_brownout"
    b.faults.append(fault)
    return (
        Claim(
            cause=cause,
            keys=(inner.key,),
            faults=(fault,),
            least_share=0.4,
            check=outages.over_with_it,
        ),
    )


def side_by_side(b: Builder) -> tuple[Claim, ...]:
    """Two incidents that have nothing to do with each other, partly at the same time."""
    first, second = b.dice.some(_PLAIN, 2)
    one = first(b)
    b.start_s = round(b.start_s + b.dice.between(20.0, 45.0), 3)
    b.end_s = round(min(b.duration_s, b.start_s + b.dice.between(40.0, 150.0)), 3)
    return one, second(b)


def one_after_the_other(b: Builder) -> tuple[Claim, ...]:
    """Two incidents with a good time between them."""
    first, second = b.dice.some(_PLAIN, 2)
    b.duration_s += 200.0
    b.end_s = round(b.start_s + b.dice.between(35.0, 90.0), 3)
    one = first(b)
    b.start_s = round(b.end_s + b.dice.between(100.0, 150.0), 3)
    b.end_s = round(min(b.duration_s, b.start_s + b.dice.between(35.0, 90.0)), 3)
    return one, second(b)


def storm_after_outage(b: Builder) -> tuple[Claim, ...]:
    """The dependency comes back, and our retries do not let it."""
    dice = b.dice
    dependency, key = loads.stormy(b)
    fault = Outage(
        start_s=b.start_s,
        end_s=round(b.start_s + dice.between(15.0, 50.0), 3),
        dependency=dependency.name,
        how=dice.one((How.SILENCE, How.SILENCE, How.STALL)),
    )
    b.faults.append(fault)
    loads.end_of_storm(b, key, fault.end_s)
    return (
        Claim(
            cause="retry_storm",
            keys=(key.key,),
            also_right=("dependency_outage",),
            faults=(fault,),
            least_share=0.5,
            remedy=loads.fewer_attempts(key.key),
            check=loads.lasts,
        ),
    )


def outage_after_rollout(b: Builder) -> tuple[Claim, ...]:
    """An outage right after an innocent rollout and a rolling deploy."""
    dice = b.dice
    claim = outages.dependency_outage(b)
    rolled_out(b, claim.keys[0], b.start_s - dice.between(3.0, 25.0))
    if dice.chance(0.6):
        moments = b.staggered(b.start_s - dice.between(10.0, 40.0), 0.5, 5.0)
        b.faults.append(
            Deploy(
                start_s=min(moments),
                end_s=max(moments) + 1.0,
                service=b.services[0].name,
                restarted_s=moments,
            )
        )
    return (claim,)


def masked_partial_failure(b: Builder) -> tuple[Claim, ...]:
    """Retries and hedges hide a broken instance from nearly every caller."""
    dice = b.dice
    dependency = b.dependency(instances=dice.whole(3, 5), tells_peer=dice.chance(0.7))
    hedge = HedgePolicy(
        hedge_delay_s=round(max(0.01, dependency.median_s * dice.between(3.0, 6.0)), 4)
    )
    policy = {"max_attempts": 5, "hedge": hedge, "circuit": False, "budget": None}
    key = b.key(dependency, dice.around(6.0, 12.0), policy)
    fault = Outage(
        start_s=b.start_s,
        end_s=b.end_s,
        dependency=dependency.name,
        how=dice.one((How.STATUS, How.SILENCE)),
        instances=(dice.whole(0, dependency.instances - 1),),
    )
    b.faults.append(fault)
    return (
        replace(
            Claim(cause="partial_instance_failure", keys=(key.key,), faults=(fault,)),
            check=outages.over_with_it,
        ),
    )
