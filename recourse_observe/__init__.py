"""Where the telling goes, and what it meant.

:func:`open_archive` is resolved when it is first asked for: importing this package imports nothing,
because the pytest plugin brings it into every test run of every project that has us installed.
"""

# As ``typing`` says it; type checkers know the name, and importing typing would cost as much as
# starting Python does.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from recourse_observe.queries.archive import open_archive

__all__ = ["open_archive"]


def __getattr__(name: str) -> object:
    if name != "open_archive":
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    from recourse_observe.queries.archive import open_archive  # it brings DuckDB and Arrow

    return open_archive
