"""How a call finds its policy, and what becomes of it when there is none."""

import asyncio
import re
from typing import Any

import pytest

from recourse import (
    BudgetRef,
    CircuitPolicy,
    Executor,
    HedgePolicy,
    NoPolicyError,
    Outcome,
    OutcomeKind,
    Policy,
    PolicyError,
    PolicyKey,
    PolicyNotFoundError,
    RetryPolicy,
    TokenBucket,
    current_attempt,
    deadline,
)
from recourse.errors import DeadlineExceeded
from recourse.events import BudgetDecision, CallEnd, HedgingDisabled, PolicyResolved
from recourse.policy.model import EffectivePolicy, Jitter
from recourse.provider import RemoteProvider
from recourse.reasons import Disposition, HedgingOff, PolicyMode

KEY = "svc.Op"
TWICE = Policy(KEY, retry=RetryPolicy(max_attempts=2, jitter=Jitter.NONE))
PLAIN = Policy("fall.Back", retry=RetryPolicy(max_attempts=2, jitter=Jitter.NONE))


class Slow:
    """A provider that takes its time, on either side."""

    def __init__(self, side: Any, takes_s: float, policy: Any = TWICE) -> None:
        self.side = side
        self.takes_s = takes_s
        self.policy = policy
        self.asked = 0

    def get(self, key: PolicyKey) -> Any:
        self.asked += 1
        self.side.clock.advance(self.takes_s)
        return self.policy

    async def aget(self, key: PolicyKey) -> Any:
        self.asked += 1
        await asyncio.sleep(self.takes_s)  # noqa: TID251  # on the virtual loop
        return self.policy


