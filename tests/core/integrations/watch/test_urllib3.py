from typing import Any

import pytest
import requests
import requests.adapters
import requests.exceptions
import urllib3

from recourse.integrations.watch_urllib3 import watch

RETRY = urllib3.Retry(total=2, status_forcelist=[503], backoff_factor=0.001)


def session_of(retries: Any) -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.mount("http://", requests.adapters.HTTPAdapter(max_retries=retries))
    return session


def test_every_attempt_of_a_session_is_told(heard: Any, web: Any) -> None:
    web.script = ["503", "drop", "200"]
    with session_of(RETRY) as session:
        watch(session, [heard])
        assert session.get(web.url + "path/1").status_code == 200

    told = [("localhost.GET", "success", ["http_503", "http_transport_error", "success"])]
    assert heard.told() == told
    assert heard.events[1].policy.retry.max_attempts == 3
    assert heard.events[1].policy.id == "watched.urllib3"


def test_a_request_that_never_succeeds_is_exhausted(heard: Any, web: Any) -> None:
    web.script = ["503"] * 9
    with session_of(RETRY) as session:
        watch(session, [heard])
        with pytest.raises(requests.exceptions.RetryError):
            session.get(web.url)
    with session_of(RETRY.new(raise_on_status=False)) as session:
        watch(session, [heard])
        assert session.get(web.url).status_code == 503

    told = [("localhost.GET", "exhausted", ["http_503"] * 3)] * 2
    assert heard.told() == told


def test_without_retries_there_is_one_attempt(heard: Any, web: Any) -> None:
    web.script = ["404", "drop"]
    with session_of(0) as session:
        watch(session, [heard])
        session.get(web.url)
        with pytest.raises(requests.ConnectionError):
            session.get(web.url)

    told = [
        ("localhost.GET", "terminal", ["http_404"]),
        ("localhost.GET", "exhausted", ["http_transport_error"]),
    ]
    assert heard.told() == told


def test_a_watch_can_be_ended(heard: Any, web: Any) -> None:
    with session_of(RETRY) as session:
        before = session.adapters["http://"].max_retries  # type: ignore[attr-defined]  # requests' stubs know no adapters
        stop = watch(session, [heard])
        stop()
        session.get(web.url)
        after = session.adapters["http://"].max_retries  # type: ignore[attr-defined]  # likewise

    assert heard.events == []
    assert after is before


def test_a_pool_manager_is_told_of_with_its_redirections_as_one_attempt(
    heard: Any, web: Any
) -> None:
    web.script = ["503", "302", "200", "200"]
    with urllib3.PoolManager(retries=RETRY) as manager:
        stop = watch(manager, [heard])
        assert manager.request("GET", web.url).status == 200
        stop()
        manager.request("GET", web.url)

    assert heard.told() == [("localhost.GET", "success", ["http_503", "success"])]


@pytest.mark.parametrize("retries", [False, 1, urllib3.Retry(total=None, read=1)], ids=str)
def test_a_pool_manager_keeps_the_retries_of_one_request(
    heard: Any, web: Any, retries: Any
) -> None:
    web.script = ["drop"] * 9
    with urllib3.PoolManager() as manager:
        watch(manager, [heard])
        with pytest.raises(urllib3.exceptions.HTTPError):
            manager.request("GET", web.url, retries=retries)

    attempts = 1 if retries is False else 2
    assert heard.told() == [("localhost.GET", "exhausted", ["http_transport_error"] * attempts)]


def test_the_retries_of_others_are_not_told(heard: Any, web: Any) -> None:
    with urllib3.PoolManager() as manager, session_of(RETRY) as session:
        watch(session, [heard])
        own = session.adapters["http://"].max_retries  # type: ignore[attr-defined]  # as above
        web.script = ["503"]
        manager.request("GET", web.url, retries=own)

    assert heard.events == []
