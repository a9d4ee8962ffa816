"""What can be wrong with an archive as a whole; a single bad file is a warning, not an error.

::

    ArchiveError
    ├── ArchiveMissingError (FileNotFoundError)   there is nothing at the path
    ├── NotAnArchiveError                         there is something, and none of it is an archive's
    ├── ArchiveEmptyError                         an archive without a single readable row's file
    ├── ArchiveDamagedError                       it has files, and every one of them is bad
    └── ArchiveVersionError                       it was written by a newer major schema
"""

__all__ = [
    "ArchiveDamagedError",
    "ArchiveEmptyError",
    "ArchiveError",
    "ArchiveMissingError",
    "ArchiveVersionError",
    "NotAnArchiveError",
]


class ArchiveError(Exception):
    """An archive cannot be read or written.

    Attributes:
        path: The archive, as it was given.
        problem: What is wrong with it and what to do, as a phrase.
    """

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(path, problem)
        self.path = path
        self.problem = problem

    def __str__(self) -> str:
        return f"archive {self.path!r} {self.problem}"


class ArchiveMissingError(ArchiveError, FileNotFoundError):
    """There is nothing at the path."""

    def __str__(self) -> str:
        return ArchiveError.__str__(self)


class NotAnArchiveError(ArchiveError):
    """There is something at the path, and none of it belongs to an archive."""


class ArchiveEmptyError(ArchiveError):
    """It is an archive, and nothing has been recorded in it."""


class ArchiveDamagedError(ArchiveError):
    """It has files, and not one of them can be read."""


class ArchiveVersionError(ArchiveError):
    """It was written by a newer major version of the schema."""
