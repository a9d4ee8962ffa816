"""Streams: retried until their first item, then committed; the attempt lives until they close."""

from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

from recourse.context import AMBIENT
from recourse.drivers.aio import AsyncHands, arun_inline
from recourse.drivers.threads import Hands, inner_cancelled
from recourse.outcome import SUCCESS, Outcome, OutcomeKind
from recourse.plan.call import Call, Run
from recourse.plan.govern import Plan
from recourse.plan.scopes import Scopes
from recourse.reasons import Reason

__all__ = ["adrive_stream", "drive_stream"]

_COMMITTED: Final = Outcome(OutcomeKind.NON_RETRYABLE, Reason.COMMITTED)
_END: Final = object()


def _fail(run: Run, error: BaseException, *, committed: bool) -> None:
    """Keep what ended a stream. After the first item nothing may be repeated."""
    run.error = error
    run.given = inner_cancelled(error)
    if committed and isinstance(error, Exception):
        run.given = _COMMITTED


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
        raise error


def _attempt(call: Call, run: Run) -> Iterator[Any]:
    """One attempt at the stream. What it raises is kept, not raised."""
    items: Any = None
    committed = False
    try:
        with Scopes(call, run):
            items = _open(call, run)
            item = _next(items, run)
            while item is not _END:
                committed = True
                yield item
                item = _next(items, run)
    except GeneratorExit:
        run.given = SUCCESS
        raise
    except BaseException as error:  # the plan decides what passes on
        _fail(run, error, committed=committed)
    finally:
        close = getattr(items, "close", None)
        if close is not None:
            close()
        run.ended_s = call.runtime.clock.monotonic_s()


def _open(call: Call, run: Run) -> Iterator[Any]:
    token = AMBIENT.set(run.info)
    try:
        return iter(call.operation())
    finally:
        AMBIENT.reset(token)


def _next(items: Iterator[Any], run: Run) -> Any:
    # The attempt is current only while the source runs, not while the reader does.
    token = AMBIENT.set(run.info)
    try:
        return next(items, _END)
    finally:
        AMBIENT.reset(token)


async def adrive_stream(call: Call, plan: Plan) -> AsyncIterator[Any]:
    """Carry out the plan of an asynchronous stream; gives its items as they come."""
    hands = AsyncHands(call)
    reply: Any = None
    error: BaseException | None = None
    leaving = False
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
            leaving = True
        finally:
            await attempt.aclose()
        if leaving:
            continue
    if error is not None:
        raise error


async def _aattempt(call: Call, run: Run) -> Any:
    items: Any = None
    committed = False
    try:
        with Scopes(call, run):
            opening = _Opening(call, run)
            await arun_inline(call, run, opening.work())
            items, item = opening.items, opening.item
            if run.error is None and not run.expired:
                while item is not _END:
                    committed = True
                    yield item
                    item = await _anext(items, run)
    except GeneratorExit:
        run.given = SUCCESS
        raise
    except BaseException as error:  # the plan decides what passes on
        _fail(run, error, committed=committed)
    finally:
        close = getattr(items, "aclose", None)
        if close is not None:
            await close()
        run.ended_s = call.runtime.clock.monotonic_s()


class _Opening:
    """Opens a source and fetches its first item: what the attempt's limit covers."""

    def __init__(self, call: Call, run: Run) -> None:
        self._call = call
        self._run = run
        self.items: Any = None
        self.item: Any = _END

    async def work(self) -> None:
        token = AMBIENT.set(self._run.info)
        try:
            self.items = aiter(self._call.operation())
            self.item = await anext(self.items, _END)
        except BaseException as error:  # the plan decides what passes on
            _fail(self._run, error, committed=False)
        finally:
            AMBIENT.reset(token)


async def _anext(items: Any, run: Run) -> Any:
    token = AMBIENT.set(run.info)
    try:
        return await anext(items, _END)
    finally:
        AMBIENT.reset(token)
