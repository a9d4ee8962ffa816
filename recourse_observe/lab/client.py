"""A process of a service: the real executor, its policies and budgets, and the operations it runs."""

import asyncio
import random
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any, Final, NamedTuple

from recourse import Executor, Policy, RetryRatio, TokenBucket
from recourse.budget.kinds import budgets_of
from recourse.budget.protocol import Budget
from recourse.classify.auto import AutoClassifier
from recourse.classify.http import HTTPClassifier
from recourse.classify.protocol import Classifier
from recourse.context import current_attempt
from recourse.errors import RecourseError
from recourse.events import Event
from recourse.observer import Observer
from recourse.outcome import Outcome
from recourse_observe.lab.chance import Chance, Stream
from recourse_observe.lab.faults import (
    ClockSkew,
    ControlPlaneOutage,
    How,
    KeyExplosion,
    Poison,
    ProcessFault,
)
from recourse_observe.lab.loop import LabClock, LabLoop
from recourse_observe.lab.policies import Policies
from recourse_observe.lab.server import REFUSED, RESET, Job, Reply, Server
from recourse_observe.lab.spec import BudgetSpec, KeySpec, Scenario, ServiceSpec

__all__ = [
    "AnsweredError",
    "AttemptRecord",
    "BackendError",
    "CallRecord",
    "Incarnation",
    "Observers",
    "Order",
    "Process",
]

# What policies of the laboratory may name beside the executor's own classifiers: `eager` repeats
# what a caller did wrong, `domain` is as the process's code has it.
_EAGER: Final = HTTPClassifier(extra_retryable=(400, 404, 409, 410, 412, 422))
_KINDS: Final[dict[str, Classifier]] = {
    "auto": AutoClassifier(),
    "http": HTTPClassifier(),
    "eager": _EAGER,
}
_GOOD: Final = 200
_ORDER: ContextVar["Order | None"] = ContextVar("recourse_lab_order", default=None)


class AnsweredError(Exception):
    """A dependency answered with a bad status.

    Attributes:
        status: The status.
        method: The request's method, where it has one.
        retry_after_s: What the dependency asked to wait, if it did.
    """

    def __init__(self, status: int, method: str | None, retry_after_s: float | None) -> None:
        super().__init__(f"answered {status}")
        self.status = status
        self.method = method
        self.retry_after_s = retry_after_s


class BackendError(Exception):
    """What a dependency that does not speak HTTP raises.

    Attributes:
        code: Its own number for it.
    """

    def __init__(self, code: int) -> None:
        super().__init__(f"error {code}")
        self.code = code


class Domain:
    """A classifier whose code can be replaced while the process runs.

    Attributes:
        used: What it does at the moment.
    """

    def __init__(self) -> None:
        self.used = _KINDS["auto"]

    def become(self, kind: str) -> None:
        """Do from now on what another classifier does."""
        self.used = _KINDS[kind]

    def classify(self, value: Any, error: Exception | None) -> Outcome:
        """The outcome as the code of the moment sees it."""
        return self.used.classify(value, error)


class Incarnation(NamedTuple):
    """One process from its start to its end."""

    service: str
    process: int
    name: str
    started_s: float
    skew_s: float


Observers = Callable[[Incarnation], Sequence[Observer]]


class Order:
    """One call to be made.

    Attributes:
        number: Its number, the same in every run of the seed.
        spec: Its key.
        key: The key as called.
        draws: Backoffs drawn so far.
        spoiled: The status that its work will be answered; 0: a good one.
    """

    __slots__ = ("draws", "key", "number", "spec", "spoiled")

    def __init__(self, number: int, spec: KeySpec, key: str, spoiled: int) -> None:
        self.number = number
        self.spec = spec
        self.key = key
        self.draws = 0
        self.spoiled = spoiled


class CallRecord(NamedTuple):
    """How a call went, as its caller saw it; times in seconds since the run began.

    Attributes:
        error: The name of the exception's class; empty for a success.
    """

    number: int
    key: str
    service: str
    process: int
    started_s: float
    ended_s: float
    error: str

    @property
    def succeeded(self) -> bool:
        """Whether the caller got a value."""
        return not self.error


