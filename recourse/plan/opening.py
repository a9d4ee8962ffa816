"""Calls whose policy is known beforehand: begun, and ended at once when all goes well.

Most calls succeed at their first attempt. For those the short paths of the executor use the plan's
own parts one after the other, without the generator that retries, waits and hedges need.
"""

from collections.abc import Callable
from typing import Any

from recourse.circuit.protocol import Admission
from recourse.context import Ambient, AttemptInfo
from recourse.outcome import Health
from recourse.plan import telling
from recourse.plan.bound import Bound, Runtime
from recourse.plan.call import Call, Run
from recourse.plan.judge import settle

__all__ = ["begun", "follow", "succeeded"]


def begun(
    runtime: Runtime,
    bound: Bound,
    operation: Callable[[], Any],
    ambient: Ambient | AttemptInfo | None,
    lease: Admission,
) -> tuple[Call, Run]:
    """A call that is heard, and its first attempt: told of, and ready to run inline."""
    began_s = runtime.clock.monotonic_s()
    call = Call(runtime, bound.key, operation, ambient, began_s, None, telling.TOLD_FIRST)
    follow(call, bound)
    run = Run(AttemptInfo(bound, call.info, 0, 0, None, ambient), 0, 0, began_s)
    run.admission = lease
    telling.first_started(call, bound, run)
    return call, run


def succeeded(call: Call, run: Run) -> bool:
    """End the call if its first attempt has given a value that needs no judging."""
    bound = call.bound
    if run.error is not None or bound is None:
        return False
    if bound.circuit.calm is not run.admission:
        settle(call, run, Health.HEALTHY)
    call.attempts_run = 1
    call.result = run.value
    telling.first_succeeded(call, run)
    call.over = True
    if call.capture is not None:
        call.capture.record(tuple(call.told))
    return True


def follow(call: Call, bound: Bound) -> None:
    """Put a call under a policy that has been resolved before."""
    info, policy = call.info, bound.policy
    call.bound = bound
    info.policy, info.policy_source, info.policy_mode = policy, policy.source, bound.mode
