"""The plugin, seen by the projects that have it: small test runs inside this one."""

import re
import sys
from pathlib import Path

import pytest

# Loaded here, so that the inner runs do not load Arrow a second time.
import recourse_observe.archive.writer
import recourse_observe.queries.archive

pytest_plugins = ["pytester"]

SERVICE = """
    import pytest
    from recourse import Executor, Policy, RetryPolicy, get_executor
    from recourse.testing import VirtualClock, http, script

    POLICY = Policy("payments.Charge", retry=RetryPolicy(max_attempts=3, jitter="none", classifier="http"))

    def charge():
        executor = Executor(policies=[POLICY], clock=VirtualClock())
        with script("payments.Charge", [http(503), http(503), "ok"]):
            return executor.call("payments.Charge", lambda: None)
"""


def test_the_fixture_hears_executors_that_know_nothing_of_it(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(service=SERVICE)
    pytester.makepyfile("""
        import threading
        from service import charge

        def test_checkout(recourse_timelines):
            worker = threading.Thread(target=charge)
            worker.start()
            worker.join()

            timeline = recourse_timelines.only("payments.Charge")
            assert [a.outcome.reason for a in timeline.attempts] == ["http_503", "http_503", "success"]
            assert [a.backoff_s for a in timeline.attempts] == [0.05, 0.1, 0.0]
            assert timeline.disposition == "success"

        def test_another_test_starts_afresh(recourse_timelines):
            assert list(recourse_timelines) == []
    """)

    pytester.runpytest("-p", "no:cacheprovider").assert_outcomes(passed=2)


def test_a_failed_test_shows_its_calls_and_a_passed_one_does_not(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(service=SERVICE)
    pytester.makepyfile("""
        from service import charge

        def test_passes():
            charge()

        def test_fails():
            charge()
            assert False

        def test_makes_no_call():
            assert False
    """)

    result = pytester.runpytest()

    result.assert_outcomes(passed=1, failed=2)
    shown = result.stdout.str()
    assert shown.count("recourse timelines") == 1
    result.stdout.fnmatch_lines(
        [
            "*recourse timelines*",
            "payments.Charge success after 3 attempts in 0.150 s  call=*",
            "  attempt=0 retryable reason=http_503 *backoff=50.0ms",
            "  attempt=1 retryable reason=http_503 *backoff=100.0ms",
            "  attempt=2 success *",
        ]
    )


@pytest.mark.parametrize(
    ("arguments", "ini", "sections"),
    [
        (["--recourse-timeline=never"], "", 0),
        (["--recourse-timeline=all", "-rP"], "", 2),
        (["-rP"], "recourse_timeline = all", 2),
        (["--recourse-timeline=failed", "-rP"], "recourse_timeline = all", 1),
    ],
)
def test_the_option_wins_over_the_ini_file(
    pytester: pytest.Pytester, arguments: list[str], ini: str, sections: int
) -> None:
    pytester.makeini(f"[pytest]\n{ini}")
    pytester.makepyfile(service=SERVICE)
    pytester.makepyfile("""
        from service import charge

        def test_passes():
            charge()

        def test_fails():
            charge()
            assert False
    """)

    shown = pytester.runpytest(*arguments).stdout.str()

    assert shown.count("recourse timelines") == sections


def test_a_mode_that_is_none_is_refused(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nrecourse_timeline = sometimes")

    result = pytester.runpytest()

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["*recourse_timeline 'sometimes' is not a mode; use one of failed, all, never"]
    )


def test_the_marker_changes_the_calls_of_its_test_only(pytester: pytest.Pytester) -> None:
    pytester.makefile(
        ".toml", policies='[policies."payments.Charge".retry]\nmax_attempts = 4\njitter = "none"\n'
    )
    pytester.makepyfile("""
        import pytest
        from recourse import call, get_executor

        BEFORE = get_executor()

        def refuse():
            raise ConnectionError

        @pytest.mark.recourse(instant=True, policies="policies.toml")
        def test_follows_a_file(recourse_timelines):
            with pytest.raises(ConnectionError):
                call("payments.Charge", refuse)
            timeline = recourse_timelines.only("payments.Charge")
            assert [a.backoff_s for a in timeline.attempts] == [0.05, 0.1, 0.2, 0.0]
            assert timeline.duration_s < 0.35

        @pytest.mark.recourse(attempts=1)
        def test_makes_one_attempt(recourse_timelines):
            with pytest.raises(ConnectionError):
                call("payments.Charge", refuse)
            assert recourse_timelines.only("payments.Charge").attempts_run == 1

        def test_is_as_it_was():
            assert get_executor() is BEFORE
    """)

    pytester.runpytest("--strict-markers").assert_outcomes(passed=3)


def test_the_marker_reaches_coroutines(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        import pytest
        from recourse import Executor, Policy

        @pytest.fixture
        def anyio_backend():
            return "asyncio"

        @pytest.mark.anyio
        @pytest.mark.recourse(attempts=1)
        async def test_makes_one_attempt(recourse_timelines):
            async def refuse():
                raise ConnectionError

            with pytest.raises(ConnectionError):
                await Executor(policies=[Policy("a.B")]).acall("a.B", refuse)
            assert recourse_timelines.only("a.B").attempts_run == 1
    """)

    pytester.runpytest().assert_outcomes(passed=1)


@pytest.mark.parametrize("wish", ["attempt=2", "3"])
def test_a_marker_that_asks_for_something_else_fails_its_test(
    pytester: pytest.Pytester, wish: str
) -> None:
    pytester.makepyfile(f"""
        import pytest

        @pytest.mark.recourse({wish})
        def test_never_runs():
            pass
    """)

    result = pytester.runpytest()

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*marker recourse(*) asks for something else; use recourse(*"])


def test_two_timelines_are_compared_without_clock_values(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(service=SERVICE)
    pytester.makepyfile("""
        from service import charge

        def test_fails(recourse_timelines):
            charge()
            charge()
            first, second = recourse_timelines
            assert first == second

        def test_others_are_left_alone():
            assert 1 == 2
    """)

    result = pytester.runpytest()

    result.stdout.fnmatch_lines(
        [
            "*two timelines are not equal (*",
            "*- payments.Charge success",
            "*+ payments.Charge success",
        ]
    )
    result.assert_outcomes(failed=2)


@pytest.mark.slow
def test_a_run_is_written_into_an_archive(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(service=SERVICE)
    pytester.makepyfile("""
        import os
        from service import charge

        def test_goes_elsewhere(tmp_path, monkeypatch):
            monkeypatch.chdir(tmp_path)
            charge()
    """)

    pytester.runpytest("--recourse-archive=timelines").assert_outcomes(passed=1)

    with recourse_observe.queries.archive.open_archive(pytester.path / "timelines") as archive:
        assert [row.key for row in archive.calls().rows] == ["payments.Charge"]


def test_an_archive_without_arrow_is_refused(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "recourse_observe.archive", None)

    result = pytester.runpytest("--recourse-archive=timelines")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*needs pyarrow; pip install 'recourse-observe[[]archive]'"])


@pytest.mark.slow
def test_timelines_survive_xdist(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(service=SERVICE)
    pytester.makepyfile("""
        import pytest
        from service import charge

        @pytest.mark.parametrize("number", range(2))
        def test_fails(recourse_timelines, number):
            charge()
            assert recourse_timelines.only("payments.Charge").attempts == ()
    """)

    result = pytester.runpytest("-n", "1", "-p", "no:anyio", "-p", "no:hypothesispytest")

    result.assert_outcomes(failed=2)
    assert result.stdout.str().count("recourse timelines") == 2


def test_the_failure_that_the_documentation_shows_is_what_a_failed_test_says(
    pytester: pytest.Pytester,
) -> None:
    page = (Path(__file__).parents[3] / "docs/how-to/test-your-service.md").read_text("utf-8")
    example = re.search(r"```python\n(from recourse import .*?)```", page, re.DOTALL)
    shown = re.search(r"(payments\.Charge success after 3 attempts.*?)```", page, re.DOTALL)
    assert example is not None
    assert shown is not None
    expects_one_less = example[1].replace('        "http_503",\n' * 2, '        "http_503",\n')
    pytester.makepyfile(expects_one_less)

    failed = pytester.runpytest("-p", "no:cacheprovider")

    failed.assert_outcomes(failed=1)
    said = re.sub(r"call=\w+", "call=…", failed.stdout.str())
    assert shown[1] in said


def test_a_file_where_the_archive_should_be_is_a_mistake_and_no_crash(
    pytester: pytest.Pytester,
) -> None:
    pytester.makefile(".txt", taken="")

    result = pytester.runpytest("--recourse-archive=taken.txt")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--recourse-archive: archive 'taken.txt' is a file; give a *"])


def test_the_closest_marker_counts(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        import pytest
        from recourse import Executor, Policy
        from recourse.testing import script

        pytestmark = pytest.mark.recourse(attempts=3, instant=True)

        @pytest.mark.recourse(attempts=1)
        def test_makes_one_attempt(recourse_timelines):
            with script("a.B", [ConnectionError] * 3), pytest.raises(ConnectionError):
                Executor(policies=[Policy("a.B")]).call("a.B", str)
            assert recourse_timelines.only("a.B").attempts_run == 1
    """)

    pytester.runpytest("--strict-markers").assert_outcomes(passed=1)
