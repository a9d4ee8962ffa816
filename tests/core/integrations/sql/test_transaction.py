"""Against a real server: whole transactions under policies."""

import asyncio
import itertools
import os
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import psycopg
import psycopg.errors
import pytest
import sqlalchemy
from sqlalchemy.orm import Session, sessionmaker

import recourse
from recourse import (
    CircuitPolicy,
    Executor,
    Policy,
    RetryPolicy,
    TokenBucket,
    current_attempt,
    record_timeline,
)
from recourse.errors import CircuitOpenError
from recourse.integrations.sql import limit_statements, transactional

KEY = "bank.Transfer"


def executor_of(policy: dict[str, Any] | None = None, **options: Any) -> Executor:
    retry = {"max_attempts": 3, "initial_backoff_s": 0.001, "jitter": "none", **(policy or {})}
    blocks = {name: retry.pop(name) for name in ("circuit", "idempotent") if name in retry}
    return Executor(policies=[Policy(KEY, retry=RetryPolicy(**retry), **blocks)], **options)


def balance(dsn: str) -> int:
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT balance FROM accounts").fetchone()
    assert row is not None
    return int(row[0])


def interfere(dsn: str) -> None:
    """Change the account from outside, so that a serializable transaction fails."""
    with psycopg.connect(dsn) as connection:
        connection.execute("UPDATE accounts SET balance = balance + 1")


def serializable(dsn: str) -> Any:
    connection = psycopg.connect(dsn)
    connection.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
    return connection


def add(connection: Any, amount: int) -> None:
    connection.execute("UPDATE accounts SET balance = balance + %s", (amount,))