class Giving:
    """A provider that gives, or raises, what the test says; ``get`` only, so it may take long."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)

    def get(self, key: PolicyKey) -> Any:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, BaseException):
            raise answer
        return answer


class Immediate(Giving):
    immediate = True


class Remembering(Giving):
    """Answers from memory, and says so when asked for real."""

    def cached(self, key: PolicyKey) -> Any:
        assert key == PolicyKey(KEY)
        return Giving.get(self, key)

    def get(self, key: PolicyKey) -> Any:
        return Policy(KEY, id="asked")


def test_r06_a_key_without_a_policy_is_refused_before_its_operation_runs(both: Any) -> None:
    executor = both.executor(key="another.Key")

    told = both(["never"], executor=executor)

    assert isinstance(told.error, NoPolicyError)
    assert told.error.args == (KEY, "not_found")
    assert isinstance(told.error.__cause__, PolicyNotFoundError)
    assert told.runs == 0
    assert told.timeline.attempts == ()
    assert told.timeline.disposition is Disposition.POLICY_DENIED
    assert told.names == ["CallStart", "PolicyResolved", "CallEnd"]
    assert told.events[-1].outcome.reason == "no_policy"
    assert told.timeline.attributes == {
        "policy_mode": "deny",
        "policy_source": "none",
        "policy_normalized": "false",
        "policy_normalized_fields": "",
        "policy_failure": "not_found",
    }


def test_r06_a_default_policy_serves_every_key_that_has_none(both: Any) -> None:
    default = Policy("any", retry=RetryPolicy(max_attempts=2, jitter=Jitter.NONE), id="house")
    executor = both.executor(key="another.Key", default_policy=default)

    told = both([OSError, "done"], executor=executor)

    assert (told.value, told.runs) == ("done", 2)
    assert told.timeline.policy_id == "house"
    assert [(event.failure, event.error) for event in told.of(PolicyResolved)] == [(None, None)]
    assert told.timeline.attributes["policy_source"] == "default"
    assert told.timeline.attributes["policy_mode"] == "standard"


@pytest.mark.parametrize(
    "options",
    [
        {"missing_policy": "fallback"},
        {"missing_policy": "allow_unsafe"},
        {"missing_budget": "allow"},
        {"missing_budget": "fallback"},
        {"missing_classifier": "allow"},
        {"missing_trigger": "allow_unsafe"},
        {"sync_timeout": "alarm"},
        {"errors": "first"},
        {"key_guard": "deny"},
        {"default_classifier": "htpp"},
        {"max_abandoned": 0},
        {"max_keys": True},
        {"max_keys": 1.5},
        {"resolve_timeout_s": "fast"},
        {"resolve_timeout_s": -1},
        {"default_policy": "house"},
        {"fallback_policy": TWICE.normalize()},
        {"observers": [print]},
        {"policies": [TWICE], "provider": Giving(TWICE)},
        {"provider": "policies.toml"},
        {"policies": [TWICE, TWICE]},
        {"policies": ["svc.Op"]},
        {"budgets": {"b": 3}},
        {"triggers": {"t": 3}},
        {"classifiers": {"c": 3}},
    ],
    ids=lambda options: re.sub(" at 0x[0-9a-f]+", "", str(options)),  # the same in every process
)
def test_r05_r07_an_option_that_is_not_listed_is_refused_by_name_and_value(
    options: dict[str, Any],
) -> None:
    field = (
        {"missing_policy": "fallback_policy"} if options.get("missing_policy") == "fallback" else {}
    )

    with pytest.raises(PolicyError) as caught:
        Executor(**options)

    name = next(iter(options)) if "provider" not in options else "provider"
    assert field.get(name, name) in str(caught.value)


def test_r05_a_policy_that_a_provider_gives_with_a_bad_field_is_a_failure_of_kind_invalid(
    both: Any,
) -> None:
    bad = PolicyError("retry.jitter", "fulll", "one of none, full, equal, decorrelated")

    told = both(["never"], provider=Immediate(bad))

    assert isinstance(told.error, NoPolicyError)
    assert (told.error.reason, told.error.__cause__, told.runs) == ("invalid", bad, 0)


@pytest.mark.parametrize("provider", [Giving, Immediate])
@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (ValueError("secret"), "provider_error"),
        (None, "invalid"),
        ("a text", "invalid"),
        (Policy, "invalid"),
        (PolicyNotFoundError(KEY), "not_found"),
    ],
    ids=["raises", "none", "text", "class", "not found"],
)
def test_r11_whatever_a_provider_does_becomes_a_failure_with_a_name(
    both: Any, provider: type[Giving], answer: Any, failure: str
) -> None:
    told = both(["never"], provider=provider(answer))

    assert isinstance(told.error, NoPolicyError)
    assert (told.error.reason, told.runs) == (failure, 0)
    assert told.of(PolicyResolved)[0].failure == failure
    assert told.error.__cause__ is not None


def test_r11_an_answer_that_is_no_policy_is_told_by_its_type(both: Any) -> None:
    told = both(["never"], provider=Giving({"retry": "secret"}))

    assert str(told.error.__cause__) == (
        "the type of the provider's answer 'dict' is not allowed; use a Policy"
    )


@pytest.mark.parametrize(
    ("kind", "reason"),
    [(KeyboardInterrupt, "interrupted"), (asyncio.CancelledError, "cancelled")],
)
@pytest.mark.parametrize("provider", [Giving, Immediate, Remembering])
def test_r11_a_base_exception_of_a_provider_propagates_and_ends_the_call(
    both: Any, provider: type[Giving], kind: type[BaseException], reason: str
) -> None:
    stop = kind()

    told = both(["never"], provider=provider(stop))

    assert told.error is stop
    assert told.runs == 0
    assert told.timeline.disposition == reason
    assert told.names == ["CallStart", "CallEnd"]
    (end,) = told.of(CallEnd)
    assert (end.outcome, end.error) == (Outcome(OutcomeKind.CANCELLED, reason), stop)


@pytest.mark.parametrize("answer", [TWICE, TWICE.normalize("file")], ids=["given", "normalised"])
def test_a_provider_may_give_a_policy_as_written_or_as_normalised(both: Any, answer: Any) -> None:
    told = both([OSError, "done"], provider=Giving(answer))

    assert (told.value, told.runs) == ("done", 2)
    assert isinstance(told.of(PolicyResolved)[0].policy, EffectivePolicy)


def test_r11_a_call_keeps_its_policy_and_the_next_call_sees_the_new_one(both: Any) -> None:
    once = Policy(KEY, retry=RetryPolicy(max_attempts=1))
    executor = both.executor(provider=Giving(TWICE, once))

    first = both([OSError, "done"], executor=executor)
    second = both([OSError("last"), "never"], executor=executor)

    assert (first.value, first.runs) == ("done", 2)
    assert (str(second.error), second.runs) == ("last", 1)


def test_a_provider_that_remembers_is_asked_for_real_only_when_it_does_not_know(both: Any) -> None:
    known = both(["done"], provider=Remembering(Policy(KEY, id="remembered")))
    unknown = both(["done"], provider=Remembering(None))
    gone = both(["done"], provider=Remembering(PolicyNotFoundError(KEY)))

    assert known.timeline.policy_id == "remembered"
    assert unknown.timeline.policy_id == "asked"
    assert isinstance(gone.error, NoPolicyError)


def test_r07_allow_makes_one_plain_attempt(both: Any) -> None:
    error = OSError("first and last")
    budget = TokenBucket(5, 0)

    told = both(
        [error],
        executor=both.executor(key="another.Key", missing_policy="allow", budgets={"b": budget}),
    )

    assert (told.error, told.runs) == (error, 1)
    assert told.timeline.policy_id == "allow"
    assert told.timeline.attributes["policy_mode"] == "allow"
    assert told.timeline.attributes["policy_source"] == "none"
    assert told.of(BudgetDecision) == []
    assert [event.reason for event in told.of(HedgingDisabled)] == [HedgingOff.MODE_ALLOW]
    assert repr(budget) == repr(TokenBucket(5, 0))


def test_r07_allow_has_no_breaker(both: Any) -> None:
    executor = both.executor(key="another.Key", missing_policy="allow")

    for _ in range(10):
        both([OSError], executor=executor)

    assert len(executor.circuits) == 0


def test_r07_fallback_follows_the_policy_that_was_given_for_it(both: Any) -> None:
    executor = both.executor(
        provider=Giving(ValueError()), missing_policy="fallback", fallback_policy=PLAIN
    )

    told = both([OSError, "done"], executor=executor)

    assert (told.value, told.runs) == ("done", 2)
    assert told.timeline.policy_id == "fall.Back"
    resolved = told.of(PolicyResolved)[0]
    assert (resolved.source, resolved.mode, resolved.failure) == (
        "fallback",
        PolicyMode.FALLBACK,
        "provider_error",
    )


def test_r08_a_slow_provider_is_given_up_after_the_resolve_timeout(both: Any) -> None:
    provider = Slow(both, 5.0)

    told = both(["never"], provider=provider)

    assert isinstance(told.error, NoPolicyError)
    assert told.error.reason == "provider_timeout"
    assert told.runs == 0
    assert told.took_s == pytest.approx(0.25)
    assert told.of(PolicyResolved)[0].duration_s == pytest.approx(0.25)


def test_r08_a_provider_that_only_blocks_is_given_up_on_by_a_coroutine_too(async_side: Any) -> None:
    class Blocking:
        def get(self, key: PolicyKey) -> Policy:
            async_side.clock.advance(5.0)
            return TWICE

    told = async_side(["never"], provider=Blocking())

    assert isinstance(told.error, NoPolicyError)
    assert told.error.reason == "provider_timeout"
    assert told.took_s == pytest.approx(0.25)


def test_r08_an_ambient_deadline_is_kept_while_a_policy_is_looked_up(both: Any) -> None:
    executor = both.executor(provider=Slow(both, 5.0))

    with deadline(0.1, clock=both.clock):
        told = both(["never"], executor=executor)

    assert isinstance(told.error, NoPolicyError)
    assert told.took_s == pytest.approx(0.1)


def test_r08_a_fallback_after_the_deadline_does_not_run(both: Any) -> None:
    executor = both.executor(
        provider=Slow(both, 5.0), missing_policy="fallback", fallback_policy=PLAIN
    )

    with deadline(0.1, clock=both.clock):
        told = both(["never"], executor=executor)

    assert isinstance(told.error, DeadlineExceeded)
    assert told.runs == 0
    assert told.timeline.disposition is Disposition.DEADLINE_EXCEEDED


def test_r08_the_mode_applies_when_the_provider_was_too_slow(both: Any) -> None:
    executor = both.executor(
        provider=Slow(both, 5.0), missing_policy="fallback", fallback_policy=PLAIN
    )

    told = both([OSError, "done"], executor=executor)

    assert (told.value, told.runs) == ("done", 2)
    assert told.of(PolicyResolved)[0].failure == "provider_timeout"


def test_r08_a_provider_that_answers_too_late_disturbs_no_later_wait(both: Any) -> None:
    patient = Policy(
        "fall.Back",
        retry=RetryPolicy(initial_backoff_s=1.0, max_backoff_s=1.0, jitter=Jitter.NONE),
    )
    executor = both.executor(
        provider=Slow(both, 0.5), missing_policy="fallback", fallback_policy=patient
    )

    told = both([OSError, OSError, "done"], executor=executor)

    assert [record.waited_before_s for record in told.timeline.attempts] == pytest.approx([0, 1, 1])
    assert told.value == "done"


def test_r08_a_source_that_got_slow_leaves_the_last_known_good_policy_in_force(both: Any) -> None:
    class Slowing:
        asked = 0

        def get(self, key: PolicyKey) -> Policy:
            self.asked += 1
            if self.asked > 1:
                both.clock.advance(5.0)
            return TWICE

    executor = both.executor(provider=RemoteProvider(Slowing(), ttl_s=60.0, clock=both.clock))

    first = both(["done"], executor=executor)
    both.clock.advance(100.0)
    second = both([OSError, "done"], executor=executor)

    assert (first.value, second.value) == ("done", "done")
    assert [told.of(PolicyResolved)[0].source for told in (first, second)] == ["remote", "lkg"]
    assert second.of(PolicyResolved)[0].duration_s <= 0.25


class Outage:
    """A source that knows its policy once, and fails ever after."""

    def __init__(self) -> None:
        self.asked = 0

    def get(self, key: PolicyKey) -> Policy:
        self.asked += 1
        if self.asked > 1:
            raise OSError
        return TWICE


def test_r09_calls_in_an_outage_follow_the_last_policy_and_ask_once_per_error_ttl(
    both: Any,
) -> None:
    source = Outage()
    remote = RemoteProvider(source, ttl_s=60.0, error_ttl_s=5.0, lkg_ttl_s=600.0, clock=both.clock)
    executor = both.executor(provider=remote)

    told = [both(["done"], executor=executor)]
    both.clock.advance(100.0)
    told += [both(["done"], executor=executor) for _ in range(5)]
    asked = [source.asked]
    both.clock.advance(5.0)
    told += [both(["done"], executor=executor) for _ in range(5)]
    asked.append(source.asked)
    both.clock.advance(600.0)
    after = both(["never"], executor=executor)

    sources = [each.timeline.attributes["policy_source"] for each in told]
    assert sources == ["remote", *["lkg"] * 10]
    assert asked == [2, 3]
    assert isinstance(after.error, NoPolicyError)
    assert after.runs == 0


def test_r08_the_overall_timeout_starts_when_the_policy_is_known(both: Any) -> None:
    timed = Policy(KEY, retry=RetryPolicy(overall_timeout_s=0.3, jitter=Jitter.NONE))

    told = both([(0.2, "done")], provider=Slow(both, 0.2, timed))

    assert told.value == "done"
    assert told.of(PolicyResolved)[0].duration_s == pytest.approx(0.2)
    assert told.timeline.attempts[0].timeout_s == pytest.approx(0.3)


def test_r11_a_policy_that_comes_again_is_known_whichever_object_it_is(both: Any) -> None:
    circuit = CircuitPolicy(threshold=7)
    again = [Policy(KEY, circuit=circuit).normalize() for _ in range(2)]
    other = Policy(KEY, circuit=CircuitPolicy(threshold=8)).normalize()
    executor = both.executor(provider=Immediate(*again, again[1], other))
    parts = []

    for _ in range(4):
        both(["done"], executor=executor)
        parts.append(executor._resolver.bounds[KEY])

    assert parts[0] is parts[1] is parts[2]
    assert parts[3] is not parts[0]
    assert parts[3].policy is other


def test_r08_resolution_is_part_of_the_call_but_of_no_attempt(both: Any) -> None:
    told = both([(0.1, "done")], provider=Slow(both, 0.2))

    assert told.timeline.duration_s == pytest.approx(0.3)
    assert told.timeline.attempts[0].duration_s == pytest.approx(0.1)


@pytest.mark.parametrize("base", [Giving, Immediate, Remembering])
def test_r72_there_is_no_attempt_while_a_policy_is_looked_up(both: Any, base: type[Giving]) -> None:
    seen: list[Any] = []

    class Looking(base):  # type: ignore[misc,valid-type]
        def get(self, key: PolicyKey) -> Any:
            seen.append(current_attempt())
            return super().get(key)

        def cached(self, key: PolicyKey) -> Any:
            return self.get(key)

    both(["done"], provider=Looking(TWICE))

    assert set(seen) == {None}


def test_a_closed_executor_wakes_a_call_that_waits_for_its_policy(sync_side: Any) -> None:
    class Closing:
        def get(self, key: PolicyKey) -> Policy:
            executor.close(grace_s=0)
            return TWICE

    executor = sync_side.executor(provider=Closing())

    told = sync_side(["never"], executor=executor)

    assert told.timeline.disposition is Disposition.CANCELLED
    assert told.runs == 0


def test_a_policy_without_blocks_follows_the_defaults(both: Any) -> None:
    told = both([OSError, "done"], provider=Giving(Policy(KEY)))

    assert (told.value, told.runs) == ("done", 2)
    assert told.timeline.attributes["policy_normalized"] == "false"


def test_r66_what_was_clamped_in_the_policy_is_on_the_timeline(both: Any) -> None:
    told = both(["done"], retry=RetryPolicy(max_attempts=40, initial_backoff_s=90.0))

    assert told.timeline.attributes["policy_normalized"] == "true"
    assert (
        told.timeline.attributes["policy_normalized_fields"]
        == "retry.max_attempts,retry.initial_backoff_s"
    )


def test_a_key_that_is_no_text_is_refused_before_anything_else(both: Any) -> None:
    executor = both.executor()

    def called(key: Any) -> None:
        operation = both.operation(["never"])
        if both.is_async:
            both.clock.run(executor.acall(key, operation))
        else:
            executor.call(key, operation)

    for wrong in ("", None, 3):
        with pytest.raises(PolicyError, match="key"):
            called(wrong)

    assert both.runs == 0
    assert both.heard.events == []


def test_a_key_may_be_a_policy_key(both: Any) -> None:
    told = both(["done"], executor=both.executor(), key=PolicyKey(KEY))

    assert (told.value, told.timeline.key) == ("done", KEY)


def test_one_policy_names_what_is_not_there_and_the_call_still_runs(both: Any) -> None:
    told = both(
        [OSError("only"), "never"],
        retry=RetryPolicy(budget=BudgetRef("gone"), classifier="gone", jitter=Jitter.NONE),
        hedge=HedgePolicy(enabled=False, trigger="gone"),
        circuit=CircuitPolicy(),
    )

    assert str(told.error) == "only"
    assert told.timeline.attempts[-1].budget_reason == "budget_registry_missing"
