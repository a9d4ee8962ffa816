"""The probe slots of a half-open breaker."""

from typing import Final

__all__ = ["Probes"]

_REMEMBERED: Final = 100


class Probes:
    """Who probes at present. Used under the breaker's lock.

    A probe that stays away longer than its time gives up the slot, not its say: should it end
    after all, its result still counts. Otherwise a dependency that answers more slowly than
    ``probe_ttl_s`` would never be believed again.
    """

    __slots__ = ("_expires_s", "_taken")

    def __init__(self) -> None:
        self._taken = 0
        self._expires_s: dict[int, float] = {}

    def take(self, now_s: float, max_probes: int, ttl_s: float) -> int | None:
        """The number of a free slot, taken; ``None`` when there is none."""
        overdue = [number for number, expires_s in self._expires_s.items() if expires_s <= now_s]
        if len(self._expires_s) - len(overdue) >= max_probes:
            return None
        for number in overdue[:-_REMEMBERED]:
            del self._expires_s[number]
        self._taken += 1
        self._expires_s[self._taken] = now_s + ttl_s
        return self._taken

    def settle(self, number: int | None) -> bool:
        """Free the slot; false when it was settled before."""
        return number is not None and self._expires_s.pop(number, None) is not None

    def clear(self) -> None:
        """Free every slot."""
        self._expires_s.clear()
