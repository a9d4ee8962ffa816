"""What the recorder does to the disk, in one small class, so that a test can make each step fail."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

__all__ = ["DISK", "Disk", "DiskLost"]


class DiskLost(OSError):
    """The file that is being written is gone: writing to a removed file succeeds in silence."""


class Disk:
    """The file operations of a recorder; every one of them may raise ``OSError``."""

    def folder(self, path: Path, *, durable: bool = False) -> None:
        """Make a folder and those above it; ``durable`` ones survive a power cut."""
        if path.is_dir():
            return
        if path.parent != path:
            self.folder(path.parent, durable=durable)
        self.make_folder(path)
        if durable:
            self.sync_path(path.parent)

    def make_folder(self, path: Path) -> None:
        """Make one folder, unless somebody has."""
        path.mkdir(exist_ok=True)

    def write(self, path: Path, write: Callable[[Path], object]) -> None:
        """Have a whole file written."""
        write(path)

    def sync_path(self, path: Path) -> None:
        """Put a file, or the names in a folder, on the disk."""
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def rename(self, path: Path, to: Path) -> None:
        """Give a file its name, in place of what has it."""
        path.replace(to)

    def create(self, path: Path) -> int:
        """A new file to append to, as a descriptor."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        return os.open(path, flags, 0o644)

    def append(self, descriptor: int, data: bytes) -> None:
        """Hand all of ``data`` to the operating system, in one write.

        Raises:
            OSError: Not all of it was taken, or the file has been removed.
        """
        if os.fstat(descriptor).st_nlink == 0:
            raise DiskLost(2, "the segment was removed while it was written")
        taken = os.write(descriptor, data)
        if taken != len(data):
            raise OSError(28, f"only {taken} of {len(data)} bytes were written")

    def sync(self, descriptor: int) -> None:
        """Have the operating system put on the disk what it was handed."""
        os.fdatasync(descriptor)

    def cut(self, descriptor: int, size: int) -> None:
        """Cut a file back to its last whole batch."""
        os.ftruncate(descriptor, size)

    def close(self, descriptor: int) -> None:
        """Give the descriptor back."""
        os.close(descriptor)

    def remove(self, path: Path) -> None:
        """Remove a file, which may be gone already."""
        path.unlink(missing_ok=True)

    def remove_folder(self, path: Path) -> None:
        """Remove a folder, if it is empty."""
        if path.exists():
            path.rmdir()


DISK: Final = Disk()
