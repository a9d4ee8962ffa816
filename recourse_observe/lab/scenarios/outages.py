"""A dependency, a part of it, or the way to it is broken."""

from typing import Final

from recourse_observe.lab.faults import How, Outage, ProcessFault, Slowdown
from recourse_observe.lab.scenarios.builder import Builder
from recourse_observe.lab.scenarios.draft import Claim
from recourse_observe.lab.scenarios.harm import Harm
from recourse_observe.lab.spec import DependencySpec

__all__ = [
    "dependency_brownout",
    "dependency_outage",
    "down",
    "over_with_it",
    "partial_instance_failure",
    "single_process_fault",
]

_SOON_S: Final = 20.0


def over_with_it(harm: Harm) -> str | None:
    """The harm ends with the fault: nothing sustains it."""
    return f"it lasts {harm.outlasts_s:.0f} s longer" if harm.outlasts_s > _SOON_S else None


def down(b: Builder, dependency: DependencySpec) -> Outage:
    """A complete outage of a dependency, failing in one of the usual ways."""
    dice = b.dice
    return Outage(
        start_s=b.start_s,
        end_s=b.end_s,
        dependency=dependency.name,
        how=dice.one((How.STATUS, How.STATUS, How.REFUSED, How.RESET)),
        status=dice.one((500, 502, 503, 503)),
        share=dice.one((1.0, 1.0, 1.0, dice.between(0.93, 1.0))),
        after_s=dice.around(0.0005, 0.02),
    )


def dependency_outage(b: Builder) -> Claim:
    """Every request fails within milliseconds."""
    dependency = b.dependency()
    keys = tuple(b.key(dependency, b.dice.around(2.0, 9.0)).key for _ in range(b.dice.whole(1, 3)))
    fault = down(b, dependency)
    b.faults.append(fault)
    return Claim(
        cause="dependency_outage",
        keys=keys,
        faults=(fault,),
        least_share=0.5,
        check=over_with_it,
    )


def dependency_brownout(b: Builder) -> Claim:
    """It takes so long that most requests time out, at any load."""
    dice = b.dice
    dependency = b.dependency(workers=dice.whole(8, 24), median_s=dice.around(0.01, 0.1))
    keys = [b.key(dependency, dice.around(2.0, 8.0)) for _ in range(dice.whole(1, 2))]
    timeouts_s = [
        k.policy.retry.timeout_per_attempt_s or 1.0 for k in keys if k.policy and k.policy.retry
    ]
    factor = min(timeouts_s) / dependency.median_s * dice.between(0.6, 3.0)
    fault = Slowdown(
        start_s=b.start_s,
        end_s=b.end_s,
        dependency=dependency.name,
        factor=round(max(3.0, factor), 2),
        ramp_s=dice.one((0.0, 0.0, dice.between(1.0, 10.0))),
    )
    b.faults.append(fault)
    return Claim(
        cause="dependency_brownout",
        keys=tuple(key.key for key in keys),
        faults=(fault,),
        least_share=0.2,
        counts_slow=True,
        check=over_with_it,
    )


def partial_instance_failure(b: Builder) -> Claim:
    """Some instances of several are broken; another try usually meets a good one."""
    dice = b.dice
    dependency = b.dependency(instances=dice.whole(3, 6), tells_peer=dice.chance(0.6))
    keys = tuple(
        b.key(dependency, dice.around(4.0, 10.0), {"max_attempts": dice.whole(2, 4)}).key
        for _ in range(dice.whole(1, 2))
    )
    count = 2 if dependency.instances > 4 and dice.chance(0.4) else 1  # noqa: PLR2004  # the others carry the load
    broken = tuple(sorted(dice.some(range(dependency.instances), count)))
    how = dice.one((How.STATUS, How.STATUS, How.REFUSED, How.RESET, How.SILENCE))
    fault = Outage(
        start_s=b.start_s,
        end_s=b.end_s,
        dependency=dependency.name,
        how=how,
        status=dice.one((500, 502, 503)),
        after_s=dice.around(0.0005, 0.05),
        instances=broken,
    )
    b.faults.append(fault)
    return Claim(cause="partial_instance_failure", keys=keys, faults=(fault,), check=over_with_it)


def single_process_fault(b: Builder) -> Claim:
    """One process cannot reach what the others reach."""
    dice = b.dice
    b.first_service(processes=dice.whole(3, 6))
    for _ in range(dice.whole(2, 4)):
        b.key(b.dependency(), dice.around(3.0, 8.0))
    process = dice.whole(0, b.processes - 1)
    fault = ProcessFault(
        start_s=b.start_s,
        end_s=b.end_s,
        service=b.services[0].name,
        process=process,
        how=dice.one((How.REFUSED, How.RESET, How.SILENCE, How.STATUS)),
        status=dice.one((502, 503)),
        share=dice.one((1.0, 1.0, dice.between(0.7, 1.0))),
        after_s=dice.around(0.0005, 0.02),
    )
    b.faults.append(fault)
    return Claim(
        cause="single_process_fault",
        keys=tuple(b.keys),
        instances=(f"{b.services[0].name}-{process}",),
        faults=(fault,),
        everybody=True,
        all_hit=True,
        check=over_with_it,
    )
