"""Bloom filters of Parquet files, read: which row groups cannot hold a text.

As the format specifies them: blocks of 256 bits, chosen and set by xxHash64. pyarrow writes them and
reads none.
"""

import struct
from pathlib import Path
from typing import Any, Final

__all__ = ["may_hold", "xxh64"]

_ONES: Final = (1 << 64) - 1
_P1: Final = 0x9E3779B185EBCA87
_P2: Final = 0xC2B2AE3D27D4EB4F
_P3: Final = 0x165667B19E3779F9
_P4: Final = 0x85EBCA77C2B2AE63
_P5: Final = 0x27D4EB2F165667C5
_STRIPE: Final = 32
_SALTS: Final = (
    0x47B6137B, 0x44974D91, 0x8824AD5B, 0xA2B7289D, 0x705495C7, 0x2DF1424B, 0x9EFC4947, 0x5C6BFB31,
)  # fmt: skip
_BLOCK: Final = struct.Struct("<8I")
_HEAD_BYTES: Final = 12
_SIZE_FIELD: Final = 0x15  # Thrift's compact protocol: field 1, a 32-bit integer


def may_hold(path: Path | str, chunk: Any, hashed: int) -> bool:
    """Whether a column of a row group may hold a value; yes where no filter says otherwise.

    Args:
        path: The file.
        chunk: The column chunk's metadata, as pyarrow gives it.
        hashed: The value's :func:`xxh64`.
    """
    start = getattr(chunk, "bloom_filter_offset", None)  # pyarrow 24 does not say
    length = getattr(chunk, "bloom_filter_length", None)
    if not start or not length or length <= _HEAD_BYTES:
        return True
    with Path(path).open("rb") as file:
        file.seek(start)
        size = _size(file.read(_HEAD_BYTES))
        if size % _BLOCK.size or not 0 < size < length:
            return True  # not a filter that we know
        file.seek(start + length - size + _block(hashed, size))
        block = file.read(_BLOCK.size)
    if len(block) < _BLOCK.size:
        return True
    low = hashed & 0xFFFFFFFF
    places = ((low * salt & 0xFFFFFFFF) >> 27 for salt in _SALTS)
    return all(word >> place & 1 for word, place in zip(_BLOCK.unpack(block), places, strict=True))


def _block(hashed: int, size: int) -> int:
    """Where the value's block begins in a filter of so many bytes."""
    return ((hashed >> 32) * (size // _BLOCK.size) >> 32) * _BLOCK.size


def _size(head: bytes) -> int:
    """The filter's bytes without its head, as the head says; 0 when it does not begin with that."""
    if head[:1] != bytes([_SIZE_FIELD]):
        return 0
    value = 0
    for index, byte in enumerate(head[1:6]):
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:  # noqa: PLR2004  # the last byte of a number
            return value >> 1
    return 0


def xxh64(data: bytes) -> int:
    """xxHash64 with seed 0.

    >>> hex(xxh64(b"abc"))
    '0x44bc2cf5ad770999'
    """
    end = len(data) - len(data) % _STRIPE
    value = _striped(data[:end]) if end else _P5
    value = value + len(data) & _ONES
    rest = data[end:]
    while len(rest) >= 8:  # noqa: PLR2004  # a word
        value ^= _round(0, int.from_bytes(rest[:8], "little"))
        value = _turned(value, 27) * _P1 + _P4 & _ONES
        rest = rest[8:]
    if len(rest) >= 4:  # noqa: PLR2004  # half a word
        value ^= int.from_bytes(rest[:4], "little") * _P1 & _ONES
        value = _turned(value, 23) * _P2 + _P3 & _ONES
        rest = rest[4:]
    for byte in rest:
        value = _turned(value ^ byte * _P5 & _ONES, 11) * _P1 & _ONES
    value = (value ^ value >> 33) * _P2 & _ONES
    value = (value ^ value >> 29) * _P3 & _ONES
    return value ^ value >> 32


def _striped(data: bytes) -> int:
    lanes = [_P1 + _P2 & _ONES, _P2, 0, -_P1 & _ONES]
    for words in struct.iter_unpack("<4Q", data):
        lanes = [_round(lane, word) for lane, word in zip(lanes, words, strict=True)]
    turns = zip(lanes, (1, 7, 12, 18), strict=True)
    value = sum(_turned(lane, by) for lane, by in turns) & _ONES
    for lane in lanes:
        value = (value ^ _round(0, lane)) * _P1 + _P4 & _ONES
    return value


def _round(lane: int, word: int) -> int:
    return _turned(lane + word * _P2 & _ONES, 31) * _P1 & _ONES


def _turned(value: int, by: int) -> int:
    return (value << by | value >> 64 - by) & _ONES
