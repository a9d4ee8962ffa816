"""Many simulated runs of one incident: here, or side by side in worker processes."""

import multiprocessing
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final, NamedTuple, TypeAlias

from recourse_observe.whatif.dependency import Dependency
from recourse_observe.whatif.process import Arrival, Rules
from recourse_observe.whatif.record import Measured, Record, measured, per_second
from recourse_observe.whatif.series import Series, ends_of, trace_series
from recourse_observe.whatif.simulate import simulate

__all__ = ["LOAD_BINS", "Outcome", "Runner", "Scene", "Task", "runner"]

LOAD_BINS: Final = 60
_DRAIN_S: Final = 120.0


class Scene(NamedTuple):
    """What all runs of an incident share.

    Attributes:
        record: Its window and onset, without rows.
        arrivals: The calls as they were made.
    """

    record: Record
    arrivals: tuple[Arrival, ...]


class Task(NamedTuple):
    """One run.

    Attributes:
        thin: Only every so-manieth call is made, at a dependency that is smaller by as much.
        most: Attempts after which it is given up.
    """

    dependency: Dependency
    rules: Rules
    seed: int = 0
    thin: int = 1
    most: int = sys.maxsize


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run came to, counts scaled up to all calls."""

    series: Series
    measured: Measured
    load: tuple[float, ...]


Runner: TypeAlias = Callable[[Sequence[Task]], list[Outcome]]


@contextmanager
def runner(
    scene: Scene, processes: int, progress: Callable[[int], None] | None = None
) -> Iterator[Runner]:
    """Gives a function that carries out runs.

    Args:
        scene: What they share.
        processes: How many worker processes; 1 means none but this one.
        progress: Told of each run that has ended.
    """
    told = progress or _untold
    if processes <= 1:

        def here(tasks: Sequence[Task]) -> list[Outcome]:
            outcomes = []
            for task in tasks:
                outcomes.append(carry_out(scene, task))
                told(1)
            return outcomes

        yield here
        return
    context = multiprocessing.get_context("spawn")
    with context.Pool(processes, _settle_in, (scene,)) as pool:

        def beside(tasks: Sequence[Task]) -> list[Outcome]:
            outcomes = []
            for outcome in pool.imap(_carry_out_here, tasks):
                outcomes.append(outcome)
                told(1)
            return outcomes

        yield beside


def carry_out(scene: Scene, task: Task) -> Outcome:
    """One run and what is measured on it."""
    record, thin = scene.record, task.thin
    arrivals = scene.arrivals[::thin]
    dependency = smaller(task.dependency, thin)
    until_s = record.length_s + _DRAIN_S
    trace = simulate(
        dependency, task.rules, arrivals, seed=task.seed, until_s=until_s, most=task.most // thin
    )
    found = measured(record, ends_of(arrivals, trace), trace.starts)
    bin_s = record.length_s / LOAD_BINS
    load = per_second(trace.starts, record.length_s, bin_s)[:LOAD_BINS]
    return Outcome(
        series=trace_series(record, arrivals, trace),
        measured=found if thin == 1 else _scaled(found, thin),
        load=tuple(thin * value for value in load),
    )


def smaller(dependency: Dependency, thin: int) -> Dependency:
    """The dependency for every so-manieth call: as busy, with as long a queue in seconds."""
    if thin == 1:
        return dependency
    rate, queue = dependency.quota_per_s, dependency.queue
    return replace(
        dependency,
        workers=dependency.workers and max(1, round(dependency.workers / thin)),
        queue=None if queue is None else max(1, round(queue / thin)),
        quota_per_s=None if rate is None else rate / thin,
    )


def _scaled(found: Measured, thin: int) -> Measured:
    return replace(
        found,
        calls=found.calls * thin,
        failed=found.failed * thin,
        attempts=found.attempts * thin,
        retries=found.retries * thin,
        rescued=found.rescued * thin,
        wasted=found.wasted * thin,
        peak_per_s=found.peak_per_s * thin,
    )


class _Here:
    """What a worker process keeps between runs."""

    scene: Scene | None = None


def _settle_in(scene: Scene) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent is interrupted, and ends us
    _Here.scene = scene


def _carry_out_here(task: Task) -> Outcome:
    assert _Here.scene is not None  # noqa: S101  # a worker settles in first
    return carry_out(_Here.scene, task)


def _untold(count: int) -> None:
    del count
