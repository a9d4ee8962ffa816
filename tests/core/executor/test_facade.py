"""The module-level functions, and the executor that they use."""

import asyncio
import contextvars
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

import recourse
import recourse.testing
from recourse import (
    Executor,
    NoPolicyError,
    Policy,
    PolicyError,
    RecourseError,
    RetryPolicy,
    facade,
)
from recourse.policy.model import Jitter
from recourse.testing import VirtualClock

KEY = "svc.Op"


def executor(clock: VirtualClock | None = None, **options: Any) -> Executor:
    return Executor(
        [Policy(KEY, retry=RetryPolicy(jitter=Jitter.NONE))],
        clock=clock or VirtualClock(),
        **options,
    )


class Failing:
    """Fails so often, then gives its arguments back."""

    def __init__(self, times: int) -> None:
        self.times = times

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.times:
            self.times -= 1
            raise OSError
        return (args, kwargs)


def test_arguments_go_to_the_operation() -> None:
    with recourse.using(executor()):
        given = recourse.call(KEY, Failing(1), 7, timeout=3, key="theirs", op="theirs")

    assert given == ((7,), {"timeout": 3, "key": "theirs", "op": "theirs"})


def test_arguments_go_to_the_coroutine() -> None:
    async def operation(*args: Any, **kwargs: Any) -> Any:
        return failing(*args, **kwargs)

    async def main() -> Any:
        return await recourse.acall(KEY, operation, 7, timeout=3)

    failing, clock = Failing(1), VirtualClock()
    with recourse.using(executor(clock)):
        given = clock.run(main())

    assert given == ((7,), {"timeout": 3})


def test_streams_are_governed_too() -> None:
    failing, clock = Failing(1), VirtualClock()

    def rows(count: int) -> Iterator[int]:
        failing()
        yield from range(count)

    async def arows(count: int) -> AsyncIterator[int]:
        failing()
        for number in range(count):
            yield number

    async def main() -> list[int]:
        return [row async for row in recourse.astream(KEY, arows, 3)]

    with recourse.using(executor(clock)):
        sync = list(recourse.stream(KEY, rows, 3))
        failing.times = 1
        awaited = clock.run(main())

    assert sync == awaited == [0, 1, 2]


def test_r80_using_is_undone_at_the_end_of_its_block_and_nests() -> None:
    first, second = executor(), executor()

    with recourse.using(first) as given:
        with recourse.using(second):
            inner = recourse.get_executor()
        outer = recourse.get_executor()

    assert given is outer is first
    assert inner is second
    assert recourse.get_executor() not in (first, second)


def test_r80_using_is_undone_when_the_block_raises() -> None:
    mine = executor()

    with pytest.raises(ZeroDivisionError), recourse.using(mine):
        raise ZeroDivisionError

    assert recourse.get_executor() is not mine


def test_r80_using_reaches_no_other_thread_and_no_other_task() -> None:
    mine = executor()
    seen: list[Executor] = []

    async def other() -> None:
        seen.append(recourse.get_executor())

    async def main() -> None:
        task = asyncio.create_task(other(), context=contextvars.Context())
        await task

    with recourse.using(mine):
        thread = threading.Thread(target=lambda: seen.append(recourse.get_executor()))
        thread.start()
        thread.join(10)
        asyncio.run(main())

    assert mine not in seen
    assert len(seen) == 2


def test_r80_an_executor_is_given_once_and_before_the_first_use() -> None:
    default = facade._Default()
    mine = executor()

    default.given(mine)

    assert default.made() is mine
    with pytest.raises(RecourseError, match=r"init\(\) came too late"):
        default.given(executor())


def test_r80_init_gives_the_module_its_executor_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facade, "_DEFAULT", facade._Default())
    mine = executor()

    recourse.init(mine)

    assert recourse.get_executor() is mine
    with pytest.raises(RecourseError, match="an executor is in use"):
        recourse.init(mine)


@pytest.mark.parametrize("given", [None, "policies.toml", Executor])
def test_r80_what_is_no_executor_is_refused_at_once(given: Any) -> None:
    with pytest.raises(PolicyError, match=r"executor .* is not allowed; use an Executor"):
        recourse.init(given)
    with pytest.raises(PolicyError, match=r"executor .* is not allowed; use an Executor"):
        recourse.using(given).__enter__()


