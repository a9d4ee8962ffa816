"""Policies from a file, followed while it changes."""

from pathlib import Path
from typing import Final

from recourse.clock import Clock, SystemClock
from recourse.key import PolicyKey
from recourse.locks import Mutex
from recourse.policy.load import loads, text_of
from recourse.policy.model import EffectivePolicy
from recourse.policy.parse import PolicyFile
from recourse.policy.problems import PolicyFileError
from recourse.provider.lookup import Lookup
from recourse.reasons import PolicySource

__all__ = ["FileProvider"]

POLL_S: Final = 2.0


class FileProvider:
    """The policies of a TOML, JSON or YAML file; a change is followed within two seconds.

    The content is compared, not the time stamp, and through symbolic links: it sees an edit, an
    atomic rename and a swapped ConfigMap alike. A new file that cannot be used changes nothing but
    :attr:`problem`; the last good one is followed on.

    Budgets and the fallback of the file reach an executor that was given none of its own. They are
    taken when the executor is made: a later change of them waits for the next start, because a
    budget that is replaced would be full again.

    Args:
        path: The file; its suffix tells the format.
        clock: Decides when it is time to look again.

    Raises:
        PolicyFileError: The file cannot be used, and there is no earlier one to follow.
    """

    __slots__ = (
        "_clock",
        "_content",
        "_file",
        "_lookup",
        "_mutex",
        "_name",
        "_next_look_s",
        "_path",
        "_problem",
    )

    immediate: Final = True

    def __init__(self, path: Path | str, clock: Clock | None = None) -> None:
        self._name = str(path)
        self._path = Path(path).absolute()  # a process may change its directory
        self._clock: Clock = clock or SystemClock()
        self._mutex = Mutex()
        self._content: str | None = text_of(self._path)
        self._problem: PolicyFileError | None = None
        self._next_look_s = self._clock.monotonic_s() + POLL_S
        self._follow(loads(self._content, self._name))

    def get(self, key: PolicyKey) -> EffectivePolicy:
        """The key's policy, or the file's default.

        Raises:
            PolicyNotFoundError: The key has none and the file has no default.
        """
        if self._clock.monotonic_s() >= self._next_look_s and self._is_my_turn():
            self.reload()
        return self._lookup.get(key)

    def reload(self) -> bool:
        """Look at the file now; whether it has changed to something that can be followed."""
        content: str | None = None
        try:
            content = text_of(self._path)
            if content == self._content:
                return False
            self._follow(loads(content, self._name))
        except PolicyFileError as problem:
            self._problem = problem
            return False
        finally:
            # After a file that could not be read, even the old content is news.
            self._content = content
        self._problem = None
        return True

    @property
    def problem(self) -> PolicyFileError | None:
        """Why the file as it is now cannot be followed; ``None`` when it is."""
        return self._problem

    @property
    def file(self) -> PolicyFile:
        """What is followed: the last content of the file that was good."""
        return self._file

    def _is_my_turn(self) -> bool:
        with self._mutex.lock:
            now_s = self._clock.monotonic_s()
            if now_s < self._next_look_s:
                return False  # another thread was faster
            self._next_look_s = now_s + POLL_S
            return True

    def _follow(self, file: PolicyFile) -> None:
        self._lookup = Lookup(file.policies, file.default, PolicySource.FILE)
        self._file = file

    def __repr__(self) -> str:
        return f"FileProvider({self._name!r})"
