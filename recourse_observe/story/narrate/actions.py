"""What to change, in words: each with its risk."""

from typing import Final

from recourse_observe.story.actions import Action

__all__ = ["action"]

_ACTIONS: Final = {
    Action.ENABLE_CIRCUIT: "give the key a breaker: it would have refused at once; risk: it may open on short blips",
    Action.ENABLE_BUDGET: "give the key's retries a budget of a tenth of its calls; risk: a few more failures on ordinary blips",
    Action.REDUCE_ATTEMPTS: "allow fewer attempts: less load while nothing answers; risk: fewer rescues on ordinary blips",
    Action.NONE_CLIENT_SIDE: "nothing on our side: the policy limited the damage as far as a client can",
    Action.EJECT_INSTANCE: "take the bad instances out of rotation; keep retries and hedges",
    Action.ENABLE_HEDGING: "hedge slow attempts: the next instance is probably well; risk: a little more load",
    Action.RAISE_ATTEMPTS: "allow one more attempt: most retries met a good instance; risk: more load in an outage",
    Action.REDUCE_LOAD: "ask for less, or smooth it; risk: work waits",
    Action.RAISE_QUOTA: "ask for a greater quota",
    Action.CLIENT_RATE_LIMIT: "keep below the quota on our side; risk: work waits here instead of failing there",
    Action.HONOR_RETRY_AFTER: "wait as long as the dependency asks; risk: slower calls",
    Action.SHED_LOAD: "shed what can wait before it reaches the dependency; risk: refused work",
    Action.ADD_CAPACITY: "give the dependency capacity for such a peak",
    Action.ENABLE_JITTER: "add full jitter to the backoff, so that retries spread",
    Action.RAISE_CIRCUIT_THRESHOLD: "let the breaker open on a rate of failures, or on more of them; risk: it opens later in an outage",
    Action.DISABLE_CIRCUIT: "switch the breaker off for this key; risk: nothing limits the waste in an outage",
    Action.LONGER_COOLDOWN: "let the breaker rest longer; risk: a later recovery",
    Action.FIX_HALF_OPEN: "make every probe report its end, so that half-open can be left",
    Action.RESET_CIRCUIT: "reset the stuck breakers",
    Action.SHORTER_COOLDOWN: "shorten the cooldown; risk: more probes in an outage",
    Action.RAISE_BUDGET: "raise the budget to what ordinary failures need; risk: more load in an outage",
    Action.SPLIT_BUDGET: "give each key a budget of its own, so that none drains another's",
    Action.RESTORE_BUDGET: "register the budget that the policy names",
    Action.ROLLBACK_POLICY: "roll the policy back",
    Action.USE_LKG: "serve the last known good policy while the control plane is away",
    Action.RESTORE_CONTROL_PLANE: "bring the control plane back",
    Action.FALLBACK_POLICY: "configure a fallback policy instead of refusing calls",
    Action.FIX_CLASSIFIER: "classify these answers as final: no retry can change them",
    Action.RAISE_TIMEOUT: "raise the attempt's time limit above what ordinary answers take; risk: slower failures",
    Action.RAISE_HEDGE_DELAY: "hedge later, at the 95th percentile; risk: fewer hedges rescue slow calls",
    Action.DISABLE_HEDGING: "switch hedging off for this key",
    Action.HEDGE_BUDGET: "give hedges a budget of a twentieth of the calls",
    Action.IDEMPOTENCY_KEY: "send an idempotency key with each call, so that a repeated attempt is recognised",
    Action.DISABLE_RETRY: "do not retry this key after a timeout; risk: more failures that a retry would have saved",
    Action.QUARANTINE_REQUESTS: "set the failing requests aside",
    Action.STOP_RETRYING: "stop retrying this reason: no retry succeeded",
    Action.PROPAGATE_DEADLINE: "hand the caller's deadline down, so that no attempt outlives it",
    Action.RAISE_UPSTREAM_DEADLINE: "give callers a deadline that an ordinary answer can meet",
    Action.DRAIN_PROCESS: "drain the process",
    Action.FIX_KEY: "name the operation in the key, not the request",
}


def action(one: Action) -> str:
    """What to change, the expected effect and the risk."""
    return _ACTIONS[one]
