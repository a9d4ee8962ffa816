"""Streams: retried until their first item, then committed; the attempt lives until they close."""

import asyncio
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Generator,
    Iterable,
    Iterator,
)
from contextvars import Context, copy_context
from types import TracebackType, coroutine
from typing import Any, Final, Self

from recourse.context import AMBIENT
from recourse.drivers.aio import AsyncHands
from recourse.drivers.awaited import arun_inline
from recourse.drivers.misuse import misused, not_for_astream, not_for_stream
from recourse.drivers.threads import Hands, inner_cancelled
from recourse.outcome import SUCCESS
from recourse.plan.call import Call, Run
from recourse.plan.govern import Plan
from recourse.plan.scopes import Scopes

__all__ = ["adrive_stream", "drive_stream"]

_END: Final = object()


def drive_stream(call: Call, plan: Plan) -> Iterator[Any]:
    """Carry out the plan of a stream; gives its items as they come."""
    hands = Hands(call)
    reply: Any = None
    error: BaseException | None = None
    while True:
        try:
            step = plan.send(reply)
        except StopIteration as end:
            error = end.value.error
            break
        if isinstance(step, Run):
            reply = None
            try:
                yield from _attempt(call, step)
            except GeneratorExit:
                # The reader has enough, and the attempt is over: the plan only has to hear of it.
                continue
        else:
            reply = hands.do(step)
    if error is not None:
        try:
            raise error
        finally:
            # The traceback holds this frame: without this the error would be part of a cycle.
            del error


def _attempt(call: Call, run: Run) -> Iterator[Any]:
    """One attempt at the stream. What it raises is kept, not raised."""
    try:
        with _Source(call, run) as source:
            try:
                item = source.first()
                while item is not _END:
                    yield item
                    item = source.next()
            except GeneratorExit:
                source.close()
                raise
            except BaseException:
                source.close_quietly()
                raise
            source.close()
            run.given = SUCCESS  # it gave items and no value: there is nothing to classify
    except GeneratorExit:
        run.given = SUCCESS
        raise
    except BaseException as error:  # the plan decides what passes on
        _fail(run, error)
    finally:
        run.ended_s = call.now_s()


def _fail(run: Run, error: BaseException) -> None:
    """Keep what ended a stream."""
    run.error = error
    if isinstance(error, asyncio.CancelledError):
        run.given = inner_cancelled()
    elif isinstance(error, Exception) and run.came_s is None:
        run.given = misused(error)
    else:
        run.given = None


def _is_a(kind: type[object], value: object) -> bool:
    return isinstance(value, kind)


class _Within:
    """An attempt at a stream, with the observers' scopes around it, in a context of its own.

    The reader gets items while the attempt goes on, perhaps in other contexts than the first: what
    is current for the source must be current for nobody else.
    """

    def __init__(self, call: Call, run: Run) -> None:
        self._call = call
        self._run = run
        self._items: Any = None
        self._scopes = Scopes(call, run)
        self._context = copy_context()

    def __enter__(self) -> Self:
        self._context.run(AMBIENT.set, self._run.info)
        self._context.run(self._scopes.__enter__)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._context.run(self._scopes.__exit__, kind, error, traceback)


class _Source(_Within):
    """What an operation gives items from."""

    def first(self) -> Any:
        item = self._context.run(self._open)
        if item is not _END:
            self._run.came_s = self._call.now_s()
        return item

    def _open(self) -> Any:
        opened = self._call.operation()
        if not _is_a(Iterable, opened):
            raise not_for_stream(opened)
        self._items = iter(opened)
        return next(self._items, _END)

    def next(self) -> Any:
        return self._context.run(next, self._items, _END)

    def close(self) -> None:
        close = getattr(self._items, "close", None)
        if close is not None:
            self._context.run(close)

    def close_quietly(self) -> None:
        try:
            self.close()
        except Exception:  # the error that came first is the one that counts
            return


async def adrive_stream(call: Call, plan: Plan) -> AsyncIterator[Any]:
    """Carry out the plan of an asynchronous stream; gives its items as they come."""
    hands = AsyncHands(call)
    reply: Any = None
    error: BaseException | None = None
    while True:
        try:
            step = plan.send(reply)
        except StopIteration as end:
            error = end.value.error
            break
        if not isinstance(step, Run):
            reply = await hands.do(step)
            continue
        reply = None
        attempt = _aattempt(call, step)
        try:
            async for item in attempt:
                yield item
        except GeneratorExit:
            await attempt.aclose()
        except BaseException as thrown:  # by the reader, into this generator
            await attempt.aclose()
            _fail(step, thrown)
    if error is not None:
        try:
            raise error
        finally:
            del error


async def _aattempt(call: Call, run: Run) -> AsyncGenerator[Any]:
    try:
        with _AsyncSource(call, run) as source:
            try:
                await arun_inline(call, run, source.first())
                if run.error is not None or run.expired:
                    await source.close_quietly()
                    return
                item, source.item = source.item, _END
                while item is not _END:
                    yield item
                    item = await source.next()
            except GeneratorExit:
                await source.close()
                raise
            except BaseException:
                await source.close_quietly()
                raise
            await source.close()
            run.given = SUCCESS  # it gave items and no value: there is nothing to classify
    except GeneratorExit:
        run.given = SUCCESS
        raise
    except BaseException as error:  # the plan decides what passes on
        _fail(run, error)
    finally:
        run.ended_s = call.now_s()


class _AsyncSource(_Within):
    """As :class:`_Source`, awaited.

    Attributes:
        item: The first one, until it is given.
    """

    item: Any = _END

    async def first(self) -> None:
        """Open the source and fetch its first item: what the attempt's limit covers."""
        try:
            self.item = await _awaited(self._context, self._open())
            if self.item is not _END:
                self._run.came_s = self._call.now_s()
        except BaseException as error:  # the plan decides what passes on
            _fail(self._run, error)

    async def _open(self) -> Any:
        opened = self._call.operation()
        if not _is_a(AsyncIterable, opened):
            raise not_for_astream(opened)
        self._items = aiter(opened)
        return await anext(self._items, _END)

    def next(self) -> Awaitable[Any]:
        return _awaited(self._context, anext(self._items, _END))

    async def close(self) -> None:
        close = getattr(self._items, "aclose", None)
        if close is not None:
            await _awaited(self._context, close())

    async def close_quietly(self) -> None:
        try:
            await self.close()
        except Exception:  # the error that came first is the one that counts
            return


@coroutine
def _awaited(context: Context, work: Awaitable[Any]) -> Generator[Any, Any, Any]:
    """Await in a given context, as part of the task that awaits this."""
    steps: Any = work.__await__()
    run = context.run
    thrown: BaseException | None = None
    try:
        while True:
            waited_for = run(next, steps) if thrown is None else run(steps.throw, thrown)
            thrown = None
            try:
                yield waited_for
            except BaseException as error:  # a cancellation, most likely: it is for the work
                thrown = error
    except StopIteration as end:
        return end.value
    finally:
        thrown = None  # its traceback holds this frame
