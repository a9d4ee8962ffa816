"""What follows from a call's key and policy, so that it is made once and not per call."""

from typing import Any

from recourse.events import CallInfo
from recourse.policy.model import EffectivePolicy
from recourse_observe.archive.columns import Words
from recourse_observe.archive.event_rows import clean_words
from recourse_observe.archive.rollup import Bucket

__all__ = ["Plan"]


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


def _policy_words(policy: EffectivePolicy | None) -> tuple[Any, ...]:
    return (None, "", "") if policy is None else (policy.idempotent, policy.id, policy.version)


def _clamped(policy: EffectivePolicy | None) -> str | None:
    return None if policy is None else ",".join(policy.normalization.clamped) or None
