"""Watching AWS clients that retry of their own accord: every attempt is told, nothing is changed."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from recourse.clock import Clock
from recourse.integrations.botocore import BotocoreClassifier, own_attempts
from recourse.integrations.watch import Stop, Watch, WatchedCall
from recourse.observer import Observer

__all__ = ["watch"]

# Where a call travels along with botocore's own context of it.
_HERE: Final = "recourse_watched"
_JUDGE: Final = BotocoreClassifier()


def watch(
    client: Any, observers: Sequence[Observer] | None = None, *, clock: Clock | None = None
) -> Stop:
    """Tell of everything that an AWS client does, under keys like ``s3.GetObject``.

    Args:
        client: A client of botocore or boto3.
        observers: Who is told; those of the process's executor when left out.
        clock: What times are read on.

    Returns:
        What ends the watch when it is called.
    """
    watching = Watch("botocore", observers, clock)
    service: str = client.meta.service_model.service_id.hyphenize()
    attempts = own_attempts(client)

    def begins(model: Any, context: dict[str, Any], **_: Any) -> None:
        context[_HERE] = watching.call(f"{service}.{model.name}", attempts)

    handlers: dict[str, Callable[..., None]] = {
        "before-call": begins,
        "request-created": _sends,
        "needs-retry": _received,
        "after-call": _ends,
        "after-call-error": _fails,
    }
    for event, handler in handlers.items():
        client.meta.events.register_last(f"{event}.{service}", handler)

    def stop() -> None:
        for event, handler in handlers.items():
            client.meta.events.unregister(f"{event}.{service}", handler)

    return stop


def _sends(request: Any, **_: Any) -> None:
    call = _call(request.context)
    if call is not None:  # an address that is only signed belongs to no call
        call.attempt_started()


def _received(response: Any, caught_exception: Any, request_dict: Any, **_: Any) -> None:
    call = _call(request_dict["context"])
    if call is None:
        return
    if response is None:
        call.attempt_ended(_JUDGE.classify(None, caught_exception), caught_exception)
        return
    _, parsed = response
    status = parsed.get("ResponseMetadata", {}).get("HTTPStatusCode")
    call.attempt_ended(_JUDGE.answered(parsed), status=status)


def _ends(context: Any, parsed: Any, **_: Any) -> None:
    call = _call(context)
    if call is not None:
        call.ended(outcome=_JUDGE.answered(parsed))


def _fails(context: Any, exception: Exception, **_: Any) -> None:
    call = _call(context)
    if call is not None:
        call.ended(exception, outcome=_JUDGE.classify(None, exception))


def _call(context: Any) -> WatchedCall | None:
    found: object = context.get(_HERE) if context else None
    return found if isinstance(found, WatchedCall) else None
