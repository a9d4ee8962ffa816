"""A process of a service: the real executor, its policies and budgets, and the operations it runs."""

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from recourse import Executor, Policy, RetryRatio, TokenBucket
from recourse.budget.kinds import budgets_of
from recourse.budget.protocol import Budget
from recourse.context import current_attempt
from recourse.errors import RecourseError
from recourse.events import Event
from recourse.observer import Observer
from recourse_observe.lab.chance import Chance, Stream
from recourse_observe.lab.classifiers import EAGER, Domain
from recourse_observe.lab.client import GOOD, AnsweredError, BackendError, taken
from recourse_observe.lab.faults import ClockSkew, ControlPlaneOutage, How, ProcessFault
from recourse_observe.lab.loop import LabClock, LabLoop
from recourse_observe.lab.orders import UNDER_WAY, Order, Orders, OrdersChance, child
from recourse_observe.lab.policies import Policies
from recourse_observe.lab.records import CUT_OFF, AttemptRecord, CallRecord, Incarnation
from recourse_observe.lab.server import REFUSED, RESET, Job, Reply, Server
from recourse_observe.lab.spec import BudgetSpec, Scenario, ServiceSpec

__all__ = ["Observers", "Process"]

_STATUS: Final = {How.REFUSED: REFUSED, How.RESET: RESET}

F = TypeVar("F", ProcessFault, ClockSkew)

Observers = Callable[[Incarnation], Sequence[Observer]]


class _Listener:
    """An observer that hears nothing of a process that is over, as of one that was killed."""

    def __init__(self, process: "Process", observer: Observer) -> None:
        self._process = process
        self._tell = observer.on_event

    def on_event(self, event: Event) -> None:
        if not self._process.is_over:
            self._tell(event)


