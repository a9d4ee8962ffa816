"""Watching urllib3 and requests: what their ``Retry`` does is told, nothing is changed."""

import copy
import importlib
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final
from urllib.parse import urlsplit

from recourse.classify.http import HTTPClassifier
from recourse.clock import Clock
from recourse.integrations.http import key_of
from recourse.integrations.watch import Stop, Watch, WatchedCall
from recourse.observer import Observer
from recourse.outcome import SUCCESS, Outcome

__all__ = ["watch"]

_FAILED: Final = 400
_CURRENT: Final[ContextVar[WatchedCall | None]] = ContextVar("recourse.urllib3", default=None)
_JUDGE: Final = HTTPClassifier()


def watch(
    client: Any, observers: Sequence[Observer] | None = None, *, clock: Clock | None = None
) -> Stop:
    """Tell of every request of a requests session or an urllib3 pool manager.

    Keys are the host and the method, ``api.example.com.GET``, as the governed clients have them. A
    redirection belongs to the attempt that it answers.

    Args:
        client: A ``requests.Session``, whose adapters are watched as they are now, or an
            ``urllib3.PoolManager``.
        observers: Who is told; those of the process's executor when left out.
        clock: What times are read on.

    Returns:
        What ends the watch when it is called.
    """
    watching = Watch("urllib3", observers, clock)
    adapters = getattr(client, "adapters", None)
    if adapters is None:
        return _watch_manager(client, watching)
    stops = [_watch_adapter(adapter, watching) for adapter in set(adapters.values())]

    def stop() -> None:
        for each in stops:
            each()

    return stop


def _watch_adapter(adapter: Any, watching: Watch) -> Stop:
    send, retries = adapter.send, adapter.max_retries

    def watched_send(request: Any, *args: Any, **kwargs: Any) -> Any:
        with _told(watching, request.method, request.url, retries) as over:
            response = send(request, *args, **kwargs)
            over(response.status_code)
            return response

    adapter.max_retries = _watched(retries)
    adapter.__dict__["send"] = watched_send

    def stop() -> None:
        adapter.max_retries = retries
        adapter.__dict__.pop("send", None)

    return stop


def _watch_manager(manager: Any, watching: Watch) -> Stop:
    urlopen = manager.urlopen
    kind: Any = importlib.import_module("urllib3.util.retry").Retry

    def watched_urlopen(method: str, url: str, redirect: bool = True, **kwargs: Any) -> Any:  # noqa: FBT001, FBT002 -- urllib3's signature
        if _CURRENT.get() is not None:  # the manager follows a redirection
            return urlopen(method, url, redirect, **kwargs)
        asked = kwargs.get("retries")
        if asked is None:
            asked = manager.connection_pool_kw.get("retries")
        retries = kind.from_int(asked, redirect=redirect)
        kwargs["retries"] = _watched(retries)
        with _told(watching, method, url, retries) as over:
            response = urlopen(method, url, redirect, **kwargs)
            over(response.status)
            return response

    manager.__dict__["urlopen"] = watched_urlopen

    def stop() -> None:
        manager.__dict__.pop("urlopen", None)

    return stop


@contextmanager
def _told(watching: Watch, method: str, url: str, retries: Any) -> Generator[Callable[[int], None]]:
    """Tell of one request; the block says the status of its answer."""
    host = urlsplit(url).hostname
    call = watching.call(key_of(host, method.upper()), _attempts(retries))
    token = _CURRENT.set(call)
    outcome = SUCCESS

    def over(status: int) -> None:
        nonlocal outcome
        outcome = _of_status(status, method)
        call.attempt_ended(outcome, status=status)

    call.attempt_started()
    try:
        yield over
    except BaseException as error:
        call.ended(error)
        raise
    else:
        call.ended(outcome=outcome)
    finally:
        _CURRENT.reset(token)


def _watched(retries: Any) -> Any:
    """The same settings, in a class that tells what becomes of them."""
    kind: Any = retries.__class__

    def increment(self: Any, *args: Any, **kwargs: Any) -> Any:
        call = _CURRENT.get()
        given = dict(zip(("method", "url", "response", "error"), args, strict=False)) | kwargs
        response, error = given.get("response"), given.get("error")
        is_redirect = response is not None and bool(response.get_redirect_location())
        if call is not None and not is_redirect:
            if error is not None:
                call.attempt_ended(error=error)
            else:
                status = 0 if response is None else int(response.status)
                method = str(given.get("method") or "")
                call.attempt_ended(_of_status(status, method), status=status)
        return kind.increment(self, *args, **kwargs)

    def sleep(self: Any, response: Any = None) -> None:
        kind.sleep(self, response)
        call = _CURRENT.get()
        if call is not None and not call.is_running:
            call.attempt_started()

    watched = copy.copy(retries)
    # Its own methods make copies of its class, so the copies are watched as well.
    watched.__class__ = type(kind.__name__, (kind,), {"increment": increment, "sleep": sleep})
    return watched


def _attempts(retries: Any) -> int:
    total = retries.total
    if total is None:
        total = max((x for x in (retries.connect, retries.read, retries.status) if x), default=0)
    return int(total) + 1


def _of_status(status: int, method: str) -> Outcome:
    if status < _FAILED:
        return SUCCESS
    error = _Answered()
    error.status, error.method = status, method
    return _JUDGE.classify(None, error)


class _Answered(Exception):
    """An answer that says no, in the shape that the classifier reads."""

    status: int
    method: str
