"""For tests: a clock under control, and blocks that change how calls behave inside them."""

from recourse.testing.blocks import HTTPFailure, disable, http, instant, limit_attempts, script
from recourse.testing.virtual_clock import VirtualClock

__all__ = [
    "HTTPFailure",
    "VirtualClock",
    "disable",
    "http",
    "instant",
    "limit_attempts",
    "script",
]
