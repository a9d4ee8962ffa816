"""Questions that do not wait for each other: while one is planned or told, another is looked up."""

import threading
from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["side_by_side"]

FirstT = TypeVar("FirstT")
SecondT = TypeVar("SecondT")


def side_by_side(
    first: Callable[[], FirstT], second: Callable[[], SecondT]
) -> tuple[FirstT, SecondT]:
    """What both give, the second in a thread of its own. The trouble of either is raised.

    >>> side_by_side(lambda: 1, lambda: "2")
    (1, '2')
    """
    found: list[Any] = []
    trouble: list[BaseException] = []

    def beside() -> None:
        try:
            found.append(second())
        except BaseException as error:  # noqa: BLE001  # it is raised where the answer is wanted
            trouble.append(error)

    thread = threading.Thread(target=beside, name="recourse-beside", daemon=True)
    thread.start()
    here = first()  # when that fails, nobody waits for the other
    thread.join()
    if trouble:
        raise trouble[0]
    return here, found[0]
