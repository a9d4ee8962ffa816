"""What follows from a call's key and policy, so that it is made once and not per call."""

from typing import Any, Final

from recourse.events import CallInfo
from recourse.policy.model import EffectivePolicy
from recourse_observe.archive.columns import Row, Words
from recourse_observe.archive.event_rows import clean_words
from recourse_observe.archive.rollup import BUCKET_US, Bucket, Rollups

__all__ = ["Plan", "Plans"]

_MOST_KEYS: Final = 10_000


class Plan:
    """What follows from a call's key and policy, made once; most calls need nothing else.

    Attributes:
        policy: The policy; the executor keeps one object for each.
        source: Where it came from.
        call: Words of every call: idempotent, policy and its source.
        succeeded: Code of a call whose first attempt succeeded.
        attempt: Code of that attempt.
        bucket: Where such calls are counted.
        number: The bucket's number.
    """

    __slots__ = ("attempt", "bucket", "call", "number", "policy", "source", "succeeded")

    def __init__(self, info: CallInfo, words: Words) -> None:
        policy = self.policy = info.policy
        self.source = info.policy_source
        source, mode = str(info.policy_source), str(info.policy_mode)
        self.call = (*_policy_words(policy), source, mode, _clamped(policy))
        self.attempt = words.code("attempts", clean_words(info))
        ended = True, "success", "success", "success", 1, 0, 0, None
        self.succeeded = words.code("calls", (info.key, None, *self.call, *ended))
        self.bucket = Bucket()
        self.number = -1


class Plans:
    """The plans of all keys, and what is counted under them.

    Args:
        words: Where their words get codes.
    """

    def __init__(self, words: Words) -> None:
        self._words = words
        self._plans: dict[str, Plan] = {}
        self._rollups = Rollups()

    def known(self, key: str) -> Plan | None:
        """The plan of the last call of a key."""
        return self._plans.get(key)

    def forget(self, key: str) -> None:
        """Begin anew with the next call of a key."""
        self._plans.pop(key, None)

    def forget_all(self) -> None:
        """Begin anew with every key."""
        self._plans.clear()

    def of(self, info: CallInfo) -> Plan:
        """The plan of a call."""
        plan = self._plans.get(info.key)
        if plan is None or plan.policy is not info.policy or plan.source is not info.policy_source:
            if len(self._plans) >= _MOST_KEYS:
                self._plans.clear()
            plan = self._plans[info.key] = Plan(info, self._words)
        return plan

    def counted(self, info: CallInfo, started_us: int) -> Plan:
        """The plan of a call that has ended, with the bucket in which it counts."""
        plan, number = self._plans.get(info.key), started_us // BUCKET_US
        if plan is None or plan.policy is not info.policy or plan.source is not info.policy_source:
            plan = self.of(info)
        if plan.number != number:
            plan.bucket, plan.number = self._rollups.bucket(info.key, number), number
        return plan

    def take(self, now_us: int | None) -> list[Row]:
        """Counts of buckets that are over at ``now_us``, as rows; ``None`` takes all of them."""
        rows = self._rollups.take(now_us)
        for plan in self._plans.values() if rows else ():
            plan.number = -1  # its bucket may be gone
        return rows


def _policy_words(policy: EffectivePolicy | None) -> tuple[Any, ...]:
    return (None, "", "") if policy is None else (policy.idempotent, policy.id, policy.version)


def _clamped(policy: EffectivePolicy | None) -> str | None:
    return None if policy is None else ",".join(policy.normalization.clamped) or None
