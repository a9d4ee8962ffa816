"""The user's cache folder: what a look at an archive found, for the next look. Lost without harm."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

__all__ = ["MOST_BYTES", "keep", "place"]

MOST_BYTES: Final = 64 << 20
_MOST_FILES: Final = 64


def place(archive: str | os.PathLike[str]) -> Path:
    """Where it is kept of an archive.

    Raises:
        RuntimeError: Nobody knows where the user is at home, as in containers of unknown users.
    """
    from hashlib import sha256  # not everybody keeps something

    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    name = sha256(os.fsencode(os.path.realpath(archive))).hexdigest()[:32]
    return Path(home).expanduser() / "recourse" / f"{name}.json"


def keep(archive: str | os.PathLike[str], said: bytes) -> None:
    """Keep it, if the folder can be written to, and let go of what was kept longest ago."""
    if len(said) > MOST_BYTES:
        return
    with suppress(OSError, RuntimeError):
        target = place(archive)
        aside = target.with_suffix(f".{os.getpid()}.tmp")
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(said)
        aside.replace(target)
        kept = sorted(target.parent.iterdir(), key=lambda one: one.stat().st_mtime_ns)
        for old in kept[:-_MOST_FILES]:
            old.unlink()
