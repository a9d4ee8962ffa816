"""What an archive covers, and who wrote it."""

from dataclasses import dataclass

__all__ = ["Coverage", "Gap", "WriterRow"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A stretch in which neither a call nor a heartbeat was recorded."""

    start_unix_us: int
    end_unix_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What an archive covers.

    Attributes:
        first_unix_us: Start of the first call.
        last_unix_us: End of the last one.
        calls: With sampled-out calls counted by their weight.
        unfinished: Calls in flight when their process died: neither won nor lost.
        sampled: Rows that stand for more than one call.
        dropped_events: What the recorders themselves say they lost.
        gaps: Longest first.
    """

    first_unix_us: int
    last_unix_us: int
    calls: int
    unfinished: int
    distinct_keys: int
    instances: int
    sampled: int
    attempts: int
    dropped_events: int
    gaps: tuple[Gap, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WriterRow:
    """One process that wrote, and how complete its part of the archive is.

    Attributes:
        first_unix_us: When it was first heard of.
        last_unix_us: When it was last heard of: a heartbeat, or the end of a call.
        is_heard: It told of itself; an imported archive's writers do not.
        is_closed: It ended in order, with nothing left to write.
        is_alive: It still writes.
        dropped_events: What it says that it lost.
        flush_ms: Rows are handed to the operating system so often; unknown of older archives.
        unfinished: Calls in flight when it died.
        sample_weight: Of the clean successes one in so many was kept; 1 is all.
    """

    service: str
    instance: str
    first_unix_us: int
    last_unix_us: int
    is_heard: bool
    is_closed: bool
    dropped_events: int
    flush_ms: float | None
    unfinished: int
    sample_weight: int
    is_alive: bool = False

    @property
    def has_died(self) -> bool:
        """It told of itself, does not write any more, and never said that it ended."""
        return self.is_heard and not self.is_closed and not self.is_alive
