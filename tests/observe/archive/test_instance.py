import fcntl
import os
from pathlib import Path

import pytest

from recourse_observe import archive
from recourse_observe.archive import instance
from recourse_observe.archive.instance import (
    Lock,
    is_alive,
    live_folders,
    new_instance,
    segments_of,
)
from recourse_observe.archive.names import FileName


def test_a_name_tells_service_host_boot_pid_and_start_and_is_never_used_again() -> None:
    first, second = (new_instance("checkout-api/v1 é", 0) for _ in range(2))

    assert first != second
    assert first.startswith("checkout-api_v1_-")
    assert f"-{os.getpid()}-19700101T000000-" in first
    name = f"19700101T000000-19700101T000000-{first}-000000.parquet"
    parsed = FileName.parse(name)
    assert parsed is not None
    assert parsed.instance == first


def test_a_service_without_a_name_has_one() -> None:
    assert new_instance("", 0).startswith("x-")


def test_a_machine_without_a_boot_id_has_boot_zero(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(instance, "_BOOT_ID", tmp_path / "nothing")

    assert f"-0-{os.getpid()}-" in new_instance("s", 0)


def test_a_lock_is_held_by_one_and_released_with_its_descriptor(tmp_path: Path) -> None:
    assert not is_alive(tmp_path)
    lock = Lock(tmp_path)

    assert is_alive(tmp_path)
    with pytest.raises(BlockingIOError):
        Lock(tmp_path)

    lock.release()
    assert not is_alive(tmp_path)
    Lock(tmp_path).release()


@pytest.mark.parametrize("another", [False, True], ids=["none is there", "another is there"])
def test_a_lock_that_was_taken_away_meanwhile_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, another: bool
) -> None:
    flock = fcntl.flock

    def tidied_first(descriptor: int, how: int) -> None:
        (tmp_path / "lock").unlink()
        if another:
            (tmp_path / "lock").touch()
        flock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", tidied_first)

    with pytest.raises(FileNotFoundError):
        Lock(tmp_path)


def test_what_is_not_there_has_no_folders_and_no_segments(tmp_path: Path) -> None:
    assert list(live_folders(tmp_path)) == []
    assert segments_of(tmp_path / "nothing") == []


def test_the_package_gives_its_names_when_they_are_asked_for() -> None:
    assert {name: getattr(archive, name).__name__ for name in archive.__all__} == {
        name: name for name in archive.__all__
    }
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        archive.nothing  # noqa: B018  # the look-up is the test
