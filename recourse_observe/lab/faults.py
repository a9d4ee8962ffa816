"""What goes wrong, when, and for how long: frozen schedules in seconds since the run began.

A fault is active from ``start_s`` until before ``end_s``. Processes and instances are named by
their index, from 0; an empty tuple means all of them.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from recourse import Policy

__all__ = [
    "CapacityChange",
    "ClassifierChange",
    "ClockSkew",
    "ControlPlaneOutage",
    "Deploy",
    "Fault",
    "How",
    "KeyExplosion",
    "Outage",
    "Poison",
    "PolicyChange",
    "ProcessFault",
    "QuotaChange",
    "RecorderGap",
    "Slowdown",
    "Surge",
    "UpstreamDeadline",
]


class How(StrEnum):
    """How a request fails that does not get a proper answer."""

    STATUS = "status"  # an answer with a bad status
    REFUSED = "refused"  # the connection is refused
    RESET = "reset"  # the connection breaks
    SILENCE = "silence"  # no answer ever comes
    STALL = "stall"  # no answer comes, and all connections break together when it is over


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheduled:
    """Active from ``start_s`` until before ``end_s``."""

    start_s: float
    end_s: float

    def active(self, now_s: float) -> bool:
        """Whether it is active at a moment."""
        return self.start_s <= now_s < self.end_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage(Scheduled):
    """A dependency, or some of its instances, answers badly instead of working.

    Attributes:
        dependency: Its name.
        how: How requests fail.
        status: The bad status, with ``How.STATUS``.
        share: The part of the requests that fail, from 0 to 1.
        after_s: How long the failure takes.
        instances: The instances it concerns.
    """

    dependency: str
    how: How = How.STATUS
    status: int = 503
    share: float = 1.0
    after_s: float = 0.003
    instances: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Slowdown(Scheduled):
    """A dependency, or some of its instances, takes longer.

    Attributes:
        dependency: Its name.
        factor: How many times as long.
        ramp_s: Seconds in which it gets there.
        instances: The instances it concerns.
    """

    dependency: str
    factor: float
    ramp_s: float = 0.0
    instances: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityChange(Scheduled):
    """A dependency's instances have another number of workers.

    Attributes:
        dependency: Its name.
        workers: How many workers each instance has, at least 1.
    """

    dependency: str
    workers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaChange(Scheduled):
    """A dependency admits another number of requests.

    Attributes:
        dependency: Its name.
        per_s: Requests a second.
    """

    dependency: str
    per_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Poison(Scheduled):
    """Some calls of a key fail on every attempt, the others never.

    Attributes:
        key: The key.
        share: The part of its calls, from 0 to 1.
        status: What they are answered, after the usual work.
    """

    key: str
    share: float
    status: int = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Surge(Scheduled):
    """A key's callers come more often; only for Poisson traffic.

    Attributes:
        key: The key.
        factor: How many times as often, at least 1.
        ramp_s: Seconds in which it gets there.
    """

    key: str
    factor: float
    ramp_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamDeadline(Scheduled):
    """Whoever asked for a request gives up on it: the calls in flight are cancelled.

    Attributes:
        keys: The keys that requests begin with.
        after_s: How long they wait, in seconds since the request began.
        share: The part of the requests, from 0 to 1.
    """

    keys: tuple[str, ...]
    after_s: float
    share: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyChange(Scheduled):
    """A key's policy is changed, process by process, and changed back.

    Attributes:
        policy: The new one; its key says whose it is.
        applied_s: For each process of the service, when it applies the policy; ``None`` means
            never. ``start_s`` is the earliest of them.
        rollback_spread_s: The processes go back within so many seconds after ``end_s``.
    """

    policy: Policy
    applied_s: tuple[float | None, ...]
    rollback_spread_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassifierChange(Scheduled):
    """The code of the classifier ``domain`` is replaced, process by process, and put back at the end.

    Attributes:
        service: Whose processes.
        becomes: What it does then: ``auto``, ``http`` or ``eager``.
        applied_s: For each process, when; ``None`` means never.
    """

    service: str
    becomes: str
    applied_s: tuple[float | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlPlaneOutage(Scheduled):
    """The control plane answers nobody: remote keys go on as their caches and modes say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deploy(Scheduled):
    """A service's processes are replaced one by one: new executors, new instance names, cold caches.

    Attributes:
        service: Its name.
        restarted_s: For each process, when; ``None`` means never.
        drops_budgets: Budgets that the new processes do not register, until ``end_s``; then they
            are replaced once more, by whole ones.
    """

    service: str
    restarted_s: tuple[float | None, ...]
    drops_budgets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessFault(Scheduled):
    """One process cannot reach what it calls.

    Attributes:
        service: Of which service.
        process: Its index.
        how: How its requests fail.
        share: The part of its requests, from 0 to 1.
        after_s: How long a failure takes.
        dependencies: What it cannot reach.
    """

    service: str
    process: int
    how: How = How.REFUSED
    status: int = 503
    share: float = 1.0
    after_s: float = 0.002
    dependencies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyExplosion(Scheduled):
    """Calls carry request data in their keys: ``key`` becomes ``key.<something>``.

    Attributes:
        key: The key.
        share: The part of its calls, from 0 to 1.
        kinds: How many different keys there can be.
    """

    key: str
    share: float = 1.0
    kinds: int = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockSkew(Scheduled):
    """One process's wall clock is wrong for the whole run.

    Attributes:
        service: Of which service.
        process: Its index.
        ahead_s: By how much; negative when it is behind.
    """

    service: str
    process: int
    ahead_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderGap(Scheduled):
    """Processes make calls, and nothing of them is recorded.

    Attributes:
        processes: The processes, of every service.
        share: The part of the calls that is lost, from 0 to 1.
        silent: Whether the recorder is dead; otherwise it counts what it drops.
    """

    processes: tuple[int, ...] = ()
    share: float = 1.0
    silent: bool = True


Fault: TypeAlias = (
    Outage
    | Slowdown
    | CapacityChange
    | QuotaChange
    | Poison
    | Surge
    | UpstreamDeadline
    | PolicyChange
    | ClassifierChange
    | ControlPlaneOutage
    | Deploy
    | ProcessFault
    | KeyExplosion
    | ClockSkew
    | RecorderGap
)
