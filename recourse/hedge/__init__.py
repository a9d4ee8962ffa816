"""Hedging: when a second run of a slow attempt is worth its load."""

from recourse.hedge.fixed import FixedDelay
from recourse.hedge.percentile import LatencyPercentile
from recourse.hedge.protocol import Sampling, Trigger
from recourse.hedge.registry import MissingTrigger, Triggers

__all__ = [
    "FixedDelay",
    "LatencyPercentile",
    "MissingTrigger",
    "Sampling",
    "Trigger",
    "Triggers",
]
