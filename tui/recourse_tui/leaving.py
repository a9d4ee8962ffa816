"""Leaving because somebody says so from outside: the terminal is put back before the process ends."""

import asyncio
import signal
from typing import Any, Final

from textual.app import App

__all__ = ["leave_on_signals"]

_SIGNALS: Final = (signal.SIGTERM, signal.SIGHUP)
_KILLED: Final = 128
"""What a shell adds to the number of the signal that ended a process."""


def leave_on_signals(app: App[Any]) -> None:
    """End the app as ``q`` does when the process is asked to end; the loop forgets it when it closes."""
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, app.exit, None, _KILLED + number)
