"""The real SDKs of OpenAI and Anthropic through the transport, against a server that answers as they do."""

import asyncio
import json
from typing import Any

import anthropic
import httpx2
import openai
import pytest

import recourse
from recourse.integrations.httpx import AsyncRecourseTransport, RecourseTransport

COMPLETION = {
    "id": "c1",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [
        {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hello"}}
    ],
}
MESSAGE = {
    "id": "m1",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [{"type": "text", "text": "hello"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 1, "output_tokens": 1},
}
WORDS = ("He", "llo ", "world")


def completion_chunks() -> tuple[bytes, ...]:
    deltas = [
        {
            "id": "c1",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "m",
            "choices": [{"index": 0, "delta": {"content": word}, "finish_reason": None}],
        }
        for word in WORDS
    ]
    return (*(f"data: {json.dumps(delta)}\n\n".encode() for delta in deltas), b"data: [DONE]\n\n")


def message_chunks() -> tuple[bytes, ...]:
    start = {**MESSAGE, "content": []}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *(
            {
                "type": "content_block_delta",
                "index": 0,
                "delta": {"type": "text_delta", "text": word},
            }
            for word in WORDS
        ),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_stop"},
    ]
    return tuple(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n".encode() for e in events)


def as_json(answer: Any, value: Any) -> Any:
    return answer(body=json.dumps(value).encode(), headers={"Content-Type": "application/json"})


def as_events(answer: Any, chunks: tuple[bytes, ...]) -> Any:
    return answer(chunks=chunks, headers={"Content-Type": "text/event-stream"})


@pytest.fixture
def executor(governing: Any) -> Any:
    # Asking a model twice costs money but harms nothing: the policy says so.
    return governing(idempotent=True)


def http_client(executor: Any) -> httpx2.Client:
    return httpx2.Client(
        transport=RecourseTransport(httpx2.HTTPTransport(), executor=executor), trust_env=False
    )


def async_http_client(executor: Any) -> httpx2.AsyncClient:
    transport = AsyncRecourseTransport(httpx2.AsyncHTTPTransport(), executor=executor)
    return httpx2.AsyncClient(transport=transport, trust_env=False)


def test_openai_makes_three_attempts_with_three_requests(
    server: Any, executor: Any, answer: Any
) -> None:
    server.answers(answer(status=503), answer(status=429), as_json(answer, COMPLETION))
    with (
        openai.OpenAI(
            api_key="k", base_url=server.url, http_client=http_client(executor), max_retries=0
        ) as client,
        recourse.record_timeline() as capture,
    ):
        completion = client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "hi"}]
        )

    assert completion.choices[0].message.content == "hello"
    assert len(server.hits) == 3
    reasons = [attempt.outcome.reason for attempt in capture.timelines[-1].attempts]
    assert reasons == ["http_503", "http_429", "success"]


def test_openai_raises_its_own_error_for_the_last_response(
    server: Any, executor: Any, answer: Any
) -> None:
    server.answers(then=answer(status=503, body=b'{"error": {"message": "busy"}}'))
    with (
        openai.OpenAI(
            api_key="k", base_url=server.url, http_client=http_client(executor), max_retries=0
        ) as client,
        pytest.raises(openai.InternalServerError) as raised,
    ):
        client.models.list()

    assert raised.value.status_code == 503
    assert len(server.hits) == 3


def test_openai_raises_its_own_timeout_for_a_deadline(
    server: Any, executor: Any, answer: Any
) -> None:
    server.answers(then=answer(hangs=True))
    with (
        openai.OpenAI(
            api_key="k", base_url=server.url, http_client=http_client(executor), max_retries=0
        ) as client,
        recourse.deadline(0.15),
        pytest.raises(openai.APITimeoutError),
    ):
        client.models.list()

    assert len(server.hits) == 1


def test_openai_streams_to_the_end_after_a_retry(server: Any, executor: Any, answer: Any) -> None:
    server.answers(answer(status=503), as_events(answer, completion_chunks()))
    with openai.OpenAI(
        api_key="k", base_url=server.url, http_client=http_client(executor), max_retries=0
    ) as client:
        stream = client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "hi"}], stream=True
        )
        words = [chunk.choices[0].delta.content for chunk in stream]

    assert words == list(WORDS)
    assert len(server.hits) == 2


def test_openai_streams_to_the_end_asynchronously(server: Any, executor: Any, answer: Any) -> None:
    server.answers(answer(status=503), as_events(answer, completion_chunks()))

    async def words() -> list[str | None]:
        async with openai.AsyncOpenAI(
            api_key="k", base_url=server.url, http_client=async_http_client(executor), max_retries=0
        ) as client:
            stream = await client.chat.completions.create(
                model="m", messages=[{"role": "user", "content": "hi"}], stream=True
            )
            return [chunk.choices[0].delta.content async for chunk in stream]

    assert asyncio.run(words()) == list(WORDS)


def test_anthropic_makes_three_attempts_with_three_requests(
    server: Any, executor: Any, answer: Any
) -> None:
    server.answers(answer(status=529), answer(status=503), as_json(answer, MESSAGE))
    with anthropic.Anthropic(
        api_key="k", base_url=server.url, http_client=http_client(executor), max_retries=0
    ) as client:
        message = client.messages.create(
            model="m", max_tokens=8, messages=[{"role": "user", "content": "hi"}]
        )

    assert [getattr(block, "text", "") for block in message.content] == ["hello"]
    assert len(server.hits) == 3


def test_anthropic_streams_to_the_end(server: Any, executor: Any, answer: Any) -> None:
    server.answers(answer(status=529), as_events(answer, message_chunks()))
    with anthropic.Anthropic(
        api_key="k", base_url=server.url, http_client=http_client(executor), max_retries=0
    ) as client:
        stream = client.messages.create(
            model="m", max_tokens=8, messages=[{"role": "user", "content": "hi"}], stream=True
        )
        events = list(stream)

    texts = [getattr(getattr(event, "delta", None), "text", "") for event in events]
    assert "".join(texts) == "".join(WORDS)
    assert len(server.hits) == 2


def test_anthropic_streams_to_the_end_asynchronously(
    server: Any, executor: Any, answer: Any
) -> None:
    server.answers(answer(status=529), as_events(answer, message_chunks()))

    async def text() -> str:
        async with anthropic.AsyncAnthropic(
            api_key="k", base_url=server.url, http_client=async_http_client(executor), max_retries=0
        ) as client:
            stream = await client.messages.create(
                model="m", max_tokens=8, messages=[{"role": "user", "content": "hi"}], stream=True
            )
            deltas = [getattr(event, "delta", None) async for event in stream]
            return "".join(getattr(delta, "text", "") for delta in deltas)

    assert asyncio.run(text()) == "".join(WORDS)


def test_retries_of_the_sdk_that_are_left_on_multiply(
    server: Any, executor: Any, answer: Any
) -> None:
    server.answers(then=answer(status=503, headers={"retry-after-ms": "1"}))
    with (
        openai.OpenAI(
            api_key="k", base_url=server.url, http_client=http_client(executor)
        ) as client,
        pytest.raises(openai.InternalServerError),
    ):
        client.models.list()

    assert len(server.hits) == 9
