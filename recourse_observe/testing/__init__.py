"""For tests of services: a recorder of timelines, and the pytest plugin that brings it along."""

from recourse_observe.testing.recorder import TimelineRecorder

__all__ = ["TimelineRecorder"]
