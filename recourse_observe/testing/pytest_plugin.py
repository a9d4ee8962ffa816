"""The pytest plugin: timelines of the calls that a test made."""
