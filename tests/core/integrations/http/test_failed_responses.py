"""What becomes of responses that an attempt has failed with."""

from typing import Any

import pytest

import recourse
from recourse import BudgetRef, ByResult, HedgePolicy, HTTPClassifier


def denying_retries(governing: Any) -> Any:
    """An executor that denies every retry: the first response turns out to be the last."""
    return governing(retry={"budget": BudgetRef("nowhere")})


def test_a_failed_body_that_was_kept_is_read_as_ever(
    name: str, server: Any, opened: Any, governing: Any, answer: Any
) -> None:
    server.answers(answer(status=503, chunks=(b"a" * 1000, b"b" * 1000)))
    client = opened(name, executor=denying_retries(governing))

    assert client.send("GET", server.url) == (503, b"a" * 1000 + b"b" * 1000)


def test_a_failed_body_that_was_cut_says_so_to_who_reads_it(
    name: str, server: Any, opened: Any, governing: Any, answer: Any
) -> None:
    server.answers(answer(status=503, body=b"x" * 1_000_000))
    client = opened(name, executor=denying_retries(governing))

    with pytest.raises(Exception, match=r"failed_body_bytes|Connection closed"):
        client.send("GET", server.url)


def test_more_of_a_failed_body_is_kept_on_request(
    name: str, server: Any, opened: Any, governing: Any, answer: Any
) -> None:
    server.answers(answer(status=503, body=b"x" * 200_000))
    client = opened(name, executor=denying_retries(governing), failed_body_bytes=200_000)

    assert client.send("GET", server.url) == (503, b"x" * 200_000)


def test_a_failed_body_that_breaks_off_does_not_hide_the_status(
    name: str, server: Any, opened: Any, governing: Any, answer: Any
) -> None:
    server.answers(answer(status=503, body=b"x" * 1000, breaks=True))
    client = opened(name, executor=governing())

    with recourse.record_timeline() as capture:
        assert client.send("GET", server.url) == (200, b"fine")

    assert [a.outcome.reason for a in capture.timelines[-1].attempts] == ["http_503", "success"]


@pytest.mark.parametrize("name", ["httpx", "requests"])
def test_a_failed_body_that_drips_is_not_waited_for(
    name: str, server: Any, opened: Any, governing: Any, answer: Any
) -> None:
    server.answers(answer(status=503, body=b"x" * 1000, drips=True))
    client = opened(name, executor=governing(retry={"timeout_per_attempt_s": 0.1}))

    with recourse.record_timeline() as capture:
        assert client.send("GET", server.url) == (200, b"fine")

    first = capture.timelines[-1].attempts[0]
    assert first.outcome.reason == "http_503"
    assert first.duration_s < 5


@pytest.mark.parametrize("name", ["httpx async", "aiohttp"])
def test_an_attempt_is_cut_off_while_a_failed_body_drips(
    name: str, server: Any, opened: Any, governing: Any, answer: Any
) -> None:
    server.answers(answer(status=503, body=b"x" * 1000, drips=True))
    client = opened(name, executor=governing(retry={"timeout_per_attempt_s": 0.1}), pool=1)

    with recourse.record_timeline() as capture:
        assert client.send("GET", server.url) == (200, b"fine")

    assert capture.timelines[-1].attempts[0].outcome.reason == "attempt_timeout"


def test_a_status_that_only_the_policy_repeats_gives_its_connection_back(
    name: str, server: Any, opened: Any, governing: Any, answer: Any
) -> None:
    server.answers(answer(status=404, body=b"not yet"))
    classifiers = {"eventual": HTTPClassifier(extra_retryable=(404,))}
    executor = governing(retry={"classifier": "eventual"}, options={"classifiers": classifiers})
    client = opened(name, executor=executor, pool=1)

    assert client.send("GET", server.url) == (200, b"fine")
    assert server.connections == 1


def test_a_response_that_is_rejected_by_its_value_gives_its_connection_back(
    name: str, server: Any, opened: Any, governing: Any, answer: Any
) -> None:
    server.answers(answer(status=202, body=b"later"), answer(status=202, body=b"later"))
    pending = ByResult(
        lambda r: getattr(r, "status_code", 0) == 202 or getattr(r, "status", 0) == 202
    )
    executor = governing(retry={"classifier": "done"}, options={"classifiers": {"done": pending}})
    client = opened(name, executor=executor, pool=1)

    assert client.send("GET", server.url) == (200, b"fine")


def test_a_response_that_is_rejected_to_the_last_is_what_the_caller_gets(
    name: str, server: Any, opened: Any, governing: Any, answer: Any
) -> None:
    server.answers(then=answer(status=202, body=b"later"))
    pending = ByResult(lambda _: True)
    executor = governing(retry={"classifier": "done"}, options={"classifiers": {"done": pending}})
    client = opened(name, executor=executor, pool=1)

    assert client.send("GET", server.url) == (202, b"later")
    assert len(server.hits) == 3


@pytest.mark.slow
def test_a_last_response_is_closed_when_the_hedge_beside_it_wins(
    name: str, server: Any, opened: Any, governing: Any, answer: Any
) -> None:
    failed = answer(status=500, body=b"x" * 1_000_000, late_s=0.2)
    server.answers(failed, answer(late_s=0.35))
    executor = governing(
        hedge=HedgePolicy(hedge_delay_s=0.03, max_hedges=1),
        retry={"max_attempts": 1},
        options={"sync_timeout": "thread"},
    )
    client = opened(name, executor=executor, pool=2)

    with recourse.record_timeline() as capture:
        assert client.send("GET", server.url) == (200, b"fine")

    reasons = [attempt.outcome.reason for attempt in capture.timelines[-1].attempts]
    assert sorted(reasons) == ["http_500", "success"]
    assert client.send("GET", server.url) == (200, b"fine")
