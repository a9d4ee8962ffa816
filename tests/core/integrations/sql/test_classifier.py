import sqlite3
from typing import Any

import psycopg.errors
import pytest
import sqlalchemy.exc

from recourse import Policy
from recourse.classify import ClassifierRegistry
from recourse.errors import CircuitOpenError
from recourse.integrations.sql import SQLStateClassifier
from recourse.integrations.sql.classifier import Phase
from recourse.outcome import SUCCESS, Health, Outcome, OutcomeKind

RETRYABLE, FINAL = OutcomeKind.RETRYABLE, OutcomeKind.NON_RETRYABLE


def failed(state: str) -> Exception:
    error: Exception = psycopg.errors.lookup(state)()
    return error


def judged(error: Exception, *facts: Any, **options: Any) -> Outcome:
    return SQLStateClassifier(**options).judged(error, *facts)


@pytest.mark.parametrize(
    "state", ["40001", "40P01", "55P03", "57P01", "57P02", "57P03", "08006", "53300"]
)
def test_what_the_database_gave_up_for_the_moment_is_retried(state: str) -> None:
    assert judged(failed(state)) == Outcome(RETRYABLE, f"sqlstate_{state}", {"family": state[:2]})


@pytest.mark.parametrize("state", ["23505", "42601", "25P02", "22012", "57014"])
def test_what_is_wrong_with_the_statement_is_final(state: str) -> None:
    assert judged(failed(state)).kind is FINAL


def test_a_server_in_trouble_counts_against_its_breaker() -> None:
    assert judged(failed("53100")).effective_health is Health.UNHEALTHY
    assert judged(failed("23505")).effective_health is Health.HEALTHY


@pytest.mark.parametrize(
    ("phase", "replay_safe", "kind"),
    [
        (Phase.UNKNOWN, None, RETRYABLE),
        (Phase.UNKNOWN, False, FINAL),
        (Phase.RUNNING, False, RETRYABLE),
        (Phase.COMMITTING, None, FINAL),
        (Phase.COMMITTING, True, RETRYABLE),
    ],
)
def test_a_connection_that_broke_is_judged_by_what_it_did(
    phase: Phase, replay_safe: Any, kind: OutcomeKind
) -> None:
    for error in (failed("08006"), failed("57P01"), psycopg.OperationalError("closed")):
        assert judged(error, phase, replay_safe=replay_safe).kind is kind


def test_a_policy_says_whether_it_may_be_repeated() -> None:
    classifier = SQLStateClassifier()
    bound = classifier.bound_to(Policy("db", idempotent=False).normalize())

    assert bound.classify(None, failed("08006")).reason == "sql_non_idempotent"
    assert bound.classify(None, failed("40001")).kind is RETRYABLE
    assert classifier.bound_to(Policy("db").normalize()) is classifier


def test_a_cancelled_statement_is_retried_only_if_the_attempt_s_time_was_up() -> None:
    classifier = SQLStateClassifier()

    assert classifier.judged(failed("57014"), at_limit=True).kind is RETRYABLE
    assert classifier.judged(failed("57014")).kind is FINAL


def test_sqlalchemy_s_wrappers_are_looked_into() -> None:
    wrapped = sqlalchemy.exc.OperationalError("SELECT 1", {}, failed("40001"))
    invalidated = sqlalchemy.exc.DBAPIError(
        "SELECT 1", {}, Exception(), connection_invalidated=True
    )

    assert judged(wrapped).reason == "sqlstate_40001"
    assert judged(invalidated).reason == "sql_connection_lost"


def test_sqlite_that_is_busy_is_asked_again(tmp_path: Any) -> None:
    path = tmp_path / "db"
    with sqlite3.connect(path, timeout=0) as one, sqlite3.connect(path, timeout=0) as other:
        one.execute("BEGIN EXCLUSIVE")
        with pytest.raises(sqlite3.OperationalError) as busy:
            other.execute("BEGIN EXCLUSIVE")
        one.rollback()
        with pytest.raises(sqlite3.OperationalError) as wrong:
            one.execute("SELECT * FROM nowhere")
    one.close()
    other.close()

    assert judged(busy.value) == Outcome(RETRYABLE, "sqlite_busy")
    assert judged(wrong.value) == Outcome(FINAL, "sqlite_error")


def test_values_groups_and_other_errors_are_judged_like_everywhere() -> None:
    classifier = SQLStateClassifier()
    told = ValueError()
    told.__dict__["recourse_outcome"] = Outcome(OutcomeKind.ABORT, "said")
    group = ExceptionGroup("two", [failed("40001"), failed("23505")])
    wrapped = RuntimeError()
    wrapped.__cause__ = failed("23505")

    assert classifier.classify(1, None) is SUCCESS
    assert classifier.classify(None, told).reason == "said"
    assert classifier.classify(None, group).kind is FINAL
    assert classifier.classify(None, wrapped).reason == "sqlstate_23505"
    assert classifier.classify(None, ValueError()).kind is RETRYABLE
    refused = CircuitOpenError("a", "open", "circuit_open", None)
    assert classifier.classify(None, refused).kind is OutcomeKind.ABORT


def test_policies_find_it_by_name() -> None:
    assert isinstance(ClassifierRegistry().find("sqlstate"), SQLStateClassifier)
