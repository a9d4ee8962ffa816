"""What becomes of segments that have ended: tables, and in time nothing."""

import logging
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

from recourse.clock import Clock
from recourse.locks import ForkGate
from recourse_observe.archive.disk import Disk
from recourse_observe.archive.journal import Ended
from recourse_observe.archive.leftovers import recover
from recourse_observe.archive.publish import publish_segment, settle_in_flight
from recourse_observe.archive.retention import expire
from recourse_observe.archive.segment_data import read_segment
from recourse_observe.archive.trouble import Trouble

__all__ = ["Publisher"]

_LOG: Final = logging.getLogger("recourse.archive")
_EXPIRY_S: Final = 600.0


class Publisher:
    """Publishes segments, dead writers' first, and removes what is older than is kept.

    All of it may take long: it is done beside the writing, by one thread at a time. Nobody forks but
    between steps: a child would wait for ever for what Arrow holds in the middle of one.

    Args:
        root: The archive.
        ended: Segments to publish, oldest first; what is published is taken out.
        keep_s: The age at which what was recorded is removed; ``None`` keeps it.
        clock: Time.
        disk: The file operations.
        rest: Called between steps, so that other threads get a turn.
    """

    def __init__(
        self,
        root: Path,
        ended: deque[Ended],
        keep_s: float | None,
        clock: Clock,
        disk: Disk,
        rest: Callable[[], object],
    ) -> None:
        self._root = root
        self._ended = ended
        self._keep_s = keep_s
        self._clock = clock
        self._disk = disk
        self._rest = rest
        self._working = threading.Lock()
        self._forks = ForkGate()
        self._trouble = Trouble(f"archive {root}: segments cannot be published")
        self._recovered = False
        self._next_expiry_s = 0.0

    def has_work(self, count: int) -> bool:
        """Whether there is something to do, and the disk is worth asking.

        Args:
            count: How many of the ended segments may be published.
        """
        if not self._recovered or self._expiry_is_due():
            return True
        return count > 0 and self._trouble.waits_s(self._clock.monotonic_s()) <= 0

    def recover(self) -> dict[str, int]:
        """Publish what dead writers left, the first time; the rows of each."""
        with self._working, self._forks:
            if self._recovered:
                return {}
            self._recovered = True
            try:
                return recover(self._root, self._disk, self._between_steps)
            except OSError:  # it will be seen again when we write ourselves
                return {}

    def publish(self, count: int, *, is_last: bool = False) -> None:
        """Publish segments that have ended; one that the disk refuses is tried again later.

        Args:
            count: How many of them, the oldest first.
            is_last: Whether no segment follows: then calls in flight get their rows.
        """
        ended = self._ended
        with self._working, self._forks:
            for _ in range(min(count, len(ended))):  # another thread may have been here first
                if not self._published(ended[0].path, is_last=is_last and len(ended) == 1):
                    return
                ended.popleft()

    def expire(self) -> None:
        """Remove what is older than is kept, now and then."""
        if self._keep_s is None or not self._expiry_is_due():
            return
        with self._working, self._forks:
            self._next_expiry_s = self._clock.monotonic_s() + _EXPIRY_S
            before_us = self._clock.time_unix_ns() // 1000 - round(self._keep_s * 1e6)
            try:
                removed = expire(self._root, before_us, self._disk, self._between_steps)
            except OSError as error:
                _LOG.warning("archive %s: old files cannot be removed (%s)", self._root, error)
            else:
                if removed:
                    _LOG.info("archive %s: %d old files were removed", self._root, removed)

    def _between_steps(self) -> None:
        with self._forks.opened():
            self._rest()

    def _expiry_is_due(self) -> bool:
        return self._keep_s is not None and self._clock.monotonic_s() >= self._next_expiry_s

    def _published(self, path: Path, *, is_last: bool) -> bool:
        """Whether nothing is left to do for this segment."""
        try:
            data = read_segment(path, self._between_steps)
            if is_last:
                settle_in_flight([data])
            publish_segment(self._root, path, data, self._between_steps, self._disk)
        except FileNotFoundError:
            pass  # somebody removed it
        except OSError as error:
            self._trouble.failed(error, self._clock.monotonic_s())
            return False
        except Exception:
            _LOG.exception("segment %s cannot be published; readers read it as it is", path)
        else:
            self._trouble.over()
        return True
