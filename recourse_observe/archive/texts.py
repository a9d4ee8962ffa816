"""A column of texts, laid out as Arrow lays them out: what is written once is never taken apart."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

__all__ = ["Texts", "bitmap"]


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts of some rows.

    Attributes:
        ends: Little-endian int32: zero, and then where each text ends.
        data: The texts, one after the other, in UTF-8.
        known: Bit by bit, whether a row has a text; empty when each of them has.
    """

    ends: bytes
    data: bytes
    known: bytes = b""

    @classmethod
    def of(cls, values: Sequence[str | None]) -> "Texts":
        """Texts by row; a lone surrogate, which cannot be UTF-8, is shown and not refused.

        Raises:
            TypeError: One of them is no text.
        """
        known = bitmap(values) if None in values else b""
        present: Sequence[str] = [value or "" for value in values] if known else values  # type: ignore[assignment]  # none is None
        joined = "".join(present)
        if joined.isascii():
            data, lengths = joined.encode("ascii"), map(len, present)
        else:
            encoded = [value.encode("utf-8", "backslashreplace") for value in present]
            data, lengths = b"".join(encoded), map(len, encoded)
        return cls(array("i", accumulate(lengths, initial=0)).tobytes(), data, known)

    def check(self, rows: int) -> None:
        """Make sure that these are the texts of so many rows.

        Raises:
            ValueError: They are not.
        """
        ends = array("i", self.ends)
        whole = len(ends) == rows + 1 and ends[0] == 0 and ends[-1] == len(self.data)
        known = len(self.known) in {0, (rows + 7) // 8}
        if not (whole and known and ends.tolist() == sorted(ends)):
            message = "a column of texts is none"
            raise ValueError(message)
        if not self.data.isascii():
            self.values()  # each has to be UTF-8 by itself

    def values(self) -> list[str | None]:
        """The texts by row.

        Raises:
            ValueError: One of them is not UTF-8.
        """
        spans = pairwise(array("i", self.ends))
        if self.data.isascii():
            text = self.data.decode("ascii")  # once: then a place in it is a place in the data
            texts = [text[start:end] for start, end in spans]
        else:
            texts = [self.data[start:end].decode() for start, end in spans]
        known = self.known
        if not known:
            return list(texts)
        return [t if known[row >> 3] >> (row & 7) & 1 else None for row, t in enumerate(texts)]


def bitmap(values: Sequence[object]) -> bytes:
    """Bit by bit, whether a value is not ``None``; the first in the lowest bit."""
    bits = bytearray((len(values) + 7) // 8)
    for row, value in enumerate(values):
        if value is not None:
            bits[row >> 3] |= 1 << (row & 7)
    return bytes(bits)
