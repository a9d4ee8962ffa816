"""Names and places in an archive: what a path says before anything is read."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

__all__ = ["LIVE", "MARKER", "QUARANTINE", "FileName", "instant"]

MARKER: Final = "_recourse.json"
LIVE: Final = "_live"
QUARANTINE: Final = "_quarantine"
_TIMES: Final = "%Y%m%dT%H%M%S"
_NAME: Final = re.compile(
    r"(\d{8}T\d{6})-(\d{8}T\d{6})-([A-Za-z0-9][A-Za-z0-9._+-]{0,199})-(\d{6,})\.parquet"
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def instant(us: int) -> datetime:
    """Microseconds since 1970 as a moment in UTC."""
    return _EPOCH + timedelta(microseconds=us)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileName:
    """What a published file's name says: the times of its rows (whole seconds), and whose it is."""

    first: datetime
    last: datetime
    instance: str
    sequence: int

    def __str__(self) -> str:
        times = f"{self.first:{_TIMES}}-{self.last:{_TIMES}}"
        return f"{times}-{self.instance}-{self.sequence:06d}.parquet"

    @property
    def folder(self) -> str:
        """The hive folders below the table's: date and hour of the first row."""
        return f"date={self.first:%Y-%m-%d}/hour={self.first:%H}"

    @classmethod
    def parse(cls, name: str) -> "FileName | None":
        """The name's parts, or ``None`` when it is no name of ours.

        >>> FileName.parse("20261121T140000-20261121T140059-web-1-000007.parquet").sequence
        7
        """
        match = _NAME.fullmatch(name)
        if match is None:
            return None
        try:
            first, last = (datetime.fromisoformat(match[i]).replace(tzinfo=UTC) for i in (1, 2))
        except ValueError:  # a month 13
            return None
        return cls(first=first, last=last, instance=match[3], sequence=int(match[4]))
