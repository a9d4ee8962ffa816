"""The channel's own retries: found, and turned off.

A service config with a retry policy multiplies: four attempts of the channel times three of ours
are twelve at the server.
"""

import json
from collections.abc import Iterable
from typing import Any, Final, TypeAlias, cast

__all__ = ["Options", "own_retries", "without_own_retries"]

Options: TypeAlias = Iterable[tuple[str, Any]]

ENABLE: Final = "grpc.enable_retries"
SERVICE_CONFIG: Final = "grpc.service_config"
_REPEATS: Final = ("retryPolicy", "hedgingPolicy")


def own_retries(options: Options = ()) -> list[str]:
    """What in a channel's options makes the channel itself repeat calls, as phrases.

    A resolver may deliver a service config of its own: only :func:`without_own_retries` is safe
    against that.
    """
    given = dict(options)
    if ENABLE in given and not given[ENABLE]:
        return []
    try:
        config: Any = json.loads(given.get(SERVICE_CONFIG) or "{}")
    except ValueError:
        return ["the service config is no JSON"]
    return [
        f"{kind} with {policy.get('maxAttempts', 'several')} attempts for {_names(method)}"
        for method in _tables(_of(config, "methodConfig"))
        for kind in _REPEATS
        for policy in _tables([method.get(kind)])
    ]


def without_own_retries(options: Options = ()) -> list[tuple[str, Any]]:
    """The options of a channel that leaves repeating to the interceptors.

    >>> without_own_retries([("grpc.max_receive_message_length", 1024)])
    [('grpc.max_receive_message_length', 1024), ('grpc.enable_retries', 0)]
    """
    return [*(one for one in options if one[0] != ENABLE), (ENABLE, 0)]


def _of(holder: Any, name: str) -> Any:
    return cast("dict[str, Any]", holder).get(name) if isinstance(holder, dict) else None


def _tables(value: Any) -> list[dict[str, Any]]:
    items: Any = value
    return [one for one in items if isinstance(one, dict)] if isinstance(value, list) else []


def _names(method: dict[str, Any]) -> str:
    names = [".".join(str(part) for part in one.values()) for one in _tables(method.get("name"))]
    return ", ".join(names) or "every method"
