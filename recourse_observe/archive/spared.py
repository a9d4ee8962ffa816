"""What the libraries of a query worker import for nothing: more than half of what its start would cost."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Final

__all__ = ["spared"]

_UNWANTED: Final = frozenset(
    ("numpy", "pandas", "pyarrow._azurefs", "pyarrow._gcsfs", "pyarrow._s3fs")
)
_METADATA: Final = "importlib.metadata"


@contextmanager
def spared() -> Iterator[None]:
    """Import Arrow and DuckDB with nothing besides, for good; garbage is collected afterwards.

    Arrow imports numpy, pandas and clients of object stores when they are there. DuckDB asks the
    metadata of its package for a version that nobody wants, which brings e-mail and zip files.
    """
    sys.meta_path.insert(0, _Absent())
    known = sys.modules.get(_METADATA)
    if known is None:
        sys.modules[_METADATA] = _Metadata(_METADATA)
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()  # what is imported stays
        gc.enable()
        if known is None:
            del sys.modules[_METADATA]


class _Absent:
    """Finds no module that is not wanted."""

    def find_spec(self, fullname: str, path: object, target: object = None) -> None:
        """Refuse it."""
        del path, target
        if fullname in _UNWANTED:
            raise ModuleNotFoundError(fullname, name=fullname)


class _Metadata(ModuleType):
    """Stands for ``importlib.metadata`` meanwhile."""

    @staticmethod
    def version(package: str) -> str:
        """A version of any package."""
        del package
        return "0"
