"""An open archive, and what every screen's frame shows of it."""

import threading
from importlib import import_module
from typing import TYPE_CHECKING, Final

from recourse_observe.scope import EVERYTHING, Scope, ScopeError

if TYPE_CHECKING:
    from recourse_observe.queries.archive import Archive
    from recourse_observe.queries.rows import Coverage
    from recourse_observe.replay.timeline import Replay
    from recourse_observe.story.find import Found
    from recourse_observe.story.findings import StoryDocument

__all__ = ["Opened", "expected", "looked_at", "read"]

_HISTOGRAM_BUCKETS: Final = 240
_STORY: Final = "recourse_observe.story.tell"


class Opened:
    """An archive, with what every screen's frame shows of it, and its story once somebody asked.

    Attributes:
        lost: Lost calls in equal parts of the archive's time; ``None`` where no call was made.
    """

    def __init__(
        self, archive: "Archive", coverage: "Coverage", lost: tuple[float | None, ...]
    ) -> None:
        self.archive = archive
        self.coverage = coverage
        self.lost = lost
        self.found: Found | None = None
        self.told: StoryDocument | None = None
        self._telling = threading.Lock()
        self._played: tuple[Scope, Replay] | None = None

    def incidents(self) -> "Found":
        """When and where there were incidents, which is known before their causes are."""
        from recourse_observe.story.find import find  # it brings Arrow: not before the first frame

        with self._telling:
            self.found = self.found or find(self.archive)
            return self.found

    def story(self) -> "StoryDocument":
        """What the story engine says: told once, in whichever worker asks first."""
        from recourse_observe.story.tell import tell  # as above

        found = self.incidents()
        with self._telling:
            self.told = self.told or tell(self.archive, found)
            return self.told

    def replay(self, scope: Scope) -> "Replay":
        """Everything that happened in the time of a scope; the last one is kept."""
        from recourse_observe.replay.load import load

        known = self._played
        if known is not None and known[0] == scope:
            return known[1]
        replay = load(self.archive, scope)
        self._played = (scope, replay)
        return replay


def expected() -> tuple[type[Exception], ...]:
    """Errors that are an answer: their text is for the person."""
    # They bring Arrow, so only workers ask for them.
    from recourse.policy.problems import PolicyFileError
    from recourse_observe.archive.errors import ArchiveError
    from recourse_observe.duck import QueryError
    from recourse_observe.queries.archive import CallNotFoundError
    from recourse_observe.whatif import NoIncidentError, NoKeyError

    return (
        ArchiveError, CallNotFoundError, NoIncidentError, NoKeyError, OSError, PolicyFileError,
        QueryError, ScopeError,
    )  # fmt: skip


def read(path: str, *, trusted: bool = False) -> Opened:
    """Open an archive and ask what every screen's frame needs; runs in a worker.

    Args:
        path: A directory, one Parquet file, a bundle, or a pattern.
        trusted: The archive is our own: read it in this process.

    Raises:
        ArchiveError: Nothing of it can be read.
    """
    from recourse_observe import open_archive  # it brings the whole core

    # What tells the story is wanted next: it comes while another process reads.
    threading.Thread(target=import_module, args=(_STORY,)).start()
    archive = open_archive(path, trusted=trusted)
    try:
        return looked_at(archive)
    except BaseException:
        archive.close()
        raise


def looked_at(archive: "Archive") -> Opened:
    """An open archive with what every screen's frame needs; asks, so only in a worker."""
    whole = archive.within(EVERYTHING)
    bucket_us = max(1, -(-whole.span_us // _HISTOGRAM_BUCKETS))
    lost: list[float | None] = [None] * _HISTOGRAM_BUCKETS
    told = archive.told("lost", whole, bucket_us=bucket_us, origin_us=whole.start_unix_us)
    for bucket, calls in told.rows:
        lost[bucket] = calls
    return Opened(archive, archive.coverage(), tuple(lost))
