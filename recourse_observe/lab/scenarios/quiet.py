"""What happens every day and is no incident: blips, deploys, days and nights, batches, bad clocks."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from recourse_observe.lab.faults import (
    ClockSkew,
    Deploy,
    How,
    Outage,
    PolicyChange,
    RecorderGap,
    Slowdown,
)
from recourse_observe.lab.scenarios.builder import Builder
from recourse_observe.lab.scenarios.draft import Claim, retried
from recourse_observe.lab.spec import Poisson, Waves

__all__ = ["beside", "healthy", "hindered", "rolled_out"]


def blip(b: Builder) -> None:
    """A dependency is away for some seconds."""
    dice = b.dice
    start_s = dice.between(0.1, 0.9) * b.duration_s
    b.faults.append(
        Outage(
            start_s=start_s,
            end_s=start_s + dice.between(1.5, 9.0),
            dependency=dice.one(sorted(b.dependencies)),
            how=dice.one((How.STATUS, How.REFUSED, How.RESET)),
        )
    )


def rolled_out(b: Builder, key: str, start_s: float) -> None:
    """A new version of a policy that changes nothing that matters."""
    policy = b.keys[key].policy
    if policy is None:
        return
    retry_s = policy.retry.max_backoff_s if policy.retry is not None else 2.0
    changed = retried(policy, max_backoff_s=min(30.0, round(retry_s * 1.1, 3)))
    changed = replace(changed, id=b.dice.one((policy.id, "v2", "tuned")))
    moments = b.staggered(start_s, 0.5, 8.0)
    b.faults.append(
        PolicyChange(
            start_s=min(moments),
            end_s=b.duration_s + 60.0,
            policy=changed,
            applied_s=moments,
        )
    )


def new_version(b: Builder) -> None:
    """A new version of somebody's policy."""
    own = [key for key, spec in sorted(b.keys.items()) if not spec.service]
    rolled_out(b, b.dice.one(own), b.dice.between(0.05, 0.8) * b.duration_s)


def deploy(b: Builder) -> None:
    """The processes are replaced one by one."""
    moments = b.staggered(b.dice.between(0.05, 0.8) * b.duration_s, 2.0, 15.0)
    b.faults.append(
        Deploy(
            start_s=min(moments),
            end_s=max(moments) + 1.0,
            service=b.services[0].name,
            restarted_s=moments,
        )
    )


def chronic(b: Builder) -> None:
    """A key that has always failed now and then, and always will."""
    dependency = b.dependency(error_share=b.dice.between(0.08, 0.3))
    b.key(dependency, b.dice.around(0.8, 3.0))


def day(b: Builder) -> None:
    """Traffic that goes up and down."""
    name = b.dice.one(sorted(key for key, spec in b.keys.items() if spec.traffic is not None))
    spec = b.keys[name]
    if isinstance(spec.traffic, Poisson):
        swinging = replace(
            spec.traffic,
            swing=b.dice.between(0.4, 0.8),
            period_s=b.duration_s * b.dice.between(0.6, 1.5),
        )
        b.change(replace(spec, traffic=swinging))


def batch(b: Builder) -> None:
    """A job that asks for many things at once, every minute or so."""
    dice = b.dice
    dependency = b.dependency(workers=16, instances=4, queue=200)
    count = dice.whole(10, 40)
    every_s = dice.between(25.0, 120.0) * max(1.0, b.duration_s / 1200.0)
    waves = Waves(
        every_s=every_s,
        count=count,
        spread_s=dice.between(0.1, 2.0),
        first_s=dice.between(1.0, 20.0),
    )
    spec = b.key(dependency, 0.0)
    b.change(replace(spec, traffic=waves))


def cold_start(b: Builder) -> None:
    """Everything is a little slow at first."""
    end_s = b.dice.between(10.0, 30.0)
    for name in sorted(b.dependencies):
        b.faults.append(
            Slowdown(start_s=0.0, end_s=end_s, dependency=name, factor=b.dice.between(1.3, 2.2))
        )


def gap(b: Builder) -> None:
    """A recorder is dead for a while, or loses a part."""
    start_s = b.dice.between(0.1, 0.8) * b.duration_s
    b.faults.append(
        RecorderGap(
            start_s=start_s,
            end_s=start_s + b.dice.between(10.0, 90.0),
            processes=b.dice.one(((), (b.dice.whole(0, b.processes - 1),))),
            share=b.dice.one((1.0, 1.0, b.dice.between(0.3, 0.9))),
            silent=b.dice.chance(0.6),
        )
    )


def skew(b: Builder) -> None:
    """A clock is some milliseconds off."""
    b.faults.append(
        ClockSkew(
            start_s=0.0,
            end_s=b.duration_s,
            service=b.services[0].name,
            process=b.dice.whole(0, b.processes - 1),
            ahead_s=b.dice.between(-0.08, 0.08),
        )
    )


_ALL: Final[tuple[Callable[[Builder], None], ...]] = (
    blip,
    new_version,
    deploy,
    chronic,
    day,
    batch,
    cold_start,
    gap,
    skew,
)
_HARMLESS: Final[tuple[Callable[[Builder], None], ...]] = (
    new_version,
    deploy,
    chronic,
    day,
    batch,
    skew,
    skew,
)


def healthy(b: Builder) -> tuple[Claim, ...]:
    """A day like any other: nothing in it is an incident."""
    dice = b.dice
    for _ in range(dice.whole(2, 4)):
        dependency = b.dependency()
        for _ in range(dice.whole(1, 2)):
            b.key(dependency, dice.around(0.3, 1.2))
    for happens in dice.some(_ALL, dice.whole(0, 4)):
        happens(b)
    return ()


def beside(b: Builder) -> None:
    """A thing or two that happen beside an incident and have nothing to do with it."""
    for happens in b.dice.some(_HARMLESS, b.dice.one((0, 0, 1, 1, 2))):
        happens(b)


def hindered(b: Builder) -> None:
    """Now and then the recorders keep a sample only, or drop a part of what they are told."""
    dice = b.dice
    if dice.chance(0.12):
        b.sample = dice.one((2, 4, 10))
    if dice.chance(0.08):
        start_s = dice.between(0.0, 0.9) * b.duration_s
        b.faults.append(
            RecorderGap(
                start_s=start_s,
                end_s=start_s + dice.between(10.0, 120.0),
                share=dice.between(0.05, 0.3),
                silent=False,
            )
        )
