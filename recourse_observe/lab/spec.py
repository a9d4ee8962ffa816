"""The world of the laboratory: frozen descriptions, durations in seconds, rates per second.

A :class:`Scenario` is all that a run depends on: the same scenario gives the same run.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias, TypeVar

from recourse import Policy
from recourse.policy.parse import PolicyFile
from recourse_observe.lab.faults import Fault
from recourse_observe.lab.problems import problems_of

__all__ = [
    "BudgetSpec",
    "ControlPlane",
    "DependencySpec",
    "KeySpec",
    "Overflow",
    "Poisson",
    "Recorded",
    "Scenario",
    "ScenarioError",
    "ServiceSpec",
    "Traffic",
    "Waves",
]

F = TypeVar("F")
START_UNIX_NS: Final = 1_795_255_200_000_000_000  # 2026-11-21T10:00:00Z


class ScenarioError(ValueError):
    """A scenario contradicts itself; the text says where."""


class Overflow(StrEnum):
    """What an instance does with a request that finds its queue full."""

    SHED = "shed"  # it answers at once that it is busy
    CRASH = "crash"  # it dies with everything in it, and comes back after a while


@dataclass(frozen=True, slots=True, kw_only=True)
class DependencySpec:
    """A dependency: instances with workers and a first-in-first-out queue each, log-normal service.

    Attributes:
        name: Its name.
        instances: How many; each request goes to one of them at random.
        workers: Requests that one instance works on at the same time.
        queue: Requests that may wait at one instance.
        median_s: Median of the service time.
        sigma: Standard deviation of the service time's logarithm; 0 is constant.
        overflow: What happens when a queue is full.
        busy_status: The status of a request that is shed.
        restart_s: How long an instance that crashed is away.
        serves_abandoned: Whether work goes on, or begins, for a client that has left.
        error_share: The part of the requests that fails at all times, from 0 to 1.
        error_status: The status of those.
        quota_per_s: Requests a second that are admitted; ``None`` is no limit.
        quota_status: The status of the others, at once.
        retry_after_s: What the others are asked to wait; ``None`` says nothing.
        refuses_repeats: Whether a request whose effect is there already is answered 409.
        calls: Keys that the handler calls in the middle of its work, in the service that owns them.
        tells_peer: Whether clients record which instance they asked.
    """

    name: str
    instances: int = 3
    workers: int = 8
    queue: int = 100
    median_s: float = 0.02
    sigma: float = 0.4
    overflow: Overflow = Overflow.SHED
    busy_status: int = 503
    restart_s: float = 5.0
    serves_abandoned: bool = True
    error_share: float = 0.0
    error_status: int = 500
    quota_per_s: float | None = None
    quota_status: int = 429
    retry_after_s: float | None = None
    refuses_repeats: bool = False
    calls: tuple[str, ...] = ()
    tells_peer: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Poisson:
    """Callers who come at random and wait for nobody, more by day than by night.

    Attributes:
        per_s: Arrivals a second, on average.
        swing: How much the rate goes up and down, as a part of it, from 0 to below 1.
        period_s: The length of a day.
        phase: The part of a day that has passed at the beginning.
    """

    per_s: float
    swing: float = 0.0
    period_s: float = 86_400.0
    phase: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """Arrivals at moments that are known.

    Attributes:
        arrivals_s: The moments, in seconds since the run began, in order.
        processes: The indices of their processes, taken in turn; empty: drawn at random.
    """

    arrivals_s: tuple[float, ...]
    processes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Waves:
    """Batches: many callers at once, again and again.

    Attributes:
        every_s: Seconds from one batch to the next.
        count: Callers in a batch.
        spread_s: They come within so many seconds.
        first_s: When the first batch comes.
    """

    every_s: float
    count: int
    spread_s: float = 0.2
    first_s: float = 0.0


Traffic: TypeAlias = Poisson | Recorded | Waves


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySpec:
    """One policy key: what it calls, under which policy, and how often.

    Attributes:
        key: The key.
        dependency: What it calls; empty for an operation that only calls other keys.
        policy: Its policy; ``None`` when it has none of its own.
        traffic: Requests that begin with it; ``None`` when others lead to it.
        service: Whose processes make the calls; empty: the first service.
        then: Keys that the same request calls after it, one after the other, while all goes well.
        calls: Keys that its operation calls in its own process before it does its own work.
        remote: Whether its policy comes from the control plane.
        client_error_share: The part of its calls that the dependency refuses for good reasons.
        client_error_status: The status of those, 4xx.
        method: The HTTP method that attempts note; ``None`` notes nothing.
        speaks_http: Whether errors have an HTTP status; others are of a class of their own.
    """

    key: str
    dependency: str = ""
    policy: Policy | None = None
    traffic: Traffic | None = None
    service: str = ""
    then: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()
    remote: bool = False
    client_error_share: float = 0.0
    client_error_status: int = 404
    method: str | None = None
    speaks_http: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetSpec:
    """A retry budget that every process registers for itself.

    Attributes:
        name: As policies name it.
        capacity: Retries at once; 0 when it is a share of the calls instead.
        refill_per_s: Retries a second in the long run.
        ratio: Retries per call of the last ten seconds; ``None`` for a bucket of tokens.
    """

    name: str
    capacity: float = 10.0
    refill_per_s: float = 1.0
    ratio: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSpec:
    """A service whose processes make calls and record them.

    Attributes:
        name: Its name.
        processes: How many it has.
        missing_policy: What its executors do without a policy: ``deny``, ``allow`` or ``fallback``.
        fallback_policy: What they follow then.
        default_policy: What keys without a policy follow.
    """

    name: str
    processes: int = 3
    missing_policy: str = "deny"
    fallback_policy: Policy | None = None
    default_policy: Policy | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlPlane:
    """Where remote policies come from, and how long they are remembered.

    Attributes:
        ttl_s: How long a policy is fresh.
        lkg_s: How long it is followed when it cannot be fetched anew.
        error_ttl_s: How long a failure is remembered.
    """

    ttl_s: float = 60.0
    lkg_s: float = 600.0
    error_ttl_s: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Everything that a run depends on.

    Attributes:
        name: For people.
        seed: Of every draw.
        duration_s: How long requests arrive.
        services: Who calls; at least one.
        dependencies: What is called.
        keys: By which keys.
        budgets: Retry budgets of every process.
        faults: What goes wrong.
        control: The control plane.
        drain_s: How long the run goes on after the last arrival.
        start_unix_ns: Wall time at second 0.
        sample: Of the calls that go well, recorders keep one in so many in detail.
        budget_file: A policy file whose budgets every process registers as well.
    """

    name: str
    seed: int
    duration_s: float
    dependencies: tuple[DependencySpec, ...]
    keys: tuple[KeySpec, ...]
    services: tuple[ServiceSpec, ...] = (ServiceSpec(name="frontend"),)
    budgets: tuple[BudgetSpec, ...] = ()
    faults: tuple[Fault, ...] = ()
    control: ControlPlane = ControlPlane()
    drain_s: float = 10.0
    start_unix_ns: int = START_UNIX_NS
    sample: int = 1
    budget_file: PolicyFile | None = None

    def __post_init__(self) -> None:
        problem = next(problems_of(self), None)
        if problem is not None:
            message = f"scenario {self.name!r} {problem}"
            raise ScenarioError(message)

    def of(self, kind: type[F]) -> tuple[F, ...]:
        """The faults of one kind."""
        return tuple(fault for fault in self.faults if isinstance(fault, kind))

    def service_of(self, key: KeySpec) -> ServiceSpec:
        """The service whose processes call the key."""
        name = key.service or self.services[0].name
        return next(service for service in self.services if service.name == name)
