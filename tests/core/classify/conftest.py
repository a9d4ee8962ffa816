from types import SimpleNamespace
from typing import Any

import pytest

from recourse.clock import SystemClock

NOON_UNIX_NS = 784_123_200 * 10**9  # Sun, 06 Nov 1994 12:00:00 GMT


class FrozenClock(SystemClock):
    def time_unix_ns(self) -> int:
        return NOON_UNIX_NS


class FakeHTTPError(Exception):
    """An error as clients make them: a response, a request, and their parts."""

    def __init__(
        self,
        status: int,
        method: str | None = None,
        headers: dict[str, str] | None = None,
        request_headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(f"upstream {status}")
        self.response: Any = SimpleNamespace(status_code=status, headers=headers or {})
        if method is not None:
            self.request = SimpleNamespace(method=method, headers=request_headers or {})


@pytest.fixture
def clock() -> SystemClock:
    return FrozenClock()


@pytest.fixture
def http_error() -> type[FakeHTTPError]:
    return FakeHTTPError
