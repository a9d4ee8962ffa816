"""Runs a scenario: the real executor in virtual time, against queues."""

import asyncio
import contextvars
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from recourse.observer import Observer
from recourse_observe.collector import without_collector
from recourse_observe.lab.chance import Chance, Stream
from recourse_observe.lab.faults import ClassifierChange, Deploy, PolicyChange, UpstreamDeadline
from recourse_observe.lab.loop import LabLoop
from recourse_observe.lab.orders import child
from recourse_observe.lab.process import Observers, Process
from recourse_observe.lab.records import AttemptRecord, CallRecord, Incarnation
from recourse_observe.lab.server import Job, Server
from recourse_observe.lab.spec import DependencySpec, KeySpec, Scenario
from recourse_observe.lab.traffic import Arrival, arrivals

__all__ = ["Run", "run"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What happened, as the laboratory itself knows it; times in seconds since the run began.

    Attributes:
        scenario: What was run.
        calls: Every call that ended, in the order of their starts.
        attempts: Every run of an operation that asked a dependency, likewise.
        effects: For each dependency, how often each call's work was carried out.
        unfinished: Requests that were still under way at the end.
    """

    scenario: Scenario
    calls: tuple[CallRecord, ...]
    attempts: tuple[AttemptRecord, ...]
    effects: dict[str, dict[int, int]]
    unfinished: int


def run(scenario: Scenario, observers: Observers | None = None) -> Run:
    """Run a scenario to its end.

    Args:
        scenario: The world; the same one always gives the same run.
        observers: Gives, for each incarnation of a process, who is told of its events; nobody when
            it is left out.

    Raises:
        RuntimeError: An event loop runs in this thread already.
    """
    with without_collector():
        return _World(scenario, observers or _nobody).run()


def _nobody(born: Incarnation) -> Sequence[Observer]:
    del born
    return ()


class _World:
    def __init__(self, scenario: Scenario, observers: Observers) -> None:
        self._scenario = scenario
        self._loop = LabLoop()
        self._chance = Chance(scenario.seed)
        self._keys = {spec.key: spec for spec in scenario.keys}
        self._servers = {
            spec.name: Server(spec, scenario, self._loop, self._chance, self._nested)
            for spec in scenario.dependencies
        }
        self._processes = {
            service.name: [
                Process(
                    scenario,
                    service,
                    index,
                    self._loop,
                    chance=self._chance,
                    servers=self._servers,
                    observers=observers,
                )
                for index in range(service.processes)
            ]
            for service in scenario.services
        }
        self._deadlines = scenario.of(UpstreamDeadline)
        self._under_way: set[asyncio.Task[None]] = set()

    def run(self) -> Run:
        scenario, loop = self._scenario, self._loop
        for spec in scenario.keys:
            self._change_policies(spec)
        for deploy in scenario.of(Deploy):
            self._deploy(deploy)
        for change in scenario.of(ClassifierChange):
            self._change_classifier(change)
        for index, spec in enumerate(scenario.keys):
            self._await_next(spec, iter(sorted(arrivals(scenario, index, self._chance))))
        loop.run_for(scenario.duration_s + scenario.drain_s)
        return self._told()

    def _await_next(self, spec: KeySpec, coming: Iterator[Arrival]) -> None:
        """Have the key's next request begin when it is due; one timer for each key at a time."""
        arrival = next(coming, None)
        if arrival is not None:
            self._loop.at(arrival.at_s, lambda: self._begin(spec, arrival, coming))

    def _begin(self, spec: KeySpec, arrival: Arrival, coming: Iterator[Arrival]) -> None:
        self._await_next(spec, coming)
        task = self._loop.create_task(self._request(spec, arrival), context=contextvars.Context())
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        for deadline in self._deadlines:
            drawn = self._chance.unit(Stream.UPSTREAM, arrival.number)
            now_s = self._loop.now_s
            if spec.key in deadline.keys and deadline.active(now_s) and drawn < deadline.share:
                self._loop.at(now_s + deadline.after_s, task.cancel)

    async def _request(self, spec: KeySpec, arrival: Arrival) -> None:
        """One request: its key, then those that follow while all goes well."""
        process = self._process(spec, arrival.number, arrival.process)
        for place, key in enumerate((spec.key, *spec.then)):
            number = arrival.number if place == 0 else child(arrival.number, 15, place)
            if not await process.call(process.order(key, number)):
                return

    def _process(self, spec: KeySpec, number: int, given: int) -> Process:
        own = self._processes[self._scenario.service_of(spec).name]
        if given >= 0:
            return own[given % len(own)]
        return own[int(self._chance.unit(Stream.PROCESS, number) * len(own))]

    def _nested(self, dependency: DependencySpec, job: Job, then: Callable[[bool], None]) -> None:
        """Carry a handler's calls out, in the service that owns the keys."""

        async def handle() -> None:
            went_well = True
            for place, key in enumerate(dependency.calls):
                number = child(child(job.number, job.attempt, 15), job.hedge, place)
                process = self._process(self._keys[key], number, -1)
                went_well = went_well and await process.call(process.order(key, number))
            then(went_well)

        # Another process: it knows nothing of the call that asked.
        task = self._loop.create_task(handle(), context=contextvars.Context())
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    def _change_policies(self, spec: KeySpec) -> None:
        processes = self._processes[self._scenario.service_of(spec).name]
        for change in self._scenario.of(PolicyChange):
            if str(change.policy.key) != spec.key:
                continue
            for process, at_s in zip(processes, change.applied_s, strict=False):
                if at_s is not None:
                    self._publish(process, change, at_s, spec)

    def _publish(self, process: Process, change: PolicyChange, at_s: float, spec: KeySpec) -> None:
        before = spec.policy
        self._loop.at(at_s, lambda: process.follow(change.policy))
        if before is not None:
            drawn = self._chance.unit(Stream.SPREAD, process.index, 1)
            back_s = max(at_s, change.end_s + drawn * change.rollback_spread_s)
            self._loop.at(back_s, lambda: process.follow(before))

    def _change_classifier(self, change: ClassifierChange) -> None:
        processes = self._processes[change.service]
        for process, at_s in zip(processes, change.applied_s, strict=False):
            if at_s is not None:
                self._loop.at(at_s, partial(process.domain.become, change.becomes))
                self._loop.at(max(at_s, change.end_s), partial(process.domain.become, "auto"))

    def _deploy(self, deploy: Deploy) -> None:
        processes = self._processes[deploy.service]
        for process, at_s in zip(processes, deploy.restarted_s, strict=False):
            if at_s is not None:
                self._restart(process, at_s, deploy.drops_budgets)
                if deploy.drops_budgets:
                    drawn = self._chance.unit(Stream.SPREAD, process.index, 2)
                    self._restart(process, max(at_s, deploy.end_s) + 2.0 * drawn, ())

    def _restart(self, process: Process, at_s: float, missing: tuple[str, ...]) -> None:
        self._loop.at(at_s, lambda: process.start(missing))

    def _told(self) -> Run:
        everyone = [process for own in self._processes.values() for process in own]
        calls = [call for process in everyone for call in process.calls]
        attempts = [attempt for process in everyone for attempt in process.attempts]
        unfinished = len(self._under_way)
        self._stop(everyone)
        return Run(
            scenario=self._scenario,
            calls=tuple(sorted(calls, key=lambda call: (call.started_s, call.number))),
            attempts=tuple(
                sorted(attempts, key=lambda a: (a.started_s, a.number, a.attempt, a.hedge))
            ),
            effects={name: server.effects for name, server in self._servers.items()},
            unfinished=unfinished,
        )

    def _stop(self, everyone: list[Process]) -> None:
        """End what is still under way, after nobody listens any more.

        Raises:
            Exception: A mistake of the laboratory's own has ended a request.
        """
        for process in everyone:
            process.is_over = True
        for task in sorted(self._under_way, key=lambda task: task.get_name()):
            task.cancel()
        self._loop.run_for(self._loop.now_s)
        for problem in self._loop.problems:
            if "exception" in problem:
                raise problem["exception"]
