"""Classifiers by the name that a policy uses."""

import importlib
from collections.abc import Mapping
from typing import Any, Final

from recourse.classify.auto import AutoClassifier
from recourse.classify.builtin import AlwaysRetryOnError
from recourse.classify.http import HTTPClassifier
from recourse.classify.protocol import Classifier
from recourse.clock import Clock
from recourse.errors import PolicyError

__all__ = ["ClassifierRegistry"]

# Loaded when a policy first asks for one, so that the core imports no integration.
_INTEGRATED: Final = {
    "grpc": ("recourse.integrations.grpc", "GRPCClassifier"),
    "redis": ("recourse.integrations.redis", "RedisClassifier"),
    "sqlstate": ("recourse.integrations.sql", "SQLStateClassifier"),
}


class ClassifierRegistry:
    """The classifiers that policies may name: ``always``, ``auto``, ``http``, and the user's.

    ``grpc``, ``redis`` and ``sqlstate`` come from the integrations. A name given by the user wins
    over one of ours.

    Args:
        classifiers: The user's, by name.
        clock: For a ``Retry-After`` that is a date.

    Raises:
        PolicyError: A value has no ``classify``.
    """

    __slots__ = ("_by_name",)

    def __init__(
        self, classifiers: Mapping[str, Classifier] | None = None, clock: Clock | None = None
    ) -> None:
        http = HTTPClassifier(clock=clock)
        self._by_name: dict[str, Classifier] = {
            "always": AlwaysRetryOnError(),
            "auto": AutoClassifier(http),
            "http": http,
        }
        for name, classifier in (classifiers or {}).items():
            is_class = isinstance(classifier, type)
            if is_class or not callable(getattr(classifier, "classify", None)):
                field = f"classifiers.{name}"
                raise PolicyError(field, classifier, "an object with classify")
            self._by_name[name] = classifier

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that can be asked for, sorted."""
        return tuple(sorted({*self._by_name, *_INTEGRATED}))

    def find(self, name: str) -> Classifier | None:
        """The classifier of this name; ``None`` when there is none, or it cannot be loaded."""
        if (found := self._by_name.get(name)) is not None:
            return found
        if name not in _INTEGRATED:
            return None
        loaded = _loaded(*_INTEGRATED[name])
        if loaded is not None:
            self._by_name[name] = loaded
        return loaded


def _loaded(module: str, attribute: str) -> Classifier | None:
    try:
        kind: Any = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError):
        return None
    classifier: Classifier = kind()
    return classifier
