"""Calls whose policy is known beforehand: begun, and ended at once when all goes well.

Most calls succeed at their first attempt. For those the short paths of the executor use the plan's
own parts one after the other, without the generator that retries, waits and hedges need.
"""

from recourse.context import Ambient, AttemptInfo
from recourse.outcome import Health
from recourse.plan import ending, telling
from recourse.plan.bound import Bound
from recourse.plan.call import Call, Run
from recourse.plan.judge import settle

__all__ = ["first_run", "opened", "succeeded"]


def opened(call: Call, bound: Bound) -> None:
    """Begin a call under a policy that has been resolved before."""
    info, policy = call.info, bound.policy
    call.bound = bound
    info.policy, info.policy_source, info.policy_mode = policy, policy.source, bound.mode
    if call.heard:
        telling.opened(call, bound)


def first_run(call: Call, bound: Bound, ambient: Ambient | AttemptInfo | None) -> Run:
    """The first attempt of an opened call, told of and ready to run inline."""
    run = Run(AttemptInfo(bound, call.info, 0, 0, None, ambient), 0, 0, call.info.started_s)
    run.admission = bound.circuit.calm
    telling.attempt_start(call, run)
    return run


def succeeded(call: Call, run: Run) -> bool:
    """End the call if its first attempt has given a value that needs no judging."""
    if run.error is not None:
        return False
    if run.admission is not None:
        settle(call, run, Health.HEALTHY)
    ending.at_once(call, run)
    return True
