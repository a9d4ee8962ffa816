"""How a recorded incident would have gone under another policy; every number says of what kind it is.

>>> from recourse_observe.whatif import Kind
>>> ", ".join(Kind)
'EXACT, BOUND, MODEL, REPLAY'
"""

from recourse_observe.whatif.answer import (
    Answer,
    Check,
    CheckRow,
    Direction,
    Edit,
    Kind,
    LoadPoint,
    Row,
    Sense,
    Suggestion,
    SweepPoint,
    Unit,
)
from recourse_observe.whatif.asking import ask, certain
from recourse_observe.whatif.scene import NoIncidentError, NoKeyError

__all__ = [
    "Answer",
    "Check",
    "CheckRow",
    "Direction",
    "Edit",
    "Kind",
    "LoadPoint",
    "NoIncidentError",
    "NoKeyError",
    "Row",
    "Sense",
    "Suggestion",
    "SweepPoint",
    "Unit",
    "ask",
    "certain",
]
