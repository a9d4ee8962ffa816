import os
from pathlib import Path
from typing import Any

import pytest

from recourse.errors import PolicyNotFoundError
from recourse.key import PolicyKey
from recourse.policy.problems import PolicyFileError
from recourse.provider import FileProvider

KEY = PolicyKey("a.B")


def policy_text(attempts: int) -> str:
    return f'[policies."a.B"]\nretry.max_attempts = {attempts}\n'


def attempts_of(provider: FileProvider) -> int:
    return provider.get(KEY).retry.max_attempts


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "p.toml"
    path.write_text(policy_text(2))
    return path


def test_a_file_gives_its_policies_and_its_default(path: Path, clock: Any) -> None:
    path.write_text(policy_text(2) + "[default.retry]\nmax_attempts = 1\n[fallback]\n")
    provider = FileProvider(path, clock)

    own, other = provider.get(KEY), provider.get(PolicyKey("x.Y"))

    assert (own.retry.max_attempts, own.source) == (2, "file")
    assert (other.key, other.id, other.source) == ("x.Y", "default", "default")
    assert provider.file.fallback is not None
    assert (provider.immediate, provider.problem) == (True, None)
    assert repr(provider) == f"FileProvider({str(path)!r})"


def test_a_key_that_the_file_does_not_know_is_not_found(path: Path) -> None:
    with pytest.raises(PolicyNotFoundError):
        FileProvider(str(path)).get(PolicyKey("x.Y"))


def test_a_file_that_cannot_be_used_from_the_start_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyFileError):
        FileProvider(tmp_path / "missing.toml")


def test_an_edit_is_followed_within_two_seconds_and_not_looked_for_before(
    path: Path, clock: Any
) -> None:
    provider = FileProvider(path, clock)
    path.write_text(policy_text(5))

    seen = []
    for moment_s in (1001.9, 1002.0, 1003.9, 1004.0):
        clock.now_s = moment_s
        seen.append(attempts_of(provider))
        path.write_text(policy_text(len(seen) + 4))

    assert seen == [2, 5, 5, 7]


def test_r11_a_policy_that_was_handed_out_does_not_change_with_the_file(
    path: Path, clock: Any
) -> None:
    provider = FileProvider(path, clock)
    snapshot = provider.get(KEY)

    path.write_text(policy_text(5))
    provider.reload()

    assert snapshot.retry.max_attempts == 2
    assert provider.get(KEY).version != snapshot.version


def test_an_atomic_rename_is_seen(path: Path, clock: Any) -> None:
    provider = FileProvider(path, clock)
    newer = path.with_suffix(".new")
    newer.write_text(policy_text(5))

    newer.rename(path)
    clock.now_s += 2.0

    assert attempts_of(provider) == 5


def test_a_swapped_config_map_is_seen_through_its_links(tmp_path: Path, clock: Any) -> None:
    for version in (1, 2):
        (tmp_path / f"..v{version}").mkdir()
        (tmp_path / f"..v{version}" / "p.toml").write_text(policy_text(version + 1))
    (tmp_path / "..data").symlink_to("..v1")
    (tmp_path / "p.toml").symlink_to("..data/p.toml")
    provider = FileProvider(tmp_path / "p.toml", clock)

    (tmp_path / "..next").symlink_to("..v2")
    (tmp_path / "..next").rename(tmp_path / "..data")
    clock.now_s += 2.0

    assert attempts_of(provider) == 3


def test_a_file_is_followed_when_the_process_goes_to_another_directory(
    path: Path, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(path.parent)
    provider = FileProvider(path.name, clock)
    monkeypatch.chdir("/")
    path.write_text(policy_text(4))
    clock.now_s += 2.0

    assert attempts_of(provider) == 4
    assert provider.problem is None
    assert repr(provider) == "FileProvider('p.toml')"


def test_a_time_stamp_alone_is_no_change(path: Path, clock: Any) -> None:
    provider = FileProvider(path, clock)
    before = provider.get(KEY)

    os.utime(path, (1, 1))

    assert provider.reload() is False
    assert provider.get(KEY) is before


@pytest.mark.parametrize("bad", ["not toml", "[policies.x]\nretry.max_attempts = 'x'\n"])
def test_a_bad_file_changes_nothing_but_the_problem(path: Path, clock: Any, bad: str) -> None:
    provider = FileProvider(path, clock)

    path.write_text(bad)
    reloaded = provider.reload(), provider.reload()

    assert reloaded == (False, False)
    assert attempts_of(provider) == 2
    assert isinstance(provider.problem, PolicyFileError)
    assert provider.file.policies[0].key == "a.B"


@pytest.mark.parametrize("moment", ["", "\n", "\ufeff"])
def test_a_file_that_is_truncated_before_it_is_written_is_not_followed(
    path: Path, clock: Any, moment: str
) -> None:
    provider = FileProvider(path, clock)

    path.write_text(moment)
    clock.now_s += 2.0

    assert attempts_of(provider) == 2
    assert "policy file is empty" in str(provider.problem)


def test_a_file_that_is_mended_is_followed_again(path: Path, clock: Any) -> None:
    provider = FileProvider(path, clock)
    path.write_text("not toml")
    provider.reload()

    path.write_text(policy_text(5))

    assert provider.reload() is True
    assert (attempts_of(provider), provider.problem) == (5, None)


def test_a_file_that_is_gone_for_a_moment_is_a_problem_until_it_is_back(
    path: Path, clock: Any
) -> None:
    provider = FileProvider(path, clock)
    path.unlink()
    provider.reload()
    problem = provider.problem

    path.write_text(policy_text(2))
    provider.reload()

    assert problem is not None
    assert "cannot be read" in str(problem)
    assert (attempts_of(provider), provider.problem) == (2, None)


def test_of_two_threads_that_find_the_time_come_only_one_looks(path: Path, clock: Any) -> None:
    provider = FileProvider(path, clock)
    path.write_text(policy_text(5))
    moments = iter([1002.0, 1001.0])  # what the other thread has changed between the two looks
    clock.monotonic_s = lambda: next(moments)

    assert attempts_of(provider) == 2
