"""The calls that a process is asked to make, and what chance has in store for each."""

import random
from contextvars import ContextVar
from typing import Final

from recourse_observe.lab.chance import Chance, Stream
from recourse_observe.lab.faults import KeyExplosion, Poison
from recourse_observe.lab.loop import LabLoop
from recourse_observe.lab.spec import KeySpec, Scenario

__all__ = ["UNDER_WAY", "Order", "Orders", "OrdersChance", "child"]

UNDER_WAY: Final[ContextVar["Order | None"]] = ContextVar("recourse_lab_order", default=None)
"""The call that the code of the moment belongs to."""


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


class Orders:
    """Draws up calls: the same for a number in every run of the seed.

    Args:
        scenario: The world.
        loop: Time.
        chance: Draws.
    """

    def __init__(self, scenario: Scenario, loop: LabLoop, chance: Chance) -> None:
        self._keys = {spec.key: spec for spec in scenario.keys}
        self._poisons = scenario.of(Poison)
        self._explosions = scenario.of(KeyExplosion)
        self._loop = loop
        self._chance = chance

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


class OrdersChance(random.Random):
    """Chance of an executor that belongs to its calls: the n-th backoff of a call is always the same."""

    def __init__(self, seed: str, chance: Chance) -> None:
        super().__init__(seed)
        self._chance = chance

    def random(self) -> float:
        """The next draw of the call that is under way."""
        order = UNDER_WAY.get()
        if order is None:
            return super().random()
        order.draws += 1
        return self._chance.unit(Stream.BACKOFF, order.number, order.draws)


def child(number: int, attempt: int, place: int) -> int:
    """The number of a call that another call makes."""
    return (number * 16 + attempt) * 16 + place + 1
