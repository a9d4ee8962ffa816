"""Classifiers: what a value or an error means."""

from recourse.classify.auto import AutoClassifier
from recourse.classify.builtin import AlwaysRetryOnError, ByException, ByResult
from recourse.classify.http import HTTPClassifier
from recourse.classify.protocol import Classifier, PolicyAware
from recourse.classify.registry import ClassifierRegistry

__all__ = [
    "AlwaysRetryOnError",
    "AutoClassifier",
    "ByException",
    "ByResult",
    "Classifier",
    "ClassifierRegistry",
    "HTTPClassifier",
    "PolicyAware",
]
