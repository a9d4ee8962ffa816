"""What redis-py is about to do, read from the function that it wants carried out.

Its retry hook is told nothing else. What cannot be read is unknown, and then the policy decides.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

__all__ = ["Doing", "doing"]

CONNECT: Final = "CONNECT"
PIPELINE: Final = "PIPELINE"
OTHER: Final = "OTHER"

# Carried out twice they leave the same state; what they answer may differ (DEL counts).
_READS: Final = (
    "BITCOUNT BITPOS DBSIZE ECHO EXISTS EXPIRETIME GEODIST GEOHASH GEOPOS GEOSEARCH GET GETBIT "
    "GETRANGE HEXISTS HGET HGETALL HKEYS HLEN HMGET HRANDFIELD HSCAN HSTRLEN HVALS INFO KEYS "
    "LINDEX LLEN LPOS LRANGE MGET OBJECT PFCOUNT PEXPIRETIME PING PTTL RANDOMKEY SCAN SCARD SDIFF "
    "SINTER SINTERCARD SISMEMBER SMEMBERS SMISMEMBER SRANDMEMBER SSCAN STRLEN SUNION TIME TTL TYPE "
    "XINFO XLEN XRANGE XREVRANGE ZCARD ZCOUNT ZDIFF ZINTER ZLEXCOUNT ZMSCORE ZRANDMEMBER ZRANGE "
    "ZRANGEBYLEX ZRANGEBYSCORE ZRANK ZREVRANGE ZREVRANK ZSCAN ZSCORE ZUNION"
)
_WRITES: Final = (
    "DEL EXPIRE EXPIREAT FLUSHALL FLUSHDB HDEL HMSET HSET LSET LTRIM MSET PERSIST PEXPIRE PEXPIREAT "
    "PFADD PSETEX SADD SELECT SET SETBIT SETEX SETRANGE SREM TOUCH UNLINK ZADD ZREM"
)
_IDEMPOTENT: Final = frozenset(f"{_READS} {_WRITES}".split())
# With one of these a command depends on what it finds, or gives back what it replaces.
_CONDITIONED: Final = {"SET": 3, "ZADD": 2}  # the first word that can be a condition
_CONDITIONS: Final = frozenset({"CH", "GET", "GT", "INCR", "LT", "NX", "XX"})


class Doing(NamedTuple):
    """What is about to be done.

    Attributes:
        name: The command, ``PIPELINE``, ``CONNECT`` or ``OTHER``.
        idempotent: Whether doing it twice is doing it once; ``None`` when nobody knows.
        is_done: There is nothing to do: the connection is there already.
    """

    name: str
    idempotent: bool | None
    is_done: bool = False


def doing(do: Any) -> Doing:
    """What ``do`` will do."""
    cells = _cells(do)
    stack: Any = cells.get("stack")
    if stack is not None:
        return Doing(PIPELINE, all(_is_idempotent(_args(one)) for one in stack))
    name = cells.get("command_name")
    if isinstance(name, str | bytes):
        args = cells.get("args") or ()
        # redis-py gives the arguments with the command's name or without it.
        rest = args[1:] if args and args[0] == name else args
        words = [name, *rest]
        return Doing(_word(name), _is_idempotent(words))
    if "connect" in str(getattr(do, "__qualname__", "")):
        connection = cells.get("self")
        is_done = bool(getattr(connection, "is_connected", False))
        return Doing(CONNECT, idempotent=True, is_done=is_done)
    return Doing(OTHER, None)


def _cells(do: Any) -> dict[str, Any]:
    names: Sequence[str] = getattr(getattr(do, "__code__", None), "co_freevars", ())
    cells = getattr(do, "__closure__", None) or ()
    return {name: cell.cell_contents for name, cell in zip(names, cells, strict=False)}


def _args(queued: Any) -> Sequence[Any]:
    """The words of one queued command: a pair with its options, or an object that has them."""
    words: Sequence[Any] = getattr(queued, "args", None) or queued[0]
    return words


def _is_idempotent(words: Sequence[Any]) -> bool:
    """Whether the command of these words may be carried out twice."""
    # "OBJECT ENCODING": a command of two words may come as one.
    command = _word(words[0]).partition(" ")[0]
    first = _CONDITIONED.get(command, len(words))
    return command in _IDEMPOTENT and not any(_word(one) in _CONDITIONS for one in words[first:])


def _word(given: Any) -> str:
    return given.decode("latin-1").upper() if isinstance(given, bytes) else str(given).upper()
