"""The pytest plugin: timelines of the calls that a test made.

The fixture ``recourse_timelines`` hears every executor of the process while its test runs. Failed
tests show what their calls did (``--recourse-timeline``), a whole run can be written into an
archive (``--recourse-archive``), and the marker ``recourse`` takes the waiting out of a test.

pytest imports this module in every project that has the suite installed, so it brings the core only.
"""

from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import pytest

from recourse.context import TAPS
from recourse.timeline import Timeline
from recourse_observe.testing.recorder import TimelineRecorder

__all__ = ["recourse_timelines"]

_MODES: Final = ("failed", "all", "never")
_MOST_SHOWN: Final = 20
_SECTION: Final = "recourse timelines"
_MARKER: Final = (
    "recourse(instant=False, attempts=None, policies=None): for the calls of this test, skip "
    "waits, limit attempts, or follow the policies of a file."
)
_RECORDER: Final = pytest.StashKey[TimelineRecorder]()
_AROUND: Final = pytest.StashKey[ExitStack]()
_ARCHIVE: Final = pytest.StashKey[ExitStack]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options."""
    group = parser.getgroup("recourse", "what calls did")
    group.addoption(
        "--recourse-timeline",
        choices=_MODES,
        help="whose calls are shown: those of failed tests (default), of all (see -rP), or never",
    )
    group.addoption(
        "--recourse-archive", metavar="DIR", help="write every call of the run into an archive"
    )
    parser.addini("recourse_timeline", "as --recourse-timeline", default="failed")


def pytest_configure(config: pytest.Config) -> None:
    """Check the options before any test runs."""
    config.addinivalue_line("markers", _MARKER)
    mode = _mode(config)
    if mode not in _MODES:
        message = f"recourse_timeline {mode!r} is not a mode; use one of {', '.join(_MODES)}"
        raise pytest.UsageError(message)
    directory: str | None = config.getoption("recourse_archive")
    if directory is not None:
        config.stash[_ARCHIVE] = _opened(directory)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Finish the archive."""
    if _ARCHIVE in config.stash:
        config.stash[_ARCHIVE].close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    """Listen while a test is set up, runs and is torn down."""
    with ExitStack() as around:
        item.stash[_AROUND] = around
        if _mode(item.config) != "never":
            recorder = TimelineRecorder(most=_MOST_SHOWN, keep_errors=False)
            item.stash[_RECORDER] = recorder
            around.enter_context(TAPS.added(recorder))
        return (yield)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Change what the test's marker asks to change, until the test is torn down."""
    for marker in reversed(list(item.iter_markers("recourse"))):  # the closest is entered last
        _enter(item.stash[_AROUND], marker, item.config)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the calls beside what the test has printed."""
    report = yield
    recorder = item.stash.get(_RECORDER, None)
    wanted = report.failed or (_mode(item.config) == "all" and report.when == "call")
    if recorder is not None and wanted and recorder.ended_count:
        report.sections.append((_SECTION, recorder.report()))
    return report


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """Show two timelines without the clock values that differ in every run."""
    if op != "==" or not isinstance(left, Timeline) or not isinstance(right, Timeline):
        return None
    return [
        "two timelines are not equal (ids and times count; compare shape() to leave them out)",
        *("- " + line for line in left.shape().splitlines()),
        *("+ " + line for line in right.shape().splitlines()),
    ]


@pytest.fixture
def recourse_timelines() -> Generator[TimelineRecorder]:
    """The timelines of all calls made since the fixture was set up, by whatever executor."""
    recorder = TimelineRecorder()
    with TAPS.added(recorder):
        yield recorder


def _mode(config: pytest.Config) -> str:
    mode: str = config.getoption("recourse_timeline") or config.getini("recourse_timeline")
    return mode


def _opened(directory: str) -> ExitStack:
    """A recording of the whole run; a process that runs tests writes files of its own."""
    try:
        # only who asks pays for Arrow
        from recourse_observe.archive import ArchiveError, ArchiveObserver
    except ImportError as missing:
        message = "--recourse-archive needs pyarrow; pip install 'recourse-observe[archive]'"
        raise pytest.UsageError(message) from missing
    stack = ExitStack()
    try:
        archive = ArchiveObserver(directory, service="pytest")
    except ArchiveError as problem:
        message = f"--recourse-archive: {problem}"
        raise pytest.UsageError(message) from problem
    stack.callback(archive.close)
    stack.enter_context(TAPS.added(archive))
    return stack


def _enter(around: ExitStack, marker: pytest.Mark, config: pytest.Config) -> None:
    """Enter the blocks that a marker asks for."""
    # A run without the marker needs none of them.
    from recourse.testing import instant, limit_attempts

    wishes = dict(marker.kwargs)
    if wishes.pop("instant", False):
        around.enter_context(instant())
    attempts = wishes.pop("attempts", None)
    if attempts is not None:
        around.enter_context(limit_attempts(attempts))
    policies = wishes.pop("policies", None)
    if policies is not None:
        _follow(around, config.rootpath / policies)
    if wishes or marker.args:
        asked = ", ".join([*map(repr, marker.args), *wishes])
        message = f"marker recourse({asked}) asks for something else; use {_MARKER.split(':')[0]}"
        raise pytest.UsageError(message)


def _follow(around: ExitStack, path: Path) -> None:
    from recourse import Executor, FileProvider, using

    executor = around.enter_context(Executor(provider=FileProvider(path)))
    around.enter_context(using(executor))
