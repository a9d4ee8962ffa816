"""What a query worker and its owner say to each other: a line of JSON and, behind it, Arrow data.

Never pickled: whoever reads a hostile archive must not be able to make its owner run anything.
"""

import json
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, BinaryIO, Final

__all__ = ["ClosedError", "decode", "encode", "receive", "send"]

_SIZES: Final = (4, 8)
_LARGEST_SAID: Final = 64 << 20


class ClosedError(Exception):
    """The other side is gone."""


def send(stream: BinaryIO, said: Mapping[str, Any], data: Any = b"") -> None:
    """Write one message.

    Args:
        stream: Where to; flushed.
        said: What can be JSON.
        data: What follows it: anything with the bytes of a buffer.

    Raises:
        ClosedError: Nobody listens any more.
    """
    text = json.dumps(said).encode()
    size = memoryview(data).nbytes
    try:
        stream.write(b"".join((_number(len(text), 0), _number(size, 1), text)))
        stream.write(data)
        stream.flush()
    except (OSError, ValueError):  # a closed pipe, a closed file
        raise ClosedError from None


def receive(stream: BinaryIO) -> tuple[dict[str, Any], bytes]:
    """Read one message.

    Raises:
        ClosedError: There is none, or what comes is no message.
    """
    try:
        text_size = int.from_bytes(_exactly(stream, _SIZES[0]), "little")
        data_size = int.from_bytes(_exactly(stream, _SIZES[1]), "little")
        if text_size > _LARGEST_SAID:
            raise ClosedError
        said = json.loads(_exactly(stream, text_size))
        return said, _exactly(stream, data_size)
    except (OSError, ValueError, MemoryError, RecursionError):
        raise ClosedError from None


def _number(value: int, place: int) -> bytes:
    return value.to_bytes(_SIZES[place], "little")


def _exactly(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size) if size else b""
    if len(data) < size:
        raise ClosedError
    return data


def encode(value: object) -> Any:
    """A query's parameter as JSON can say it.

    Raises:
        TypeError: It is none of the kinds that a query takes.
    """
    match value:
        case datetime():
            return {"datetime": value.isoformat()}
        case date():
            return {"date": value.isoformat()}
        case list() | tuple():
            return [encode(item) for item in value]
        case None | bool() | int() | float() | str():
            return value
        case _:
            message = (
                f"parameter {value!r} is a {type(value).__name__}; "
                "give a number, a text, a time or a list of them"
            )
            raise TypeError(message)


def decode(value: Any) -> Any:
    """What :func:`encode` was given."""
    match value:
        case {"datetime": text}:
            return datetime.fromisoformat(text)
        case {"date": text}:
            return date.fromisoformat(text)
        case list():
            return [decode(item) for item in value]
        case _:
            return value
