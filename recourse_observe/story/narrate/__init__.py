"""The only place where findings become words."""

from recourse_observe.story.narrate.actions import action
from recourse_observe.story.narrate.facts import sentence
from recourse_observe.story.narrate.incidents import (
    cannot_know,
    cause_name,
    headline,
    our_part,
    why,
)
from recourse_observe.story.narrate.signs import sign

__all__ = ["action", "cannot_know", "cause_name", "headline", "our_part", "sentence", "sign", "why"]
