"""Exit codes, frozen, and the sentence that goes with each error of a user."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from recourse_observe.scope import ScopeError
from recourse_observe.text import printable

__all__ = ["Exit", "Explained", "explained"]


class Exit(IntEnum):
    """What the process tells its caller."""

    OK = 0
    ERROR = 1
    USAGE = 2
    FOUND = 3
    TIMEOUT = 4
    ARCHIVE = 5
    INTERRUPTED = 130


_EXTRAS: Final = {
    "duckdb": "cli",
    "pyarrow": "cli",
    "pytz": "cli",
    "rich": "cli",
    "textual": "tui",
    "recourse_tui": "tui",
    "textual_serve": "web",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """An error as the user sees it."""

    code: Exit
    sentence: str


def explained(error: Exception) -> Explained | None:
    """What an error means for the user; ``None`` when it is a mistake of ours.

    The classes of archives and queries are told by name: importing them here would bring DuckDB
    and Arrow to every command.
    """
    if isinstance(error, ModuleNotFoundError):
        return _missing(error)
    names = {kind.__name__ for kind in type(error).__mro__}
    sentence = "\n".join(printable(line) for line in str(error).splitlines())
    if isinstance(error, ScopeError):
        return Explained(code=Exit.USAGE, sentence=sentence)
    if "ArchiveError" in names:
        return Explained(code=Exit.ARCHIVE, sentence=sentence)
    if "Superseded" in names:
        return Explained(
            code=Exit.TIMEOUT, sentence="the query took too long; raise --timeout or narrow it"
        )
    if names & {"CallNotFoundError", "LabelError", "PolicyError", "QueryError"}:
        return Explained(code=Exit.ERROR, sentence=sentence)
    return _refused(error) if isinstance(error, OSError) and error.strerror else None


def _refused(error: OSError) -> Explained:
    """What the operating system refused: a full disk, a folder that is read-only."""
    place = "input or output failed"
    if error.filename is not None:
        place = printable(f"{error.filename!r} cannot be read or written")
    return Explained(code=Exit.ERROR, sentence=f"{place} ({error.strerror})")


def _missing(error: ModuleNotFoundError) -> Explained | None:
    extra = _EXTRAS.get((error.name or "").partition(".")[0])
    if extra is None:
        return None
    return Explained(
        code=Exit.USAGE,
        sentence=(
            "this command needs packages that are not installed; "
            f"run: pip install 'recourse-observe[{extra}]'"
        ),
    )
