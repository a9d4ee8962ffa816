"""What is true of a scenario: the incidents in it, as paired runs measured them.

A label file lies beside the archive and is never read by anything that diagnoses.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

__all__ = ["LABELS", "SCHEMA", "Incident", "Labels", "read_labels"]

SCHEMA: Final = "recourse.lab-labels/1"
LABELS: Final = "labels.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One incident that really happened; times are nanoseconds since 1970, UTC.

    Attributes:
        cause: Why, in the words of the story engine.
        also_right: Other causes that nobody could call wrong.
        keys: The culprit keys; of ``key_cardinality`` the key that the others begin with.
        affected_keys: Other keys whose calls fared worse by it.
        instances: The culprit processes; empty when it is not a matter of some.
        onset_ns: The start of the first of many calls that fared worse.
        end_ns: The start of the last of them.
        retry_effect: ``helped``, ``neutral`` or ``harmed``: the same incident without retries.
        actions: What a client could sensibly change.
    """

    cause: str
    also_right: tuple[str, ...] = ()
    keys: tuple[str, ...]
    affected_keys: tuple[str, ...] = ()
    instances: tuple[str, ...] = ()
    onset_ns: int
    end_ns: int
    retry_effect: str
    actions: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """What is true of one archive.

    Attributes:
        scenario: The kind of scenario.
        seed: What it was drawn from.
        split: ``development`` or ``held_out``.
        start_ns: Begin of the archive.
        end_ns: Its end.
        healthy_s: Seconds in which there is no incident.
        incidents: In the order of their onsets.
    """

    scenario: str
    seed: int
    split: str
    start_ns: int
    end_ns: int
    healthy_s: float
    incidents: tuple[Incident, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """As the file says it."""
        return {
            "schema": SCHEMA,
            "scenario": self.scenario,
            "seed": self.seed,
            "split": self.split,
            "window": {"start_ns": self.start_ns, "end_ns": self.end_ns},
            "healthy_s": self.healthy_s,
            "incidents": [_incident_json(incident) for incident in self.incidents],
        }

    def write(self, archive: Path) -> None:
        """Put the file beside the tables of an archive."""
        text = json.dumps(self.as_json(), indent=2) + "\n"
        (archive / LABELS).write_text(text, encoding="utf-8")


def read_labels(archive: Path) -> Labels:
    """The labels of an archive of the laboratory.

    Raises:
        OSError: There are none.
        ValueError: The file is not a label file of this version.
    """
    said = json.loads((archive / LABELS).read_text(encoding="utf-8"))
    if not isinstance(said, dict) or said.get("schema") != SCHEMA:
        message = f"{LABELS} of {str(archive)!r} is no {SCHEMA}; write it again with recourse lab"
        raise ValueError(message)
    return Labels(
        scenario=said["scenario"],
        seed=said["seed"],
        split=said["split"],
        start_ns=said["window"]["start_ns"],
        end_ns=said["window"]["end_ns"],
        healthy_s=said["healthy_s"],
        incidents=tuple(_incident_of(incident) for incident in said["incidents"]),
    )


_LISTS: Final = ("also_right", "keys", "affected_keys", "instances", "actions")
_NAMES: Final = (
    "cause",
    "also_right",
    "keys",
    "affected_keys",
    "instances",
    "onset_ns",
    "end_ns",
    "retry_effect",
    "actions",
)


def _incident_json(incident: Incident) -> dict[str, Any]:
    return {name: _plain(getattr(incident, name)) for name in _NAMES}


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _incident_of(said: dict[str, Any]) -> Incident:
    return Incident(**{name: _frozen(name, said[name]) for name in _NAMES})


def _frozen(name: str, value: Any) -> Any:
    given: Iterable[str] = value
    return tuple(given) if name in _LISTS else value
