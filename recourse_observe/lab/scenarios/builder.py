"""Puts a world together from draws: ordinary services, and room for what goes wrong."""

import math
from dataclasses import replace
from typing import Any, Final

from recourse import BudgetRef, CircuitPolicy, HedgePolicy, Policy, RetryPolicy
from recourse_observe.lab.faults import Fault
from recourse_observe.lab.scenarios.draw import Dice, Names
from recourse_observe.lab.spec import (
    BudgetSpec,
    ControlPlane,
    DependencySpec,
    KeySpec,
    Poisson,
    Scenario,
    ServiceSpec,
)

__all__ = ["Builder"]

_STATUSES: Final = (500, 502, 503, 503, 503, 504)


class Builder:
    """A world in the making.

    Args:
        dice: Where everything is drawn from.
        duration_s: How long the run is to be.

    Attributes:
        start_s: When what goes wrong begins.
        end_s: When it ends.
        control: The control plane.
        sample: Of the calls that go well, one in so many is recorded in detail.
    """

    def __init__(self, dice: Dice, duration_s: float) -> None:
        self.dice = dice
        self.names = Names(dice)
        self.duration_s = duration_s
        self.start_s, self.end_s = self.window(40.0, 200.0)
        self.control = ControlPlane()
        self.services = [ServiceSpec(name=self.names.service(), processes=dice.whole(2, 7))]
        self.dependencies: dict[str, DependencySpec] = {}
        self.keys: dict[str, KeySpec] = {}
        self.budgets: list[BudgetSpec] = []
        self.faults: list[Fault] = []
        self.sample = 1

    @property
    def processes(self) -> int:
        """How many processes the first service has."""
        return self.services[0].processes

    def window(self, least_s: float, most_s: float) -> tuple[float, float]:
        """A stretch in the middle; now and then it lasts until the end."""
        start_s = self.dice.between(0.22, 0.4) * self.duration_s
        end_s = start_s + self.dice.around(least_s, most_s)
        if self.dice.chance(0.12):
            end_s = self.duration_s
        return round(start_s, 3), round(min(end_s, self.duration_s), 3)

    def first_service(self, **changes: Any) -> None:
        """Change the service that calls."""
        self.services[0] = replace(self.services[0], **changes)

    def dependency(self, **given: Any) -> DependencySpec:
        """One more dependency, drawn where nothing is given."""
        dice = self.dice
        drawn: dict[str, Any] = {
            "name": self.names.dependency(),
            "instances": dice.whole(1, 6),
            "workers": dice.whole(4, 16),
            "queue": dice.whole(30, 200),
            "median_s": dice.around(0.004, 0.15),
            "sigma": dice.between(0.2, 0.65),
            "error_share": dice.one((0.0, 0.0, 0.0005, 0.001, 0.003)),
            "error_status": dice.one(_STATUSES),
            "tells_peer": dice.chance(0.4),
        }
        spec = DependencySpec(**(drawn | given))
        self.dependencies[spec.name] = spec
        return spec

    def sized(self, per_s: float, used: float, **given: Any) -> DependencySpec:
        """A dependency whose workers are busy for a part of the time.

        Args:
            per_s: Requests a second.
            used: The part, from 0 to 1.
            given: What else is given.
        """
        dice = self.dice
        median_s = given.pop("median_s", dice.around(0.03, 0.2))
        sigma = given.pop("sigma", dice.between(0.2, 0.5))
        instances = given.pop("instances", dice.whole(1, 3))
        mean_s = median_s * math.exp(sigma**2 / 2)
        workers = max(1, round(per_s * mean_s / used / instances))
        # Whole workers: the service time takes up what rounding has changed.
        median_s = used * workers * instances / per_s / math.exp(sigma**2 / 2)
        return self.dependency(
            median_s=float(f"{median_s:.4g}"),
            sigma=sigma,
            instances=instances,
            workers=workers,
            **given,
        )

    def key(
        self,
        dependency: DependencySpec,
        per_s: float | None = None,
        policy: dict[str, Any] | None = None,
        **given: Any,
    ) -> KeySpec:
        """One more key of a dependency.

        Args:
            dependency: Whose.
            per_s: Requests a second that begin with it; drawn when it is left out, none when 0.
            policy: Parts of its policy that are given: fields of the retry policy, ``hedge``,
                ``circuit``, ``idempotent``.
            given: What else of the key is given.
        """
        name = self.names.key(dependency.name)
        rate = self.dice.around(1.0, 4.0) if per_s is None else per_s
        traffic = None
        if rate:
            traffic = Poisson(
                per_s=rate,
                swing=self.dice.between(0.0, 0.25),
                period_s=self.dice.between(1800.0, 7200.0),
                phase=self.dice.between(0.0, 1.0),
            )
        spec = KeySpec(
            key=name,
            dependency=dependency.name,
            policy=self.policy(name, dependency, **(policy or {})),
            traffic=traffic,
            **given,
        )
        self.keys[name] = spec
        return spec

    def policy(self, key: str, dependency: DependencySpec, **given: Any) -> Policy:
        """An ordinary policy for a dependency as fast as this one."""
        dice, median_s = self.dice, dependency.median_s
        timeout_s = min(
            10.0, max(0.15, median_s * math.exp(3 * dependency.sigma) * 3, median_s * 12)
        )
        drawn: dict[str, Any] = {
            "max_attempts": dice.whole(2, 4),
            "initial_backoff_s": dice.around(0.02, 0.3),
            "max_backoff_s": dice.around(0.5, 4.0),
            "backoff_multiplier": dice.one((1.5, 2.0, 2.0, 3.0)),
            "jitter": dice.one(("full", "full", "equal", "decorrelated")),
            "timeout_per_attempt_s": round(timeout_s * dice.between(1.0, 2.0), 3),
        }
        circuit = given.pop("circuit", None)
        hedge: HedgePolicy | None = given.pop("hedge", None)
        idempotent = given.pop("idempotent", None)
        if circuit is None and dice.chance(0.2):
            circuit = CircuitPolicy(threshold=dice.whole(8, 30), cooldown_s=dice.around(1.0, 10.0))
        if "budget" not in given and dice.chance(0.25):
            drawn["budget"] = BudgetRef(self.budget(capacity=50.0, refill_per_s=10.0).name)
        return Policy(
            key,
            retry=RetryPolicy(**(drawn | given)),
            hedge=hedge,
            circuit=circuit or None,
            idempotent=idempotent,
            id=dice.one(("", "", f"{dependency.name}-default", "standard", "v1")),
        )

    def budget(self, **given: Any) -> BudgetSpec:
        """One more retry budget."""
        words = ("retries", "retry-pool", "shared", "backend", "spare")
        spec = BudgetSpec(name=f"{self.dice.one(words)}-{len(self.budgets) + 1}", **given)
        self.budgets.append(spec)
        return spec

    def crowd(self) -> None:
        """Ordinary dependencies and keys beside those that matter."""
        for _ in range(self.dice.whole(1, 4)):
            dependency = self.dependency()
            for _ in range(self.dice.whole(1, 2)):
                self.key(dependency)

    def change(self, key: KeySpec) -> KeySpec:
        """Put a changed key in the place of the one of the same name."""
        self.keys[key.key] = key
        return key

    def staggered(self, start_s: float, least_s: float, most_s: float) -> tuple[float, ...]:
        """A moment for each process of the first service, in a random order, from ``start_s`` on."""
        step_s = self.dice.between(least_s, most_s)
        places = self.dice.some(range(self.processes), self.processes)
        return tuple(
            round(start_s + place * step_s * self.dice.between(0.8, 1.0), 3) for place in places
        )

    def scenario(self, name: str, seed: int) -> Scenario:
        """The world as it is now."""
        return Scenario(
            name=name,
            seed=seed,
            duration_s=self.duration_s,
            services=tuple(self.services),
            dependencies=tuple(self.dependencies.values()),
            keys=tuple(self.keys.values()),
            budgets=tuple(self.budgets),
            faults=tuple(self.faults),
            control=self.control,
            sample=self.sample,
        )