class AttemptRecord(NamedTuple):
    """How one run of an operation went; times in seconds since the run began.

    Attributes:
        status: What the dependency answered; 0 refused, -1 reset, -2 cut off by the client.
    """

    number: int
    key: str
    attempt: int
    hedge: int
    process: int
    instance: int
    started_s: float
    ended_s: float
    status: int


CUT_OFF: Final = -2


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
        self._keys = {spec.key: spec for spec in scenario.keys}
        self._own = tuple(s for s in scenario.keys if scenario.service_of(s) is service)
        self._faults = [
            fault
            for fault in scenario.of(ProcessFault)
            if fault.service == service.name and fault.process == index
        ]
        self._poisons = scenario.of(Poison)
        self._explosions = scenario.of(KeyExplosion)
        self._skew_s = sum(
            skew.ahead_s
            for skew in scenario.of(ClockSkew)
            if skew.service == service.name and skew.process == index
        )
        self._starts = 0
        self._followed: dict[str, Policy] = {}
        self.domain = Domain()
        self.policies: Policies
        self.executor: Executor
        self.start(())

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
        rng = _OrdersChance(f"{scenario.seed}/{name}", self._chance)
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
            classifiers={"eager": _EAGER, "domain": self.domain},
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
        spec, now_s = self._keys[key], self._loop.now_s
        spoiled = 0
        for poison in self._poisons:
            if poison.key == key and poison.active(now_s):
                drawn = self._chance.unit(Stream.POISON, number)
                spoiled = poison.status if drawn < poison.share else 0
        if not spoiled and spec.client_error_share:
            drawn = self._chance.unit(Stream.CLIENT_ERROR, number)
            spoiled = spec.client_error_status if drawn < spec.client_error_share else 0
        return Order(number, spec, self._named(key, number), spoiled)

    def _named(self, key: str, number: int) -> str:
        for explosion in self._explosions:
            active = explosion.key == key and explosion.active(self._loop.now_s)
            if active and self._chance.unit(Stream.FAULT, number) < explosion.share:
                which = int(self._chance.unit(Stream.NAME, number) * explosion.kinds)
                return f"{key}.{which:06x}"
        return key

    async def call(self, order: Order) -> bool:
        """Make a call and note how it went; whether it succeeded.

        Raises:
            asyncio.CancelledError: Whoever asked has given up.
        """
        token = _ORDER.set(order)
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
            _ORDER.reset(token)
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
            return _GOOD
        began_s, hedge = self._loop.now_s, info.hedge_index
        reply = Reply(CUT_OFF, -1)
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
        server = self._servers[spec.dependency].spec
        if server.tells_peer and reply.instance >= 0:
            info.annotate(peer=f"{server.name}-{reply.instance}")
        return _taken(reply, spec)

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


_STATUS: Final = {How.REFUSED: REFUSED, How.RESET: RESET}


def child(number: int, attempt: int, place: int) -> int:
    """The number of a call that another call makes."""
    return (number * 16 + attempt) * 16 + place + 1


def _settle(answered: "asyncio.Future[Any]", reply: Reply) -> None:
    if not answered.done():
        answered.set_result(reply)


def _taken(reply: Reply, spec: KeySpec) -> int:
    """The value of a good reply; a bad one raises what an HTTP client would."""
    if reply.status == _GOOD:
        return reply.status
    if reply.status == REFUSED:
        message = "connection refused"
        raise ConnectionRefusedError(message)
    if reply.status == RESET:
        message = "connection reset by peer"
        raise ConnectionResetError(message)
    if not spec.speaks_http:
        raise BackendError(reply.status)
    raise AnsweredError(reply.status, spec.method, reply.retry_after_s)


def _budget(spec: BudgetSpec) -> Budget:
    if spec.ratio is not None:
        return RetryRatio(spec.ratio, spec.refill_per_s)
    return TokenBucket(spec.capacity, spec.refill_per_s)


class _OrdersChance(random.Random):
    """Chance of an executor that belongs to its calls: the n-th backoff of a call is always the same."""

    def __init__(self, seed: str, chance: Chance) -> None:
        super().__init__(seed)
        self._chance = chance

    def random(self) -> float:
        order = _ORDER.get()
        if order is None:
            return super().random()
        order.draws += 1
        return self._chance.unit(Stream.BACKOFF, order.number, order.draws)
