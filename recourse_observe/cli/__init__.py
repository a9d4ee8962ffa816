"""The ``recourse`` command: every screen's twin, and the door to the screens."""

import sys

from recourse_observe.cli.front_page import show_front_page
from recourse_observe.cli.streams import ready_streams

# As ``typing`` says it; importing that would cost as much as starting Python does.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]


def main(argv: "Sequence[str] | None" = None) -> int:
    """Run the command line and give its exit code.

    Args:
        argv: The arguments without the program's name; those of the process when left out.
    """
    arguments = sys.argv[1:] if argv is None else argv
    ready_streams()
    if show_front_page(arguments):
        return 0
    try:
        from recourse_observe.cli.root import run  # it brings click
    except KeyboardInterrupt:
        return 130
    except ModuleNotFoundError as missing:
        if missing.name != "click":
            raise
        sys.stderr.write(
            "recourse: the command line needs packages that are not installed; "
            "run: pip install 'recourse-observe[cli]'\n"
        )
        return 2
    return run(arguments)
