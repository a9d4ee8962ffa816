"""What is copied, in a file too: a terminal may ignore that it is asked to copy, and does not say so."""

import os
from contextlib import suppress
from pathlib import Path

from recourse_observe.text import visible

__all__ = ["place", "write_copy"]


def place() -> Path:
    """The file that holds what was copied last.

    Raises:
        RuntimeError: Nobody knows where the user is at home.
    """
    home = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(home).expanduser() / "recourse" / "copied.txt"


def write_copy(text: str) -> str:
    """Write what is copied, for this user alone; where it is now, or nothing if it cannot be written.

    Somebody will look at the file in a terminal: no character of an archive that a terminal obeys is in it.
    """
    with suppress(OSError, RuntimeError):
        target = place()
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        aside = target.with_suffix(f".{os.getpid()}.tmp")
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.writelines(f"{visible(line)}\n" for line in text.splitlines())
        aside.replace(target)
        return _shortly(target)
    return ""


def _shortly(path: Path) -> str:
    """The path as one types it."""
    with suppress(RuntimeError, ValueError):
        return f"~/{path.relative_to(Path.home())}"
    return str(path)
