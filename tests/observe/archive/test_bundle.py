import os
import secrets
import shutil
import stat
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from recourse import Executor, Policy
from recourse_observe import open_archive
from recourse_observe.archive import ArchiveObserver, survey, write_archive
from recourse_observe.archive.bundle import bundle, is_bundle, unbundled
from recourse_observe.archive.compact import compact
from recourse_observe.archive.errors import ArchiveDamagedError, ArchiveError, ArchiveMissingError
from recourse_observe.archive.leftovers import recover

AT = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    rows = [
        {"call_id": f"{i:03}", "key": "a.B", "started_at": AT + timedelta(minutes=30 * i)}
        for i in range(4)
    ]
    return write_archive(tmp_path / "archive", {"calls": rows})


def test_a_bundle_reads_like_the_directory(archive: Path, tmp_path: Path) -> None:
    reached: list[tuple[int, int]] = []

    done = bundle(
        archive, tmp_path / "x.rarc", notes="look at 14:30", progress=lambda *at: reached.append(at)
    )

    assert (done.files, done.warnings, reached) == (2, (), [(1, 4), (2, 4), (3, 4), (4, 4)])
    assert done.size_bytes == done.path.stat().st_size
    assert is_bundle(done.path)
    with unbundled(done.path) as folder:
        assert (folder / "notes.md").read_text() == "look at 14:30"
        assert (folder / "recourse.sql").exists()
        assert survey(folder).rows == survey(archive).rows
    assert not folder.exists()
    with open_archive(done.path, trusted=True) as opened:
        assert opened.name == "x.rarc"
        assert opened.coverage().calls == 4


def test_what_a_writer_has_not_published_is_in_the_bundle(archive: Path, tmp_path: Path) -> None:
    folder = archive / "_live" / "web-1"
    folder.mkdir(parents=True)
    (folder / "000000.segment").write_bytes(b"")

    done = bundle(archive, tmp_path / "x.rarc")

    assert "_live/web-1/000000.segment" in zipfile.ZipFile(done.path).namelist()


def test_the_same_archive_makes_the_same_bundle(archive: Path, tmp_path: Path) -> None:
    first, second = (bundle(archive, tmp_path / name).path for name in ("a.rarc", "b.rarc"))

    assert first.read_bytes() == second.read_bytes()


def test_damaged_files_stay_behind_and_are_named(archive: Path, tmp_path: Path) -> None:
    min(archive.rglob("*.parquet")).write_bytes(b"")

    done = bundle(archive, tmp_path / "x.rarc")

    assert done.files == 1
    assert "is empty (0 bytes)" in done.warnings[0]


