"""The timeline archive: Parquet files that a service writes about its own calls."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from recourse_observe.archive.build import write_archive
    from recourse_observe.archive.errors import ArchiveError
    from recourse_observe.archive.reader import Survey, open_store, survey
    from recourse_observe.archive.writer import ArchiveObserver

__all__ = [
    "ArchiveError",
    "ArchiveObserver",
    "Survey",
    "open_store",
    "survey",
    "write_archive",
]

_HOMES = {
    "ArchiveError": "errors",
    "ArchiveObserver": "writer",
    "Survey": "reader",
    "open_store": "reader",
    "survey": "reader",
    "write_archive": "build",
}


def __getattr__(name: str) -> object:
    """The public names, imported when they are asked for: each brings pyarrow."""
    if name not in _HOMES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
