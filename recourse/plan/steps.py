"""What a plan asks its driver to do. A plain :class:`~recourse.plan.call.Run` means: run it inline."""

from typing import Any, NamedTuple, TypeAlias

from recourse.plan.call import Run

__all__ = ["Await", "Cancel", "Drop", "Finish", "Launch", "Sleep", "Step"]


class Sleep(NamedTuple):
    """Wait between attempts. Reply: ``None``, or the BaseException that ended the wait early."""

    seconds: float


class Launch(NamedTuple):
    """Start a run beside the caller, in its own copy of the context. Reply: ``None``."""

    run: Run


class Await(NamedTuple):
    """Wait for launched runs until a moment (``None``: for ever).

    Reply: the runs that have finished since, empty when the moment came first; or the
    BaseException that ended the wait.
    """

    until_s: float | None


class Cancel(NamedTuple):
    """Stop waiting for a launched run, and stop the run where that is possible.

    Reply: True; or False when the run has finished already, and the next :class:`Await` gives it.
    """

    run: Run


class Drop(NamedTuple):
    """Let a launched run go, whether it has finished or not: its value is disposed of.

    Reply: whether it has finished already.
    """

    run: Run


class Finish(NamedTuple):
    """The end of a plan: return the value, or raise the error."""

    value: Any = None
    error: BaseException | None = None


Step: TypeAlias = Run | Sleep | Launch | Await | Cancel | Drop
