"""Policy providers: where policies come from."""

from recourse.lazy import finder

# As ``typing`` says it; type checkers know the name.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from recourse.provider.file import FileProvider
    from recourse.provider.http_source import HTTPSource
    from recourse.provider.protocol import AsyncProvider, Cached, Provider
    from recourse.provider.remote import RemoteProvider
    from recourse.provider.static import StaticProvider

__all__ = [
    "AsyncProvider",
    "Cached",
    "FileProvider",
    "HTTPSource",
    "Provider",
    "RemoteProvider",
    "StaticProvider",
]

# Who reads no files and asks no server pays for neither parsers nor clients.
_HOMES = {
    "file": ("FileProvider",),
    "http_source": ("HTTPSource",),
    "protocol": ("AsyncProvider", "Cached", "Provider"),
    "remote": ("RemoteProvider",),
    "static": ("StaticProvider",),
}

if not TYPE_CHECKING:  # pragma: no branch  # a type checker that saw it would accept any name
    __getattr__ = finder(__name__, _HOMES)