def test_a_bundle_that_cannot_be_finished_is_not_there(archive: Path, tmp_path: Path) -> None:
    def interrupt(_done: int, _of: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bundle(archive, tmp_path / "x.rarc", progress=interrupt)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["archive"]


def test_only_a_directory_is_bundled(archive: Path, tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="only a directory can be bundled"):
        bundle(min(archive.rglob("*.parquet")), tmp_path / "x.rarc")


def test_what_is_no_file_is_no_bundle(archive: Path) -> None:
    assert not is_bundle(archive)
    assert not is_bundle(min(archive.rglob("*.parquet")))
    with pytest.raises(ArchiveMissingError, match="does not exist; give a bundle"), unbundled("x"):
        pass


def zipped(path: Path, name: str, data: bytes = b"x", *, link: bool = False) -> Path:
    member = zipfile.ZipInfo(name)
    if link:
        member.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(member, data, zipfile.ZIP_DEFLATED)
    return path


@pytest.mark.parametrize(
    "name",
    [
        "../calls/x.parquet",
        "calls/../../x.parquet",
        "/etc/cron.d/x.parquet",
        "calls/date=1/..\\..\\x.parquet",
        "C:/calls/x.parquet",
        "calls/x.py",
        "notes/x.parquet",
        "_live/../../x/000000.segment",
        ".ssh/authorized_keys",
        "calls/.hidden.parquet",
        "calls/\x1b[2J.parquet",
        "recourse.sql/x.parquet",
    ],
)
def test_a_bundle_that_leads_elsewhere_is_refused_before_anything_is_written(
    tmp_path: Path, name: str
) -> None:
    path = zipped(tmp_path / "x.rarc", name)

    with pytest.raises(ArchiveDamagedError, match="holds") as caught, unbundled(path):
        pass

    assert "\x1b" not in str(caught.value)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["x.rarc"]


def test_a_link_in_a_bundle_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.rarc", "calls/x.parquet", b"/etc/passwd", link=True)

    with pytest.raises(ArchiveDamagedError, match="it holds"), unbundled(path):
        pass


def test_a_name_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.rarc"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("notes.md", "a")
        with pytest.warns(UserWarning, match="Duplicate name"):
            packed.writestr("notes.md", "b")

    with pytest.raises(ArchiveDamagedError, match=r"it holds 'notes\.md'"), unbundled(path):
        pass


@pytest.mark.slow
def test_a_bomb_is_refused_by_what_it_claims(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.rarc", "calls/x.parquet", bytes(64 << 20))
    assert path.stat().st_size < 1 << 20

    with pytest.raises(ArchiveDamagedError, match="more than a bundle ever holds"), unbundled(path):
        pass


def test_a_bomb_that_claims_less_than_it_holds_is_cut_off(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.rarc", "calls/x.parquet", bytes(1 << 20))
    data = path.read_bytes()
    size = (1 << 20).to_bytes(4, "little")
    path.write_bytes(data.replace(size, (9).to_bytes(4, "little")))

    with pytest.raises(ArchiveDamagedError, match="is a damaged bundle"), unbundled(path):
        pass


@pytest.mark.parametrize("cut", [0, 4, 100])
def test_a_bundle_that_was_cut_is_damaged(archive: Path, tmp_path: Path, cut: int) -> None:
    path = bundle(archive, tmp_path / "x.rarc").path
    path.write_bytes(path.read_bytes()[:cut])

    with pytest.raises(ArchiveDamagedError, match="is a damaged bundle"), open_archive(path):
        pass


@pytest.mark.slow
def test_what_a_worker_reads_of_a_bundle_goes_away_with_it(archive: Path, tmp_path: Path) -> None:
    path = bundle(archive, tmp_path / "x.rarc").path
    before = set(os.listdir("/tmp"))  # noqa: PTH208, S108  # names are enough

    with open_archive(path) as opened:
        assert opened.coverage().calls == 4

    left = {name for name in set(os.listdir("/tmp")) - before if name.startswith("recourse-")}  # noqa: PTH208, S108  # as above
    assert left == set()


def test_what_a_link_leads_to_is_not_packed(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hunter2")
    (archive / "recourse.sql").unlink(missing_ok=True)
    (archive / "recourse.sql").symlink_to(tmp_path / "secret")

    bundle(archive, tmp_path / "a.rarc")

    assert b"hunter2" not in (tmp_path / "a.rarc").read_bytes()


def test_files_that_are_merged_while_they_are_packed_are_packed_merged(
    archive: Path, tmp_path: Path
) -> None:
    rows = [{"call_id": "late", "key": "a.B", "started_at": AT}]
    write_archive(archive, {"calls": rows}, instance="other")
    before = survey(archive).rows

    def merge(done: int, _of: int) -> None:
        if done == 1:
            compact(archive)

    bundle(archive, tmp_path / "a.rarc", progress=merge)

    with unbundled(tmp_path / "a.rarc") as folder:
        assert survey(folder).rows == before


def test_an_archive_that_never_holds_still_is_not_packed(archive: Path, tmp_path: Path) -> None:
    def replace(_done: int, _of: int) -> None:
        for file in sorted((archive / "calls").rglob("*.parquet")):
            file.rename(file.with_name(f"{secrets.token_hex(4)}.parquet"))

    with pytest.raises(ArchiveError, match="changes faster than it can be packed"):
        bundle(archive, tmp_path / "a.rarc", progress=replace)

    assert not (tmp_path / "a.rarc").exists()


def test_a_segment_that_is_published_while_it_is_packed_is_packed(
    archive: Path, tmp_path: Path
) -> None:
    with ArchiveObserver(tmp_path / "alive", service="web") as recorder:
        Executor(policies=[Policy("a.B")], observers=[recorder]).call("a.B", lambda: None)
        recorder.flush()
        (living,) = (tmp_path / "alive" / "_live").glob("*/*.segment")
        dead = archive / "_live" / living.parent.name / living.name
        dead.parent.mkdir(parents=True)
        shutil.copy(living, dead)
    reached: list[int] = []

    def publish(done: int, _of: int) -> None:
        reached.append(done)
        recover(archive)

    bundle(archive, tmp_path / "a.rarc", progress=publish)

    assert reached.count(1) == 1
    with open_archive(tmp_path / "a.rarc", trusted=True) as packed:
        assert packed.coverage().calls == 5