def test_guard_without_a_key_is_refused_where_it_is_written() -> None:
    guard: Any = recourse.guard

    with pytest.raises(PolicyError, match=r"key <function .*> is not allowed"):
        guard(executor)


def test_r80_init_after_the_first_use_raises() -> None:
    default = facade._Default()
    default.made()

    with pytest.raises(RecourseError, match="call it once, before the first call"):
        default.given(executor())


def test_r80_many_threads_get_one_executor() -> None:
    default = facade._Default()
    together = threading.Barrier(8)
    seen: list[Executor] = []

    def work() -> None:
        together.wait(10)
        seen.append(default.made())

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    assert len(seen) == 8
    assert len(set(map(id, seen))) == 1


def test_r80_of_many_threads_that_init_exactly_one_succeeds() -> None:
    default = facade._Default()
    together = threading.Barrier(8)
    given: list[Executor] = []

    def work() -> None:
        mine = executor()
        together.wait(10)
        try:
            default.given(mine)
        except RecourseError:
            return
        given.append(mine)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    assert given == [default.made()]


SESSION = """
import recourse
import recourse.testing
from recourse import Executor, Policy, RecourseError

mine = Executor([Policy("svc.Op")])
recourse.init(mine)
assert recourse.get_executor() is mine
assert recourse.call("svc.Op", str) == ""
try:
    recourse.init(Executor())
except RecourseError as error:
    print(error)
"""


@pytest.mark.slow
def test_r80_a_program_inits_once() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SESSION], capture_output=True, text=True, timeout=25, check=False
    )

    assert done.stderr == ""
    assert done.stdout == (
        "init() came too late: an executor is in use; call it once, before the first call\n"
    )


def test_without_any_configuration_every_key_gets_three_attempts_within_ten_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("RECOURSE_POLICY_FILE", raising=False)
    own = facade._own_executor()

    with recourse.record_timeline() as capture, recourse.testing.instant():
        value = own.call("whatever.Key", Failing(2), 1)

    assert value == ((1,), {})
    assert capture.timeline is not None
    assert capture.timeline.policy_id == "recourse.default"
    assert capture.timeline.attributes["policy_source"] == "default"
    assert capture.timeline.attempts[0].timeout_s == pytest.approx(10.0, abs=0.5)


def test_a_policy_file_may_be_named_by_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "policies.toml"
    path.write_text('[policies."payments.Charge"]\nretry.max_attempts = 1\n')
    monkeypatch.setenv("RECOURSE_POLICY_FILE", str(path))
    own = facade._own_executor()

    with recourse.record_timeline() as capture:
        with pytest.raises(OSError):  # noqa: PT011  # it has no text
            own.call("payments.Charge", Failing(1))
        own.call("another.Key", str)

    assert [timeline.attributes["policy_source"] for timeline in capture.timelines] == [
        "file",
        "default",
    ]
    assert capture.timelines[0].attempts_run == 1


def test_the_facade_follows_the_policies_of_its_executor() -> None:
    with recourse.using(executor()), pytest.raises(NoPolicyError):
        recourse.call("another.Key", str)


def test_every_kind_of_function_is_guarded_by_the_executor_of_the_place() -> None:
    @recourse.guard(KEY)
    async def awaited(value: int) -> int:
        return value

    @recourse.guard(KEY)
    def given(count: int) -> Iterator[int]:
        yield from range(count)

    @recourse.guard(KEY)
    async def given_in_time(count: int) -> AsyncIterator[int]:
        for value in range(count):
            yield value

    async def main() -> tuple[int, list[int]]:
        return await awaited(3), [value async for value in given_in_time(2)]

    with recourse.using(executor()), recourse.record_timeline() as capture:
        got = asyncio.run(main()), list(given(2))

    assert got == ((3, [0, 1]), [0, 1])
    assert [timeline.key for timeline in capture.timelines] == [KEY] * 3


def test_a_guarded_function_asks_for_the_executor_at_every_call() -> None:
    calls: list[str] = []

    class Told:
        def __init__(self, name: str) -> None:
            self.name = name

        def on_event(self, event: Any) -> None:
            if type(event).__name__ == "CallStart":
                calls.append(self.name)

    @recourse.guard(KEY)
    def operation() -> str:
        return "done"

    for name in ("first", "second"):
        with recourse.using(executor(observers=[Told(name)])):
            operation()

    assert calls == ["first", "second"]
