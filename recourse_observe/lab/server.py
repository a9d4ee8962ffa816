"""A dependency as a queueing system: instances, workers, bounded queues, and what breaks them."""

import math
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

from recourse_observe.lab.chance import Chance, Stream
from recourse_observe.lab.faults import CapacityChange, How, Outage, QuotaChange, Slowdown
from recourse_observe.lab.loop import LabLoop
from recourse_observe.lab.spec import DependencySpec, Overflow, Scenario

__all__ = ["BUSY_S", "REFUSED", "RESET", "Job", "Reply", "Server"]

OK: Final = 200
CONFLICT: Final = 409
REFUSED: Final = 0
RESET: Final = -1
BUSY_S: Final = 0.001


class Reply(NamedTuple):
    """What a client gets: a status (``REFUSED`` and ``RESET`` are none), and when to come again."""

    status: int
    instance: int
    retry_after_s: float | None = None


class Job:
    """One request at a dependency.

    Attributes:
        number: The call's number.
        attempt: Which attempt of it.
        hedge: Which hedge of that.
        spoiled: The status that it will be answered after the usual work; 0: a good one.
        answer: Called with the reply, once.
        instance: Where it went.
        done: It has been answered.
        abandoned: Nobody waits for it any more.
    """

    __slots__ = ("abandoned", "answer", "attempt", "done", "hedge", "instance", "number", "spoiled")

    def __init__(
        self,
        number: int,
        attempt: int,
        hedge: int,
        spoiled: int,
        answer: Callable[[Reply], None],
        *,
        instance: int = 0,
    ) -> None:
        self.number = number
        self.attempt = attempt
        self.hedge = hedge
        self.spoiled = spoiled
        self.answer = answer
        self.instance = instance
        self.abandoned = False
        self.done = False


class Instance:
    """One instance of a dependency."""

    __slots__ = ("busy", "down_until_s", "queue")

    def __init__(self) -> None:
        self.busy: set[Job] = set()
        self.queue: deque[Job] = deque()
        self.down_until_s = -1.0


