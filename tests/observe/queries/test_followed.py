"""The policy of an incident is the one that its calls followed, not the one that ended it."""

from pathlib import Path
from typing import Any

from recourse_observe import open_archive
from recourse_observe.archive import write_archive
from recourse_observe.queries.followed import followed
from recourse_observe.scope import EVERYTHING

T0, S = 1_795_255_200_000_000, 1_000_000


def calls(*versions: str | None) -> list[dict[str, Any]]:
    return [
        {"call_id": f"c{n}", "key": "k", "started_at": T0 + n * S, "duration_us": 9, "policy_version": version}
        for n, version in enumerate(versions)
    ]  # fmt: skip


def policies(**applied: int) -> list[dict[str, Any]]:
    return [
        {"key": "k", "policy_version": version, "applied_at": T0 + at * S}
        for version, at in applied.items()
    ]


def test_the_policy_that_most_calls_followed_counts_and_not_the_last_one(tmp_path: Path) -> None:
    rows = {"calls": calls("old", "old", "old", "new"), "policies": policies(old=-1, new=3)}
    write_archive(tmp_path / "a", {**rows, "attempts": []})

    with open_archive(tmp_path / "a", trusted=True) as archive:
        whole = followed(archive, EVERYTHING.of("k"))
        late = followed(archive, EVERYTHING.of("k").during(T0 + 3 * S, T0 + 9 * S))

    assert whole is not None
    assert late is not None
    assert (whole.policy_version, late.policy_version) == ("old", "new")


def test_without_versions_the_last_policy_that_was_applied_counts(tmp_path: Path) -> None:
    rows = {"calls": calls(None, "unknown"), "policies": policies(first=-2, second=-1, later=5)}
    write_archive(tmp_path / "a", {**rows, "attempts": []})

    with open_archive(tmp_path / "a", trusted=True) as archive:
        found = followed(archive, EVERYTHING.of("k").during(T0, T0 + 3 * S))
        none = followed(archive, EVERYTHING.of("other"))

    assert found is not None
    assert found.policy_version == "second"
    assert none is None
