"""What policies of the laboratory may name beside the executor's own classifiers."""

from typing import Any, Final

from recourse.classify.auto import AutoClassifier
from recourse.classify.http import HTTPClassifier
from recourse.classify.protocol import Classifier
from recourse.outcome import Outcome

__all__ = ["EAGER", "Domain"]

EAGER: Final = HTTPClassifier(extra_retryable=(400, 404, 409, 410, 412, 422))
"""Repeats what a caller did wrong."""
_KINDS: Final[dict[str, Classifier]] = {
    "auto": AutoClassifier(),
    "http": HTTPClassifier(),
    "eager": EAGER,
}


class Domain:
    """A classifier whose code can be replaced while the process runs.

    Attributes:
        used: What it does at the moment.
    """

    def __init__(self) -> None:
        self.used = _KINDS["auto"]

    def become(self, kind: str) -> None:
        """Do from now on what another classifier does."""
        self.used = _KINDS[kind]

    def classify(self, value: Any, error: Exception | None) -> Outcome:
        """The outcome as the code of the moment sees it."""
        return self.used.classify(value, error)
