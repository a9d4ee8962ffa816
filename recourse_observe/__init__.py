"""Where the telling goes, and what it meant.

:func:`open_archive` is resolved when it is first asked for: importing this package imports nothing,
because the pytest plugin brings it into every test run of every project that has us installed.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recourse_observe.queries.archive import open_archive

__all__ = ["open_archive"]


def __getattr__(name: str) -> Any:
    if name != "open_archive":
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    from recourse_observe.queries.archive import open_archive  # it brings DuckDB and Arrow

    return open_archive
