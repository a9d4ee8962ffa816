"""AWS clients under policies: botocore's own retries off, ours on. Nothing of botocore is imported."""

import uuid
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, TypeVar

from recourse.classify.auto import AutoClassifier
from recourse.classify.http import HTTPClassifier
from recourse.classify.own import causes, outcome_of
from recourse.classify.retry_after import retry_after_s
from recourse.clock import Clock, SystemClock
from recourse.context import current_attempt
from recourse.errors import PolicyError
from recourse.executor import Executor
from recourse.facade import get_executor
from recourse.integrations.verdicts import judge_here, say
from recourse.outcome import SUCCESS, Health, Outcome, OutcomeKind
from recourse.policy.model import EffectivePolicy

__all__ = ["BotocoreClassifier", "govern", "own_attempts"]

T = TypeVar("T")

_CALL: Final = "_make_api_call"
_THROTTLED: Final = frozenset({
    "BandwidthLimitExceeded",
    "LimitExceededException",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "Throttling",
    "ThrottledException",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionInProgressException",
})  # fmt: skip
_TIMED_OUT: Final = frozenset({"RequestTimeout", "RequestTimeoutException"})
_MAY_PASS: Final = frozenset({429, 500, 502, 503, 504})
_NOT_SENT: Final = frozenset(
    {"ConnectTimeoutError", "EndpointConnectionError", "ProxyConnectionError"}
)
_BROKEN: Final = frozenset({"ConnectionClosedError", "HTTPClientError", "ReadTimeoutError"})
_DEFAULT_ATTEMPTS: Final = {"legacy": 5, "standard": 3, "adaptive": 3}


class BotocoreClassifier:
    """Judges errors of AWS by code and status; every returned value is a success.

    Throttling and requests that were never sent are retried, and what AWS's own clients retry: 500,
    502, 503, 504, timeouts, broken connections, unless ``replay_safe`` is false. Errors that are
    none of botocore's are judged like :class:`AutoClassifier` does.

    Args:
        replay_safe: Whether an operation may be carried out twice; ``None`` trusts AWS, as its
            clients do.
        clock: For a ``Retry-After`` that is a date.
    """

    __slots__ = ("_clock", "_otherwise", "_replay_safe")

    errors_only: Final = True

    def __init__(
        self,
        replay_safe: bool | None = None,  # noqa: FBT001 -- as HTTPClassifier takes it
        clock: Clock | None = None,
    ) -> None:
        self._replay_safe = replay_safe
        self._clock: Clock = clock or SystemClock()
        self._otherwise = AutoClassifier(HTTPClassifier(replay_safe=replay_safe, clock=clock))

    def bound_to(self, policy: EffectivePolicy) -> "BotocoreClassifier":
        """The classifier that knows from the policy whether an operation may be repeated."""
        if policy.idempotent is None or policy.idempotent is self._replay_safe:
            return self
        return BotocoreClassifier(policy.idempotent, self._clock)

    def classify(self, value: Any, error: Exception | None) -> Outcome:
        """The outcome by the rules of AWS."""
        del value
        return outcome_of(error, self._judged)

    def _judged(self, error: Exception) -> Outcome:
        for link in causes(error):
            answer = getattr(link, "response", None)
            if isinstance(answer, dict) and "ResponseMetadata" in answer:
                return self.answered(answer)  # pyright: ignore[reportUnknownArgumentType] -- JSON
            if (lost := self._lost(link)) is not None:
                return lost
        return self._otherwise.classify(None, error)

    def answered(self, answer: Mapping[str, Any]) -> Outcome:
        """The outcome of an answer as botocore parsed it; a status below 300 is a success."""
        told = answer.get("ResponseMetadata", {})
        status: int = told.get("HTTPStatusCode", 0)
        if 0 < status < 300:  # noqa: PLR2004 -- where botocore draws the line
            return SUCCESS
        code = str(answer.get("Error", {}).get("Code", ""))
        facts = {"family": f"{status // 100}xx", "code": code}
        wait_s = retry_after_s(told.get("HTTPHeaders"), self._clock.time_unix_ns())
        outcome = Outcome(OutcomeKind.RETRYABLE, f"http_{status}", facts, wait_s)
        if code in _THROTTLED:
            return outcome
        if status in _MAY_PASS or code in _TIMED_OUT:
            return self._if_repeatable(outcome)
        return Outcome(OutcomeKind.NON_RETRYABLE, outcome.reason, facts)

    def _lost(self, error: Exception) -> Outcome | None:
        """What a failure without an answer means; ``None`` when it is none of botocore's."""
        names = {kind.__name__ for kind in type(error).__mro__}
        if "BotoCoreError" not in names:
            return None
        outcome = Outcome(OutcomeKind.RETRYABLE, f"aws_{type(error).__name__}")
        if not names.isdisjoint(_NOT_SENT):
            return outcome
        if not names.isdisjoint(_BROKEN):
            return self._if_repeatable(outcome)
        return Outcome(OutcomeKind.NON_RETRYABLE, outcome.reason)

    def _if_repeatable(self, outcome: Outcome) -> Outcome:
        if self._replay_safe is not False:
            return outcome
        told = {**outcome.attributes, "cause": outcome.reason}
        final, reason = OutcomeKind.NON_RETRYABLE, "aws_non_idempotent"
        return Outcome(final, reason, told, outcome.retry_after_s, Health.UNHEALTHY)


