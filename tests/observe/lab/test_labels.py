"""The label file: as pinned, and read as it was written."""

import json
from pathlib import Path

import pytest

from recourse_observe.lab.labels import Incident, Labels, read_labels

LABELS = Labels(
    scenario="retry_storm",
    seed=3,
    split="development",
    start_ns=1,
    end_ns=9,
    healthy_s=2.5,
    incidents=(
        Incident(
            cause="retry_storm",
            also_right=("dependency_outage",),
            keys=("stock.Reserve",),
            affected_keys=("order.Place",),
            instances=("web-1",),
            onset_ns=3,
            end_ns=6,
            retry_effect="harmed",
            actions=("enable_budget",),
        ),
    ),
)


def test_labels_are_read_as_they_were_written(tmp_path: Path) -> None:
    LABELS.write(tmp_path)

    assert read_labels(tmp_path) == LABELS


def test_the_file_has_the_pinned_names() -> None:
    said = json.loads(json.dumps(LABELS.as_json()))

    assert said["schema"] == "recourse.lab-labels/1"
    assert list(said) == [
        *("schema", "scenario", "seed", "split", "window", "healthy_s", "incidents"),
    ]
    assert said["window"] == {"start_ns": 1, "end_ns": 9}
    assert list(said["incidents"][0]) == [
        *("cause", "also_right", "keys", "affected_keys", "instances", "onset_ns", "end_ns"),
        *("retry_effect", "actions"),
    ]


@pytest.mark.parametrize("text", ['{"schema": "other/1"}', "[]"])
def test_another_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "labels.json").write_text(text)

    with pytest.raises(ValueError, match=r"is no recourse\.lab-labels/1; write it again"):
        read_labels(tmp_path)
