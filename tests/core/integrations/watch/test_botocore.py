import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.exceptions
import botocore.session
import pytest

from recourse.integrations.watch_botocore import watch


@pytest.fixture(scope="module")
def session() -> Any:
    """One for all: it remembers the models of services, which take long to read."""
    return botocore.session.Session()


@pytest.fixture
def aws(session: Any) -> Iterator[Any]:
    """The server of the governed clients' tests."""
    path = Path(__file__).parents[1] / "botocore" / "conftest.py"
    spec = importlib.util.spec_from_file_location("aws_server", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    server = module.Aws(session)
    yield server
    server.close()


def test_a_client_that_retries_itself_is_told_of_in_full(heard: Any, aws: Any) -> None:
    aws.script = ["503 SlowDown", "500", "200", "404 NoSuchKey", "200"]
    client = aws.client(attempts=3)
    stop = watch(client, [heard])

    client.get_object(Bucket="b", Key="k")
    with pytest.raises(botocore.exceptions.ClientError):
        client.get_object(Bucket="b", Key="k")
    client.generate_presigned_url("get_object", Params={"Bucket": "b", "Key": "k"})
    stop()
    client.get_object(Bucket="b", Key="k")

    assert heard.told() == [
        ("s3.GetObject", "success", ["http_503", "http_500", "success"]),
        ("s3.GetObject", "terminal", ["http_404"]),
    ]
    first = heard.timelines[0]
    assert first.attempts[0].outcome.attributes["code"] == "SlowDown"
    assert all(each.backoff_s > 0 for each in first.attempts[:-1])
    assert heard.events[1].policy.retry.max_attempts == 3


def test_a_refused_port_is_told_as_what_it_is(heard: Any, aws: Any) -> None:
    client = aws.client(attempts=2)
    watch(client, [heard])
    aws.close()

    with pytest.raises(botocore.exceptions.EndpointConnectionError):
        client.get_object(Bucket="b", Key="k")

    told = [("s3.GetObject", "exhausted", ["aws_EndpointConnectionError"] * 2)]
    assert heard.told() == told
    assert heard.only().error is not None


def test_a_call_that_began_before_the_watch_is_let_go(heard: Any, aws: Any) -> None:
    client = aws.client()
    watches: list[Any] = []

    def late(**_: Any) -> None:
        watches.append(watch(client, [heard]))

    client.meta.events.register_last("before-call.s3", late)
    aws.script = ["200"]
    client.get_object(Bucket="b", Key="k")
    watches.pop()()
    aws.close()
    with pytest.raises(botocore.exceptions.EndpointConnectionError):
        client.get_object(Bucket="b", Key="k")

    assert heard.events == []
