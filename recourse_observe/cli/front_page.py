"""The command's own help, printed without loading what its commands need."""

import os
import sys

from recourse_observe.cli.streams import silence_stdout

# As ``typing`` says it; importing that would cost as much as starting Python does.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["FRONT_PAGE", "show_front_page"]

FRONT_PAGE = os.path.join(os.path.dirname(__file__), "front_page.txt")  # noqa: PTH118, PTH120  # pathlib costs what the whole page costs
"""What ``recourse --help`` says where 80 columns fit; a test compares it with what click says."""
_COLUMNS = 80


def show_front_page(arguments: "Sequence[str]") -> bool:
    """Print the page, if the arguments ask for it and the terminal is as wide as it is."""
    if list(arguments) not in (["--help"], ["-h"]) or not _fits():
        return False
    with open(FRONT_PAGE, encoding="utf-8") as page:  # noqa: PTH123  # likewise
        text = page.read()
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        silence_stdout()
    return True


def _fits() -> bool:
    """Whether the page needs no other line breaks; what is no terminal takes any width."""
    if os.environ.get("COLUMNS"):
        return False  # somebody cares about the width: click knows how
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns >= _COLUMNS
    except (OSError, ValueError):
        return True
