"""The incident laboratory: the real executor in virtual time against queues, the same for each seed.

>>> from recourse_observe.lab import DependencySpec, KeySpec, Poisson, Scenario, run
>>> from recourse import Policy
>>> world = Scenario(
...     name="quiet",
...     seed=1,
...     duration_s=10.0,
...     dependencies=(DependencySpec(name="users"),),
...     keys=(
...         KeySpec(
...             key="users.Get",
...             dependency="users",
...             policy=Policy("users.Get"),
...             traffic=Poisson(per_s=5.0),
...         ),
...     ),
... )
>>> all(call.succeeded for call in run(world).calls)
True
"""

from recourse_observe.lab.faults import (
    CapacityChange,
    ClassifierChange,
    ClockSkew,
    ControlPlaneOutage,
    Deploy,
    Fault,
    How,
    KeyExplosion,
    Outage,
    Poison,
    PolicyChange,
    ProcessFault,
    QuotaChange,
    RecorderGap,
    Slowdown,
    Surge,
    UpstreamDeadline,
)
from recourse_observe.lab.records import AttemptRecord, CallRecord, Incarnation
from recourse_observe.lab.spec import (
    BudgetSpec,
    ControlPlane,
    DependencySpec,
    KeySpec,
    Overflow,
    Poisson,
    Recorded,
    Scenario,
    ScenarioError,
    ServiceSpec,
    Traffic,
    Waves,
)
from recourse_observe.lab.world import Run, run

__all__ = [
    "AttemptRecord",
    "BudgetSpec",
    "CallRecord",
    "CapacityChange",
    "ClassifierChange",
    "ClockSkew",
    "ControlPlane",
    "ControlPlaneOutage",
    "DependencySpec",
    "Deploy",
    "Fault",
    "How",
    "Incarnation",
    "KeyExplosion",
    "KeySpec",
    "Outage",
    "Overflow",
    "Poison",
    "Poisson",
    "PolicyChange",
    "ProcessFault",
    "QuotaChange",
    "Recorded",
    "RecorderGap",
    "Run",
    "Scenario",
    "ScenarioError",
    "ServiceSpec",
    "Slowdown",
    "Surge",
    "Traffic",
    "UpstreamDeadline",
    "Waves",
    "run",
]
