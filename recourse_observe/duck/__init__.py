"""DuckDB's home: one in-memory database over an archive's files, safe from any thread.

DuckDB and pyarrow are imported when a store is opened, not with this package.
"""

from recourse_observe.duck.errors import DamagedError, QueryError, Superseded
from recourse_observe.duck.lanes import Lanes
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
