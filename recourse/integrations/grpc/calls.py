"""What the interceptors of threads and of event loops have in common."""

from typing import Any, Final, NamedTuple

from recourse.clock import Clock
from recourse.context import AMBIENT, AttemptInfo
from recourse.integrations.grpc.classifier import GRPCClassifier, status_of
from recourse.integrations.verdicts import judge_here, say
from recourse.integrations.watch import Watch, WatchedCall

__all__ = ["CallDetails", "Limit", "ended", "explained", "key_of", "limit_of", "limited", "watched"]

# gRPC's own timer shall be the first to strike: its error has a status, a cancellation has none.
_EARLIER_S: Final = 0.005
_EARLIER_PART: Final = 0.05
_NEARLY: Final = 0.9
_JUDGE: Final = GRPCClassifier()


class CallDetails(NamedTuple):
    """How a call is made; gRPC has no public class for it, and reads these attributes."""

    method: str
    timeout: float | None
    metadata: Any
    credentials: Any
    wait_for_ready: bool | None
    compression: Any = None


class Limit(NamedTuple):
    """How long an attempt has.

    Attributes:
        timeout_s: What gRPC gets; ``None`` means no limit.
        is_attempts: The limit is the attempt's own, not the call's.
    """

    timeout_s: float | None
    is_attempts: bool


def key_of(method: str) -> str:
    """The policy key of a method: ``/payments.Payments/Charge`` is ``payments.Payments.Charge``."""
    return method.lstrip("/").replace("/", ".")


def limit_of(running: AttemptInfo) -> Limit:
    """The limit of the running attempt; the server learns of it through gRPC."""
    left_s = running.remaining_s()
    if left_s is None:
        return Limit(None, is_attempts=False)
    bearings: Any = running.bearings  # the key under its policy
    own_s: float | None = bearings.policy.retry.timeout_per_attempt_s
    is_attempts = own_s is not None and left_s >= own_s * _NEARLY
    return Limit(left_s - min(_EARLIER_S, left_s * _EARLIER_PART), is_attempts)


def explained(error: Exception, running: AttemptInfo, limit: Limit) -> Exception:
    """The error of an attempt, able to say what it means."""
    left_s = running.remaining_s()
    # What a server answers before the time is up is its own deadline, whatever it is called.
    is_up = left_s is not None and left_s <= 2 * _EARLIER_S + _EARLIER_PART * (limit.timeout_s or 0)
    code = status_of(error)
    if code is not None:
        running.annotate(status=code)
    judge = judge_here(running, _JUDGE)
    say(error, judge.judged(error, is_attempts_deadline=is_up and limit.is_attempts))
    return error


def limited(details: Any, clock: Clock) -> float | None:
    """The timeout of a call that is only passed through: its own, or what surrounds it."""
    ambient = AMBIENT.get()
    limit_s = None if ambient is None else ambient.limit_s(clock)
    if limit_s is None:
        own: float | None = details.timeout
        return own
    left_s = max(0.0, limit_s - clock.monotonic_s())
    return left_s if details.timeout is None else min(left_s, details.timeout)


def watched(watch: Watch, key: str, timeout_s: float | None) -> WatchedCall:
    """A streaming call, told as one attempt."""
    call = watch.call(key)
    call.attempt_started(timeout_s)
    return call


def ended(call: WatchedCall, code: str, error: Exception | None) -> None:
    """The stream is over, with this status."""
    if code == "OK":
        call.attempt_ended()
        call.ended()
        return
    outcome = _JUDGE.by_status(code, error)
    call.attempt_ended(outcome, error, status=code)
    call.ended(error)
