"""How an integration lets errors of its protocol be judged, whatever classifier a policy names."""

from typing import Any, TypeVar

from recourse.classify.own import SAID
from recourse.classify.protocol import PolicyAware
from recourse.context import AttemptInfo
from recourse.outcome import Outcome

__all__ = ["judge_here", "say"]

C = TypeVar("C", bound=PolicyAware)


def judge_here(running: AttemptInfo, own: C) -> C:
    """The protocol's classifier that judges this attempt.

    That is the policy's own when it is of the same kind as ``own``, else ``own`` under the policy.
    """
    # Every attempt that an executor runs carries both; its bearings promise less.
    bearings: Any = running.bearings
    chosen: object = bearings.classifier
    if isinstance(chosen, type(own)):
        return chosen
    bound: Any = own.bound_to(bearings.policy)
    judge: C = bound
    return judge


def say(error: Exception, outcome: Outcome) -> None:
    """Have the error say what it means, to the default classifier."""
    # Not setattr: a frozen exception lets nobody set its attributes.
    error.__dict__[SAID] = outcome