class Process:
    """One process of a service.

    Args:
        scenario: The world.
        service: Whose process it is.
        index: Which.
        loop: Time.
        chance: Draws.
        servers: The dependencies, by name.
        observers: Who is told of each incarnation's events.

    Attributes:
        calls: Every call that has ended.
        attempts: Every run of an operation that asked a dependency and has ended.
        is_over: The run has ended; what is still told is not passed on.
        domain: The classifier that policies name ``domain``.
    """

    def __init__(  # noqa: PLR0913  # the parts of the world
        self,
        scenario: Scenario,
        service: ServiceSpec,
        index: int,
        loop: LabLoop,
        *,
        chance: Chance,
        servers: dict[str, Server],
        observers: Observers,
    ) -> None:
        self.calls: list[CallRecord] = []
        self.attempts: list[AttemptRecord] = []
        self.service = service
        self.index = index
        self.is_over = False
        self._scenario = scenario
        self._loop = loop
        self._chance = chance
        self._servers = servers
        self._observers = observers
        self._orders = Orders(scenario, loop, chance)
        self._own = tuple(s for s in scenario.keys if scenario.service_of(s) is service)
        self._faults = self._of_this(ProcessFault)
        self._skew_s = sum(skew.ahead_s for skew in self._of_this(ClockSkew))
        self._starts = 0
        self._followed: dict[str, Policy] = {}
        self.domain = Domain()
        self.policies: Policies
        self.executor: Executor
        self.start(())

    def _of_this(self, kind: type[F]) -> list[F]:
        """The faults of a kind that are this process' own."""
        name, index = self.service.name, self.index
        found = self._scenario.of(kind)
        return [fault for fault in found if fault.service == name and fault.process == index]

    def start(self, missing_budgets: tuple[str, ...]) -> None:
        """Begin anew: another executor under another name, with its caches cold.

        Args:
            missing_budgets: Budgets that this incarnation does not register.
        """
        scenario, loop = self._scenario, self._loop
        self._starts += 1
        name = f"{self.service.name}-{self.index}"
        if self._starts > 1:
            name += f"-r{self._starts - 1}"
        rng = OrdersChance(f"{scenario.seed}/{name}", self._chance)
        plain = random.Random(f"{scenario.seed}/{name}/cache")  # noqa: S311  # a world, no secret
        self.policies = Policies(
            self._own, scenario.control, scenario.of(ControlPlaneOutage), loop, plain
        )
        for policy in self._followed.values():
            self.policies.publish(policy)
        budgets = {b.name: _budget(b) for b in scenario.budgets if b.name not in missing_budgets}
        if scenario.budget_file is not None:
            budgets |= budgets_of(scenario.budget_file)
        born = Incarnation(self.service.name, self.index, name, loop.now_s, self._skew_s)
        self.executor = Executor(
            provider=self.policies,
            default_policy=self.service.default_policy,
            fallback_policy=self.service.fallback_policy,
            missing_policy=self.service.missing_policy,
            observers=[_Listener(self, each) for each in self._observers(born)],
            classifiers={"eager": EAGER, "domain": self.domain},
            budgets=budgets,
            clock=LabClock(loop, scenario.start_unix_ns, self._skew_s),
            random=rng,
        )

    def follow(self, policy: Policy) -> None:
        """Follow a policy from now on, after a restart as well."""
        self._followed[str(policy.key)] = policy
        self.policies.publish(policy)

    def order(self, key: str, number: int) -> Order:
        """The call of a key with this number, as it is at this moment."""
        return self._orders.order(key, number)

    async def call(self, order: Order) -> bool:
        """Make a call and note how it went; whether it succeeded.

        Raises:
            asyncio.CancelledError: Whoever asked has given up.
        """
        token = UNDER_WAY.set(order)
        began_s, error = self._loop.now_s, "CancelledError"
        try:
            await self.executor.acall(order.key, self._operate, order)
            error = ""
        except (
            AnsweredError,
            BackendError,
            OSError,
            RecourseError,
        ) as raised:  # timeouts are among them
            error = type(raised).__name__
        finally:
            UNDER_WAY.reset(token)
            self.calls.append(
                CallRecord(
                    order.number,
                    order.key,
                    self.service.name,
                    self.index,
                    began_s,
                    self._loop.now_s,
                    error,
                )
            )
        return not error

    async def _operate(self, order: Order) -> int:
        """The operation: its own process's calls first, then the dependency."""
        info = current_attempt()
        if info is None:
            message = "an operation of the laboratory runs outside of any call"
            raise RuntimeError(message)
        spec, attempt = order.spec, info.attempt
        if spec.method is not None:
            info.annotate(method=spec.method)
        for place, key in enumerate(spec.calls):
            if not await self.call(self.order(key, child(order.number, attempt, place))):
                raise AnsweredError(500, spec.method, None)
        if not spec.dependency:
            return GOOD
        reply = await self._noted(order, attempt, info.hedge_index)
        server = self._servers[spec.dependency].spec
        if server.tells_peer and reply.instance >= 0:
            info.annotate(peer=f"{server.name}-{reply.instance}")
        return taken(reply, spec)

    async def _noted(self, order: Order, attempt: int, hedge: int) -> Reply:
        """The dependency's reply, with a record of how long it took or that nobody waited for it."""
        began_s, reply = self._loop.now_s, Reply(CUT_OFF, -1)
        try:
            reply = await self._ask(order, attempt, hedge)
        finally:
            self.attempts.append(
                AttemptRecord(
                    order.number,
                    order.key,
                    attempt,
                    hedge,
                    self.index,
                    reply.instance,
                    began_s,
                    self._loop.now_s,
                    reply.status,
                )
            )
        return reply

    async def _ask(self, order: Order, attempt: int, hedge: int) -> Reply:
        loop = self._loop
        answered: asyncio.Future[Reply] = loop.create_future()
        job = Job(order.number, attempt, hedge, order.spoiled, answered.set_result)
        cut = self._broken(order, attempt, hedge)
        if cut is None:
            self._servers[order.spec.dependency].submit(job)
        elif cut.how not in {How.SILENCE, How.STALL}:
            reply = Reply(_STATUS.get(cut.how, cut.status), -1)
            loop.at(loop.now_s + cut.after_s, lambda: _settle(answered, reply))
        try:
            return await answered
        except asyncio.CancelledError:
            job.abandoned = True
            raise

    def _broken(self, order: Order, attempt: int, hedge: int) -> ProcessFault | None:
        for fault in self._faults:
            if fault.active(self._loop.now_s) and (
                not fault.dependencies or order.spec.dependency in fault.dependencies
            ):
                drawn = self._chance.unit(Stream.FAULT, order.number, attempt, hedge)
                if drawn < fault.share:
                    return fault
        return None


def _settle(answered: "asyncio.Future[Any]", reply: Reply) -> None:
    if not answered.done():
        answered.set_result(reply)


def _budget(spec: BudgetSpec) -> Budget:
    if spec.ratio is not None:
        return RetryRatio(spec.ratio, spec.refill_per_s)
    return TokenBucket(spec.capacity, spec.refill_per_s)
