"""Clients that retry of their own accord, wait for ever, or have no room for a hedge.

Clients are known by their shape and by the names of their classes, so none is imported. Much of
what there is to see is private to them: what cannot be seen is not complained of.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias, cast

from recourse.integrations.botocore import own_attempts
from recourse.integrations.doctor.complaints import Complaint, Needs
from recourse.integrations.grpc.options import own_retries

__all__ = ["examine", "is_known"]

Examiner: TypeAlias = Callable[[Any, str, Needs], Iterator[Complaint]]

_OURS: Final = "recourse.integrations."
_PATIENT_S: Final = 60.0


def examine(thing: Any, name: str = "", needs: Needs | None = None) -> list[Complaint]:
    """What is wrong with a client, or with the options of a gRPC channel.

    Known are httpx, httpx2, requests, urllib3, aiohttp, botocore, redis-py, the SDKs of OpenAI and
    Anthropic, functions that tenacity decorates, and gRPC's options (a channel itself does not tell
    them).

    Args:
        thing: The client.
        name: What to call it; its class when left out.
        needs: What the policies ask of it, by :func:`needs_of`.

    Returns:
        Complaints; a thing that is not known gives none.
    """
    examiner = _examiner(thing)
    if examiner is None:
        return []
    return list(examiner(thing, name or type(thing).__name__, needs or Needs()))


def is_known(thing: Any) -> bool:
    """Whether :func:`examine` knows what it looks at."""
    return _examiner(thing) is not None


def _examiner(thing: Any) -> Examiner | None:
    if isinstance(thing, type):
        return None
    for is_one, examiner in _KINDS:
        try:
            if is_one(thing):
                return examiner
        except Exception:  # noqa: BLE001, S112 -- whatever a stranger's property raises, it is no client
            continue
    return None


# ---------------------------------------------------------------- complaints


def _stacked(name: str, own: int, needs: Needs, advice: str) -> Iterator[Complaint]:
    """Attempts of the client's own: they multiply with those of a policy."""
    if own <= 1:
        return
    total = own * needs.attempts
    wrong = f"makes {own} attempts of its own; with {needs.attempts} of a policy they are {total}"
    yield Complaint(rule="stacked_retries", thing=name, wrong=wrong, advice=advice)


def _pool(name: str, size: Any, needs: Needs, advice: str) -> Iterator[Complaint]:
    if isinstance(size, int) and 0 < size < needs.runs:
        wrong = f"has room for {size} connections; a hedged call needs {needs.runs}"
        yield Complaint(rule="pool_too_small", thing=name, wrong=wrong, advice=advice)


def _waits_for_ever(name: str, advice: str) -> Complaint:
    wrong = "waits for ever when a server does not answer"
    return Complaint(rule="no_timeout", thing=name, wrong=wrong, advice=advice)


def _patient(name: str, timeout_s: Any, advice: str) -> Iterator[Complaint]:
    if timeout_s is None:
        yield _waits_for_ever(name, advice)
    elif isinstance(timeout_s, int | float) and timeout_s >= _PATIENT_S:
        wrong = f"waits {timeout_s:g} s for an answer, longer than most deadlines"
        yield Complaint(rule="long_timeout", thing=name, wrong=wrong, advice=advice)


# ---------------------------------------------------------------- kinds


def _botocore(client: Any, name: str, needs: Needs) -> Iterator[Complaint]:
    config, advice = client.meta.config, "Config(retries={'total_max_attempts': 1}), or watch it"
    yield from _stacked(name, own_attempts(client), needs, advice)
    yield from _patient(name, config.read_timeout, "set Config(read_timeout=…)")
    advice = "raise Config(max_pool_connections=…)"
    yield from _pool(name, config.max_pool_connections, needs, advice)


def _sdk(client: Any, name: str, needs: Needs) -> Iterator[Complaint]:
    yield from _stacked(name, client.max_retries + 1, needs, "make it with max_retries=0")
    timeout = client.timeout
    yield from _patient(name, getattr(timeout, "read", timeout), "make it with timeout=…")


def _redis(client: Any, name: str, needs: Needs) -> Iterator[Complaint]:
    retry = client.get_retry()
    if retry is not None and not _is_ours(retry):
        retries = retry.get_retries()
        advice = "give it recourse.integrations.redis.Retry(), or watch it"
        if retries < 0:
            wrong = "retries for ever"
            yield Complaint(rule="stacked_retries", thing=name, wrong=wrong, advice=advice)
        yield from _stacked(name, retries + 1, needs, advice)
    options = client.connection_pool.connection_kwargs
    yield from _patient(name, options.get("socket_timeout"), "make it with socket_timeout=…")


