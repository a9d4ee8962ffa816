"""Policy providers: where policies come from."""

from recourse.provider.protocol import AsyncProvider, Cached, Provider
from recourse.provider.static import StaticProvider

__all__ = ["AsyncProvider", "Cached", "Provider", "StaticProvider"]
