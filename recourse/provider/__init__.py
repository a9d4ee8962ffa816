"""Policy providers: where policies come from."""

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