def _requests(session: Any, name: str, needs: Needs) -> Iterator[Complaint]:
    for prefix, adapter in session.adapters.items():
        place = f"{name} ({prefix})"
        is_ours = _is_ours(adapter)
        inner = adapter.__dict__.get("_adapter", adapter) if is_ours else adapter
        retries = getattr(inner, "max_retries", None)
        advice = "mount an adapter with max_retries=0"
        yield from _stacked(place, _attempts_of(retries), needs, advice)
        if not is_ours:
            yield _waits_for_ever(place, "give every request a timeout, or mount RecourseAdapter")
        size = (
            getattr(inner, "_pool_maxsize", None) if getattr(inner, "_pool_block", False) else None
        )
        yield from _pool(place, size, needs, "raise pool_maxsize")


def _urllib3(manager: Any, name: str, needs: Needs) -> Iterator[Complaint]:
    options = manager.connection_pool_kw
    # urllib3 itself retries three times when nobody says otherwise.
    retries = options.get("retries", 3)
    yield from _stacked(name, _attempts_of(retries), needs, "make it with retries=False")
    if "timeout" not in options:
        yield _waits_for_ever(name, "make it with timeout=…")
    size = options.get("maxsize", 1) if options.get("block") else None
    yield from _pool(name, size, needs, "raise maxsize")


def _httpx(client: Any, name: str, needs: Needs) -> Iterator[Complaint]:
    yield from _patient(name, client.timeout.read, "make it with timeout=…")
    transport = client.__dict__.get("_transport")
    if _is_ours(transport):
        transport = transport.__dict__.get("_transport")
    retry = getattr(transport, "retry", None)  # that of httpx-retries
    yield from _stacked(name, _attempts_of(retry), needs, "leave RetryTransport out")
    pool = getattr(transport, "_pool", None)
    connects = getattr(pool, "_retries", 0)
    advice = "make its transport with retries=0"
    yield from _stacked(f"{name} (connecting)", connects + 1, needs, advice)
    size = getattr(pool, "_max_connections", None)
    yield from _pool(name, size, needs, "raise max_connections")


def _aiohttp(session: Any, name: str, needs: Needs) -> Iterator[Complaint]:
    yield from _patient(name, session.timeout.total, "make it with ClientTimeout(total=…)")
    connector = session.connector
    for limit in (getattr(connector, "limit", 0), getattr(connector, "limit_per_host", 0)):
        yield from _pool(name, limit, needs, "raise the connector's limits")


def _tenacity(function: Any, name: str, needs: Needs) -> Iterator[Complaint]:
    own = getattr(function.retry.stop, "max_attempt_number", None)
    advice = "take the decorator off where a policy retries, or watch it"
    if own is None:
        wrong = "is retried by tenacity without a limit of attempts"
        yield Complaint(rule="stacked_retries", thing=name, wrong=wrong, advice=advice)
    else:
        yield from _stacked(name, own, needs, advice)


def _grpc(options: Any, name: str, _: Needs) -> Iterator[Complaint]:
    for found in own_retries(options):
        yield Complaint(
            rule="stacked_retries",
            thing=name,
            wrong=f"lets the channel itself repeat calls: {found}",
            advice="make the channel with without_own_retries(options)",
        )


def _is_grpc(thing: Any) -> bool:
    if not isinstance(thing, list | tuple) or not thing:
        return False
    options = cast("Any", thing)  # whatever it holds
    return all(name.startswith("grpc.") for name, _ in options)


def _module(thing: Any) -> str:
    """The top-level packages that a thing's classes come from."""
    return " ".join(kind.__module__.partition(".")[0] for kind in type(thing).__mro__)


def _is_ours(thing: object) -> bool:
    return type(thing).__module__.startswith(_OURS)


def _attempts_of(retries: Any) -> int:
    """The attempts of an urllib3-like ``Retry``, of a number, or of nothing."""
    total = getattr(retries, "total", retries)
    return int(total) + 1 if isinstance(total, int | float) else 1


_KINDS: Final[tuple[tuple[Callable[[Any], bool], Examiner], ...]] = (
    (_is_grpc, _grpc),
    (lambda it: callable(it.retry_with) and it.retry.stop is not None, _tenacity),
    (lambda it: it.meta.service_model is not None, _botocore),
    (lambda it: "redis" in _module(it) and callable(it.get_retry), _redis),
    (
        lambda it: (
            isinstance(it.max_retries, int)
            and bool({"openai", "anthropic"} & set(_module(it).split()))
        ),
        _sdk,
    ),
    (lambda it: "requests" in _module(it) and isinstance(it.adapters, dict), _requests),
    (lambda it: isinstance(it.connection_pool_kw, dict), _urllib3),
    (lambda it: "aiohttp" in _module(it) and it.connector is not None, _aiohttp),
    (lambda it: "httpx" in _module(it) and it.timeout is not None, _httpx),
)
