"""Asking the what-if engine from a screen's worker: its processes need what Textual has taken."""

import contextlib
import os
import sys
from collections.abc import Callable
from multiprocessing import resource_tracker
from typing import TYPE_CHECKING

from recourse_observe.whatif import Answer, ask
from recourse_tui.screens.place import Candidate

if TYPE_CHECKING:
    from recourse_observe.queries.archive import Archive

__all__ = ["modelled"]


def modelled(
    archive: "Archive",
    candidate: Candidate,
    *,
    processes: int,
    progress: Callable[[str], None],
    sweep: str | None = None,
    suggest: bool = False,
) -> Answer:
    """What the engine says of a candidate.

    Args:
        archive: What was recorded.
        candidate: Its key, what it changes, and about which incident; 0 is the whole archive.
        processes: How many run the model; 0 is one for each core.
        progress: Hears what is going on; what it raises stops the model.
        sweep: A field and its values.
        suggest: Look for the best candidates, too.
    """
    key, edits, incident = candidate
    processes = processes or os.cpu_count() or 1
    if processes > 1:
        # Starting processes needs the terminal's own stderr for a moment; Textual's has no number.
        with contextlib.redirect_stderr(sys.__stderr__):
            resource_tracker.ensure_running()
    return ask(
        archive,
        key,
        edits=edits,
        incident=incident or None,
        sweep=sweep,
        suggest=suggest,
        processes=processes,
        progress=progress,
    )