class Server:
    """A dependency that works.

    Args:
        spec: What it is like.
        scenario: What goes wrong with it.
        loop: Time.
        chance: Draws.
        nested: Carries a handler's own calls out, then calls back with whether all went well.

    Attributes:
        effects: How often the work of each call was carried out, by the call's number.
    """

    def __init__(
        self,
        spec: DependencySpec,
        scenario: Scenario,
        loop: LabLoop,
        chance: Chance,
        nested: Callable[[DependencySpec, Job, Callable[[bool], None]], None],
    ) -> None:
        self.spec = spec
        self.effects: dict[int, int] = {}
        self._loop = loop
        self._chance = chance
        self._nested = nested
        self._instances = [Instance() for _ in range(spec.instances)]
        self._outages = [f for f in scenario.of(Outage) if f.dependency == spec.name]
        self._slowdowns = [f for f in scenario.of(Slowdown) if f.dependency == spec.name]
        self._quotas = [f for f in scenario.of(QuotaChange) if f.dependency == spec.name]
        self._capacities = [f for f in scenario.of(CapacityChange) if f.dependency == spec.name]
        self._mean_log_s = math.log(spec.median_s)
        self._tokens = spec.quota_per_s or 0.0
        self._tokens_at_s = 0.0
        for change in self._capacities:
            loop.at(change.end_s, self._fill_workers)

    def submit(self, job: Job) -> None:
        """Take a request; it is answered later, if ever."""
        now_s, spec = self._loop.now_s, self.spec
        if spec.instances > 1:
            drawn = self._chance.unit(Stream.INSTANCE, job.number, job.attempt, job.hedge)
            job.instance = int(drawn * spec.instances)
        for outage in self._outages:
            if outage.active(now_s) and self._hits(outage, job):
                self._fail(job, outage)
                return
        instance = self._instances[job.instance]
        if now_s < instance.down_until_s:
            self._later(BUSY_S, job, Reply(REFUSED, job.instance))
        elif (spec.quota_per_s is not None or self._quotas) and not self._admits(now_s):
            reply = Reply(spec.quota_status, job.instance, spec.retry_after_s)
            self._later(BUSY_S, job, reply)
        elif len(instance.busy) < self._workers(now_s):
            self._begin(instance, job)
        elif len(instance.queue) < spec.queue:
            instance.queue.append(job)
        elif spec.overflow is Overflow.SHED:
            self._later(BUSY_S, job, Reply(spec.busy_status, job.instance))
        else:
            self._crash(instance, job)

    def _hits(self, outage: Outage, job: Job) -> bool:
        if outage.instances and job.instance not in outage.instances:
            return False
        if outage.share >= 1.0:
            return True
        drawn = self._chance.unit(Stream.FAULT, job.number, job.attempt, job.hedge)
        return drawn < outage.share

    def _fail(self, job: Job, outage: Outage) -> None:
        match outage.how:
            case How.STATUS:
                self._later(outage.after_s, job, Reply(outage.status, job.instance))
            case How.REFUSED:
                self._later(outage.after_s, job, Reply(REFUSED, job.instance))
            case How.RESET:
                self._later(outage.after_s, job, Reply(RESET, job.instance))
            case How.STALL:
                self._later(outage.end_s - self._loop.now_s, job, Reply(RESET, job.instance))
            case How.SILENCE:
                pass

    def _admits(self, now_s: float) -> bool:
        """Whether the quota lets one more request in: a bucket that holds a second's worth."""
        active = [quota.per_s for quota in self._quotas if quota.active(now_s)]
        per_s = min(active) if active else self.spec.quota_per_s
        if per_s is None:
            return True
        gained = (now_s - self._tokens_at_s) * per_s
        self._tokens = min(max(1.0, per_s), self._tokens + gained)
        self._tokens_at_s = now_s
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True

    def _workers(self, now_s: float) -> int:
        for change in self._capacities:
            if change.active(now_s):
                return change.workers
        return self.spec.workers

    def _service_s(self, job: Job) -> float:
        spec, now_s = self.spec, self._loop.now_s
        z = 0.0
        if spec.sigma:
            z = self._chance.normal(Stream.SERVICE, job.number, job.attempt, job.hedge)
        took_s = math.exp(self._mean_log_s + spec.sigma * z)
        for slow in self._slowdowns:
            if slow.active(now_s) and (not slow.instances or job.instance in slow.instances):
                reached = (
                    1.0 if slow.ramp_s <= 0 else min(1.0, (now_s - slow.start_s) / slow.ramp_s)
                )
                took_s *= 1.0 + (slow.factor - 1.0) * reached
        return took_s

    def _begin(self, instance: Instance, job: Job) -> None:
        spec, loop = self.spec, self._loop
        instance.busy.add(job)
        if spec.refuses_repeats and job.number in self.effects:
            job.spoiled = CONFLICT
        elif spec.error_share and not job.spoiled:
            drawn = self._chance.unit(Stream.ERROR, job.number, job.attempt, job.hedge)
            job.spoiled = spec.error_status if drawn < spec.error_share else 0
        took_s = self._service_s(job)
        if not spec.calls:
            loop.at(loop.now_s + took_s, lambda: self._finish(instance, job, went_well=True))
            return

        def half_done() -> None:
            self._nested(
                spec,
                job,
                lambda well: self._after(
                    took_s / 2, lambda: self._finish(instance, job, went_well=well)
                ),
            )

        self._after(took_s / 2, half_done)

    def _finish(self, instance: Instance, job: Job, *, went_well: bool) -> None:
        if job not in instance.busy:
            return  # the instance has crashed meanwhile
        instance.busy.discard(job)
        status = OK
        if job.spoiled:
            status = job.spoiled
        elif not went_well:
            status = self.spec.error_status
        else:
            self.effects[job.number] = self.effects.get(job.number, 0) + 1
        self._reply(job, Reply(status, job.instance))
        self._take_next(instance)

    def _take_next(self, instance: Instance) -> None:
        workers = self._workers(self._loop.now_s)
        while instance.queue and len(instance.busy) < workers:
            job = instance.queue.popleft()
            if self.spec.serves_abandoned or not job.abandoned:
                self._begin(instance, job)

    def _fill_workers(self) -> None:
        for instance in self._instances:
            self._take_next(instance)

    def _crash(self, instance: Instance, last: Job) -> None:
        lost = [*sorted(instance.busy, key=lambda job: (job.number, job.attempt, job.hedge))]
        lost += [*instance.queue, last]
        instance.busy.clear()
        instance.queue.clear()
        instance.down_until_s = self._loop.now_s + self.spec.restart_s
        for job in lost:
            self._later(BUSY_S, job, Reply(RESET, job.instance))

    def _later(self, seconds: float, job: Job, reply: Reply) -> None:
        self._after(seconds, lambda: self._reply(job, reply))

    def _after(self, seconds: float, callback: Callable[[], object]) -> None:
        self._loop.at(self._loop.now_s + seconds, callback)

    def _reply(self, job: Job, reply: Reply) -> None:
        if not job.done:
            job.done = True
            if not job.abandoned:
                job.answer(reply)
