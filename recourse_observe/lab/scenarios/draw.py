"""Draws from wide ranges, and names from several trades, so that nothing is a fingerprint."""

import math
import random
from collections.abc import Sequence
from typing import Final, TypeVar

__all__ = ["Dice", "Names"]

T = TypeVar("T")

_NOUNS: Final = (
    "account address alert asset audit badge basket batch bill booking bundle calendar campaign "
    "card cargo cart catalog certificate channel claim comment company contact contract coupon "
    "credential customer dataset delivery deposit device digest dispute document driver email "
    "employee event export facility feature feed fleet flight folder form friend fund gallery game "
    "gift guest hotel identity image index ingest inventory invite invoice journal label lease "
    "ledger lesson license listing loan location login loyalty mail manifest map match media "
    "meeting member menu merchant message meter model notice offer order package parcel parking "
    "partner patient payment payout permit photo player playlist policy portfolio pricing product "
    "profile project promo quota quote rating receipt recipe record refund region report "
    "reservation resource review reward ride risk role route rule sale schedule score search seat "
    "segment sensor session settings shipment shop signup slot snapshot song stock store stream "
    "subscription survey tariff task tax team template tenant ticket timeline token topic track "
    "trade transfer trip upload usage user vault vehicle vendor video visit voucher wallet "
    "warehouse webhook wish workspace zone"
)
_VERBS: Final = (
    "Get Fetch List Find Query Resolve Lookup Create Put Save Update Delete Cancel Confirm Reserve "
    "Release Charge Capture Authorize Validate Check Verify Sync Publish Send Render Score Rank "
    "Estimate Quote Search Browse Load Store Append Commit Index Encode Decode Translate"
)
_SUFFIXES: Final = ("", "", "", "-service", "-api", "_db", "-svc", "-store", "s", "-v2", "-gateway")
_FRONTS: Final = (
    "frontend web bff edge checkout portal mobile-api backoffice gateway console worker app site"
)


class Dice:
    """A seeded source of draws."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)  # noqa: S311  # a world, no secret

    def between(self, low: float, high: float) -> float:
        """Evenly between two numbers."""
        return round(low + (high - low) * self._random.random(), 4)

    def around(self, low: float, high: float) -> float:
        """Evenly between two positive numbers on a logarithmic scale."""
        drawn = math.exp(math.log(low) + (math.log(high) - math.log(low)) * self._random.random())
        return float(f"{drawn:.4g}")

    def whole(self, low: int, high: int) -> int:
        """A whole number, both ends included."""
        return self._random.randint(low, high)

    def one(self, given: Sequence[T]) -> T:
        """One of them."""
        return self._random.choice(given)

    def some(self, given: Sequence[T], count: int) -> list[T]:
        """Some of them, each at most once."""
        return self._random.sample(given, min(count, len(given)))

    def chance(self, share: float) -> bool:
        """True in this part of all cases."""
        return self._random.random() < share


class Names:
    """Names of services, dependencies and keys, each at most once.

    Args:
        dice: Where they are drawn from.
    """

    def __init__(self, dice: Dice) -> None:
        self._dice = dice
        self._nouns = dice.some(_NOUNS.split(), 200)
        self._fronts = dice.some(_FRONTS.split(), 20)
        self._style = dice.whole(0, 3)
        self._nouns_of: dict[str, str] = {}
        self._given: set[str] = set()

    def service(self) -> str:
        """The name of a service that calls."""
        return self._fronts.pop()

    def dependency(self) -> str:
        """The name of a dependency."""
        noun = self._nouns.pop()
        name = noun + self._dice.one(_SUFFIXES)
        self._nouns_of[name] = noun
        return name

    def key(self, dependency: str) -> str:
        """A key of a dependency that no other call has had."""
        while True:
            text = self._drawn_key(dependency)
            if text not in self._given:
                self._given.add(text)
                return text

    def _drawn_key(self, dependency: str) -> str:
        verb, noun = self._dice.one(_VERBS.split()), self._nouns_of[dependency].capitalize()
        other = self._dice.one(_NOUNS.split()).capitalize()
        match self._style:
            case 0:
                return f"{dependency}.{verb}{self._dice.one((noun, other))}"
            case 1:
                return f"{dependency}.{other.lower()}.{verb.lower()}"
            case 2:
                return f"{dependency}.v1.{noun}Service.{verb}{self._dice.one(('', other))}"
            case _:
                return f"{dependency}.{verb.lower()}_{self._dice.one((noun, other)).lower()}"