def fail(connection: Any, state: str) -> None:
    connection.execute(f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{state}'; END $$")


def test_a_serialization_failure_repeats_the_whole_transaction(accounts: str) -> None:
    seen: list[int] = []

    @transactional(KEY, lambda: serializable(accounts), executor=executor_of())
    def transfer(connection: Any, amount: int) -> int:
        [found] = connection.execute("SELECT balance FROM accounts").fetchone()
        seen.append(found)
        if len(seen) < 3:
            interfere(accounts)
        connection.execute("UPDATE accounts SET balance = %s", (found + amount,))
        return int(found + amount)

    with record_timeline() as capture:
        assert transfer(10) == 112

    assert (seen, balance(accounts)) == ([100, 101, 102], 112)
    assert capture.timeline is not None
    reasons = [each.outcome.reason for each in capture.timeline.attempts]
    assert reasons == ["sqlstate_40001", "sqlstate_40001", "success"]


def test_the_last_failure_is_the_driver_s_own_and_nothing_is_left_behind(accounts: str) -> None:
    runs: list[int] = []

    @transactional(KEY, lambda: psycopg.connect(accounts), executor=executor_of())
    def transfer(connection: Any) -> None:
        runs.append(1)
        add(connection, 5)
        fail(connection, "40P01")

    with pytest.raises(psycopg.errors.DeadlockDetected):
        transfer()

    assert (len(runs), balance(accounts)) == (3, 100)


@pytest.mark.parametrize("state", ["23505", "42P01", "22012"])
def test_what_is_wrong_with_the_statement_is_not_repeated(accounts: str, state: str) -> None:
    runs: list[int] = []

    @transactional(KEY, lambda: psycopg.connect(accounts), executor=executor_of())
    def transfer(connection: Any) -> None:
        runs.append(1)
        fail(connection, state)

    with pytest.raises(psycopg.Error):
        transfer()

    assert len(runs) == 1


def test_one_statement_repeated_inside_a_transaction_hides_the_first_error(accounts: str) -> None:
    policy = {"classifier": "sqlstate"}
    with psycopg.connect(accounts) as connection, record_timeline() as capture:
        with pytest.raises(psycopg.errors.InFailedSqlTransaction):
            executor_of(policy).call(KEY, fail, connection, "40001")
        connection.rollback()

    assert capture.timeline is not None
    reasons = [each.outcome.reason for each in capture.timeline.attempts]
    assert reasons == ["sqlstate_40001", "sqlstate_25P02"]


def test_a_connection_that_breaks_before_the_commit_is_no_obstacle(accounts: str) -> None:
    runs: list[int] = []

    @transactional(
        KEY, lambda: psycopg.connect(accounts), executor=executor_of({"idempotent": False})
    )
    def transfer(connection: Any) -> None:
        runs.append(1)
        add(connection, 5)
        if len(runs) == 1:
            connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    transfer()

    assert (len(runs), balance(accounts)) == (2, 105)


@contextmanager
def losing_the_answer_of_the_commit(dsn: str) -> Iterator[Any]:
    """The commit is carried out, and its answer is lost."""
    with psycopg.connect(dsn) as connection:
        yield connection
        connection.commit()
        message = "server closed the connection unexpectedly"
        raise psycopg.OperationalError(message)


@pytest.mark.parametrize(("idempotent", "paid"), [(None, 105), (True, 115)])
def test_a_commit_whose_answer_was_lost_is_paid_once(
    accounts: str, idempotent: Any, paid: int
) -> None:
    policy = executor_of({"idempotent": idempotent})

    @transactional(KEY, lambda: losing_the_answer_of_the_commit(accounts), executor=policy)
    def transfer(connection: Any) -> None:
        add(connection, 5)

    with record_timeline() as capture, pytest.raises(psycopg.OperationalError):
        transfer()

    assert balance(accounts) == paid
    assert capture.timeline is not None
    first = capture.timeline.attempts[0].outcome.reason
    assert first == ("sql_connection_lost" if idempotent else "sql_commit_unknown")


def test_a_statement_is_cancelled_at_the_attempt_s_limit_and_the_transaction_repeated(
    accounts: str,
) -> None:
    executor = executor_of({"timeout_per_attempt_s": 0.15})

    @transactional(KEY, lambda: psycopg.connect(accounts), executor=executor)
    def transfer(connection: Any) -> int:
        limit_statements(connection)
        running = current_attempt()
        assert running is not None
        if running.attempt == 0:
            connection.execute("SELECT pg_sleep(5)")
        return running.attempt

    with record_timeline() as capture:
        assert transfer() == 1

    assert capture.timeline is not None
    assert capture.timeline.attempts[0].outcome.reason == "sqlstate_57014"


def test_without_a_limit_statements_have_none(accounts: str) -> None:
    with psycopg.connect(accounts) as connection:
        limit_statements(connection)
        assert connection.execute("SHOW statement_timeout").fetchone() == ("0",)


def test_a_deadline_ends_the_retries(accounts: str) -> None:
    executor = executor_of({"initial_backoff_s": 10, "max_backoff_s": 10})

    @transactional(KEY, lambda: psycopg.connect(accounts), executor=executor)
    def transfer(connection: Any) -> None:
        fail(connection, "40001")

    with (
        record_timeline() as capture,
        recourse.deadline(5),
        pytest.raises(psycopg.errors.SerializationFailure),
    ):
        transfer()

    assert capture.timeline is not None
    assert capture.timeline.disposition == "deadline_would_exceed"


def test_a_budget_denies_the_retry_and_a_breaker_the_transaction(accounts: str) -> None:
    executor = executor_of(
        {"budget": "db", "circuit": CircuitPolicy(threshold=3, cooldown_s=60)},
        budgets={"db": TokenBucket(capacity=1, refill_per_s=0.001)},
    )

    @transactional(KEY, lambda: psycopg.connect(accounts), executor=executor)
    def transfer(connection: Any) -> None:
        fail(connection, "57P03")

    with record_timeline() as capture:
        for error in (psycopg.OperationalError, psycopg.OperationalError, CircuitOpenError):
            with pytest.raises(error):
                transfer()

    dispositions = [each.disposition for each in capture.timelines]
    assert dispositions == ["budget_denied", "circuit_open", "circuit_open"]


# ---------------------------------------------------------------- SQLAlchemy


@pytest.fixture
def engine(accounts: str) -> Iterator[sqlalchemy.Engine]:
    made = sqlalchemy.create_engine(
        "postgresql+psycopg://",
        creator=lambda: psycopg.connect(accounts),
        pool_size=1,
        max_overflow=0,
    )
    yield made
    made.dispose()


def test_a_connection_of_sqlalchemy_s_engine_is_taken_anew(engine: Any, accounts: str) -> None:
    runs: list[int] = []

    @transactional(KEY, engine.begin, executor=executor_of({"timeout_per_attempt_s": 5}))
    def transfer(connection: sqlalchemy.Connection, amount: int) -> None:
        limit_statements(connection.exec_driver_sql)
        runs.append(1)
        update = sqlalchemy.text("UPDATE accounts SET balance = balance + :amount")
        connection.execute(update, {"amount": amount})
        if len(runs) == 1:
            connection.exec_driver_sql("SELECT pg_terminate_backend(pg_backend_pid())")

    transfer(7)

    assert (len(runs), balance(accounts)) == (2, 107)


def test_a_session_is_made_anew_for_every_attempt(engine: Any, accounts: str) -> None:
    sessions: list[Session] = []

    @transactional(KEY, sessionmaker(engine).begin, executor=executor_of())
    def transfer(session: Session) -> None:
        sessions.append(session)
        session.execute(sqlalchemy.text("UPDATE accounts SET balance = balance + 1"))
        if len(sessions) == 1:
            fail(session.connection().connection.cursor(), "40001")

    with record_timeline() as capture:
        transfer()

    assert (len(set(map(id, sessions))), balance(accounts)) == (2, 101)
    assert capture.timeline is not None
    assert capture.timeline.attempts[0].outcome.reason == "sqlstate_40001"


# ---------------------------------------------------------------- asyncio


@pytest.mark.anyio
async def test_transactions_of_event_loops_are_repeated_too(accounts: str) -> None:
    runs: list[int] = []

    async def connect() -> Any:
        return await psycopg.AsyncConnection.connect(accounts)

    @transactional(KEY, connect, executor=executor_of())
    async def transfer(connection: Any, amount: int) -> str:
        runs.append(1)
        await limit_statements(connection)
        await connection.execute("UPDATE accounts SET balance = balance + %s", (amount,))
        if len(runs) < 3:
            state = "40001"
            sql = f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{state}'; END $$"
            await connection.execute(sql)
        return "done"

    assert await transfer(4) == "done"
    assert (len(runs), balance(accounts)) == (3, 104)


@pytest.mark.anyio
async def test_an_attempt_cut_at_its_limit_is_rolled_back_and_repeated(accounts: str) -> None:
    opened: list[Any] = []

    @asynccontextmanager
    async def connect() -> AsyncIterator[Any]:
        async with await psycopg.AsyncConnection.connect(accounts) as connection:
            opened.append(connection)
            yield connection

    @transactional(KEY, connect, executor=executor_of({"timeout_per_attempt_s": 0.2}))
    async def transfer(connection: Any) -> None:
        await connection.execute("UPDATE accounts SET balance = balance + 1")
        if len(opened) == 1:
            await connection.execute("SELECT pg_sleep(5)")

    with record_timeline() as capture:
        await transfer()

    assert balance(accounts) == 101
    assert capture.timeline is not None
    assert capture.timeline.attempts[0].outcome.reason == "attempt_timeout"


@pytest.mark.anyio
async def test_a_cancelled_transaction_is_rolled_back_and_not_repeated(accounts: str) -> None:
    running = asyncio.Event()

    async def connect() -> Any:
        return await psycopg.AsyncConnection.connect(accounts)

    @transactional(KEY, connect, executor=executor_of())
    async def transfer(connection: Any) -> None:
        await connection.execute("UPDATE accounts SET balance = balance + 1")
        running.set()
        await connection.execute("SELECT pg_sleep(5)")

    with record_timeline() as capture:
        task = asyncio.ensure_future(transfer())
        await running.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert balance(accounts) == 100
    assert capture.timeline is not None
    assert (capture.timeline.disposition, capture.timeline.attempts_run) == ("cancelled", 1)


def test_two_transactions_that_wait_for_each_other_both_succeed(accounts: str) -> None:
    with psycopg.connect(accounts) as connection:
        connection.execute("INSERT INTO accounts VALUES (2, 100)")
        connection.execute("ALTER DATABASE postgres SET deadlock_timeout = '20ms'")
    both = threading.Barrier(2)

    @transactional(KEY, lambda: psycopg.connect(accounts), executor=executor_of())
    def transfer(connection: Any, giver: int, taker: int) -> None:
        running = current_attempt()
        assert running is not None
        update = "UPDATE accounts SET balance = balance + %s WHERE id = %s"
        connection.execute(update, (-10, giver))
        if running.attempt == 0:
            both.wait(5)
        connection.execute(update, (10, taker))

    other = threading.Thread(target=transfer, args=(2, 1))
    other.start()
    transfer(1, 2)
    other.join()

    with psycopg.connect(accounts) as connection:
        assert connection.execute("SELECT balance FROM accounts").fetchall() == [(100,), (100,)]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_many_transactions_with_faults_leave_no_connection_behind(accounts: str) -> None:
    """``RECOURSE_TRANSACTIONS=10000`` makes it a longer look."""
    count = int(os.environ.get("RECOURSE_TRANSACTIONS", "300"))
    engine = sqlalchemy.create_engine(
        "postgresql+psycopg://",
        creator=lambda: psycopg.connect(accounts),
        pool_size=1,
        max_overflow=0,
        pool_timeout=5,
    )
    turns = itertools.count(1)

    @transactional(KEY, engine.begin, executor=executor_of())
    def transfer(connection: Any) -> None:
        turn = next(turns)
        connection.execute(sqlalchemy.text("UPDATE accounts SET balance = balance + 1"))
        if turn % 5 == 0:
            state = ("40001", "40P01", "55P03", "23505")[turn // 5 % 4]
            raising = f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{state}'; END $$"
            connection.execute(sqlalchemy.text(raising))

    lost = 0
    for _ in range(count):
        try:
            transfer()
        except sqlalchemy.exc.DBAPIError:
            lost += 1

    assert balance(accounts) == 100 + count - lost
    assert 0 < lost < count / 10
    assert engine.pool.status().endswith("Current Checked out connections: 0")
    with psycopg.connect(accounts) as connection:
        mine = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
        assert connection.execute(mine).fetchone() == (2,)  # the pool's, and this one
    engine.dispose()
