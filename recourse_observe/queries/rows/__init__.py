"""What an archive answers: one frozen row for each question.

Moments are whole microseconds since 1970 (``…_unix_us``), durations microseconds (``…_us``). Text
comes from the archive as it was written: pass it through ``text.printable`` before it is shown.

Each class is made when it is first named: a question needs one or two, and to make all takes as long as
many a question.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from recourse_observe.queries.rows.calls import (
        AttemptRow,
        BudgetRow,
        CallDetail,
        CallPage,
        CallRow,
        HedgeRow,
        ShapeRow,
        WholeCall,
    )
    from recourse_observe.queries.rows.changes import PolicyRow, TransitionRow
    from recourse_observe.queries.rows.coverage import Coverage, Gap, WriterRow
    from recourse_observe.queries.rows.keys import (
        BucketRow,
        DimensionRow,
        KeyRow,
        LatencyRow,
        LevelRow,
        OverviewRow,
        ReasonRow,
    )

__all__ = [
    "AttemptRow",
    "BucketRow",
    "BudgetRow",
    "CallDetail",
    "CallPage",
    "CallRow",
    "Coverage",
    "DimensionRow",
    "Gap",
    "HedgeRow",
    "KeyRow",
    "LatencyRow",
    "LevelRow",
    "OverviewRow",
    "PolicyRow",
    "ReasonRow",
    "ShapeRow",
    "TransitionRow",
    "WholeCall",
    "WriterRow",
]

_HOMES = {
    "AttemptRow": "calls",
    "BucketRow": "keys",
    "BudgetRow": "calls",
    "CallDetail": "calls",
    "CallPage": "calls",
    "CallRow": "calls",
    "Coverage": "coverage",
    "DimensionRow": "keys",
    "Gap": "coverage",
    "HedgeRow": "calls",
    "KeyRow": "keys",
    "LatencyRow": "keys",
    "LevelRow": "keys",
    "OverviewRow": "keys",
    "PolicyRow": "changes",
    "ReasonRow": "keys",
    "ShapeRow": "calls",
    "TransitionRow": "changes",
    "WholeCall": "calls",
    "WriterRow": "coverage",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
