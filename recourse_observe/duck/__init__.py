"""DuckDB's home: one in-memory database over an archive's files, safe from any thread.

What asks a database elsewhere needs its errors and lanes only: the rest is imported when it is asked for,
and DuckDB and pyarrow when a store is opened.
"""

import importlib
from typing import TYPE_CHECKING

from recourse_observe.duck.errors import DamagedError, QueryError, Superseded
from recourse_observe.duck.lanes import Lanes

if TYPE_CHECKING:
    from recourse_observe.duck.store import Store
    from recourse_observe.duck.tables import is_served
    from recourse_observe.duck.views import Files, View

__all__ = [
    "DamagedError",
    "Files",
    "Lanes",
    "QueryError",
    "Store",
    "Superseded",
    "View",
    "is_served",
]

_HOMES = {"Files": "views", "Store": "store", "View": "views", "is_served": "tables"}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