def own_attempts(client: Any) -> int:
    """How many attempts a client makes of its own accord."""
    retries: Mapping[str, Any] = getattr(client.meta.config, "retries", None) or {}
    if "total_max_attempts" in retries:
        return int(retries["total_max_attempts"])
    if "max_attempts" in retries:  # there it counts the retries only
        return int(retries["max_attempts"]) + 1
    return _DEFAULT_ATTEMPTS.get(str(retries.get("mode", "legacy")), 3)


def govern(
    client: T, executor: Executor | None = None, *, key: Callable[[str, str], str] | None = None
) -> T:
    """Let every operation of an AWS client follow policies, also inside paginators and waiters.

    The client itself is changed and given back. It must be made with
    ``Config(retries={"total_max_attempts": 1})``.

    Args:
        client: A client of botocore or boto3.
        executor: Carries the calls out; the process's own when left out.
        key: Gives the policy key of a service and an operation; ``s3.GetObject`` when left out.

    Raises:
        PolicyError: The client retries of its own accord, or is governed already.
    """
    governed: Any = client
    _demand_free(governed)
    service: str = governed.meta.service_model.service_id.hyphenize()
    make: Callable[[str, dict[str, Any]], Any] = getattr(governed, _CALL)
    name = key or "{}.{}".format

    def make_api_call(operation_name: str, api_params: dict[str, Any]) -> Any:
        params = _with_tokens(governed, operation_name, api_params)
        attempt = partial(_attempt, make, operation_name, params, _Bodies(params))
        return (executor or get_executor()).call(name(service, operation_name), attempt)

    vars(governed)[_CALL] = make_api_call
    return client


def _demand_free(client: Any) -> None:
    """Refuse a client whose attempts would multiply ours."""
    field, attempts = "client", own_attempts(client)
    if attempts > 1:
        allowed = "Config(retries={'total_max_attempts': 1}) when it is made"
        raise PolicyError(field, f"with {attempts} attempts of its own", allowed)
    if _CALL in vars(client):
        raise PolicyError(field, "governed already", "each client once")


class _Bodies:
    """The files among the parameters of an operation, and where each stood before it."""

    def __init__(self, params: Mapping[str, Any]) -> None:
        self._files = [one for one in params.values() if callable(getattr(one, "read", None))]
        self._starts = [file.tell() if _is_seekable(file) else None for file in self._files]

    @property
    def can_be_sent_again(self) -> bool:
        """Whether each can be read once more."""
        return None not in self._starts

    def rewind(self) -> None:
        """Have each read from where it stood."""
        for file, start in zip(self._files, self._starts, strict=True):
            file.seek(start)


def _attempt(
    make: Callable[[str, dict[str, Any]], Any],
    operation: str,
    params: dict[str, Any],
    bodies: _Bodies,
) -> Any:
    """One attempt; an error says what it means."""
    running = current_attempt()
    assert running is not None  # noqa: S101 -- the executor runs it
    if running.attempt:
        bodies.rewind()
    try:
        return make(operation, params)
    except Exception as error:
        judge = judge_here(running, BotocoreClassifier(clock=running.bearings.clock))
        again = bodies.can_be_sent_again
        say(error, judge.classify(None, error) if again else _final(error, judge))
        raise


def _with_tokens(client: Any, operation: str, params: dict[str, Any]) -> dict[str, Any]:
    """The parameters with a token where botocore would make one: it would make one per attempt."""
    model = client.meta.service_model.operation_model(operation)
    missing = [name for name in model.idempotent_members if name not in params]
    return {**params, **{name: str(uuid.uuid4()) for name in missing}}


def _final(error: Exception, judge: BotocoreClassifier) -> Outcome:
    """What an error means when the body that was sent cannot be sent again."""
    outcome = judge.classify(None, error)
    if outcome.kind is not OutcomeKind.RETRYABLE:
        return outcome
    told = {**outcome.attributes, "cause": outcome.reason}
    final, reason = OutcomeKind.NON_RETRYABLE, "http_body_not_replayable"
    return Outcome(final, reason, told, health=outcome.effective_health)


def _is_seekable(body: Any) -> bool:
    seekable = getattr(body, "seekable", None)
    return bool(seekable()) if callable(seekable) else hasattr(body, "seek")
