"""The official client of the chat API that existing programs speak, against the running server."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import openai
import pytest

from tests.serving.conftest import Served, openai_client

POSTS = "龙泉驿区建了多少党员先锋岗?"


@pytest.fixture
def client(served: Served) -> Iterator[openai.OpenAI]:
    with openai_client(served) as client:
        yield client


def test_the_model_is_listed(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["wenyuan"]
    assert client.models.retrieve("wenyuan").owned_by == "wenyuan"
    with pytest.raises(openai.NotFoundError, match="wenyuan"):
        client.models.retrieve("gpt-9")


def test_an_answer_has_its_citations_in_the_text_and_beside_it(
    client: openai.OpenAI, served: Served
) -> None:
    reply = client.chat.completions.create(
        model="wenyuan",
        messages=[
            {"role": "system", "content": "You are a pirate."},
            {"role": "user", "content": POSTS},
        ],
    )
    text = reply.choices[0].message.content or ""
    assert text.startswith("200余个")
    assert "[1]" in text
    assert reply.choices[0].finish_reason == "stop"
    assert reply.model_extra is not None
    answer = reply.model_extra["wenyuan"]
    assert answer["citations"][0]["source"] == "docs/longquanyi-pioneer-posts.md"
    # The link in the text leads to the article, with the sentence marked.
    link = text.rsplit("](", 1)[1].split(")")[0]
    assert link.startswith(served.url)
    assert answer["citations"][0]["quote"] in httpx.get(link, trust_env=False).text


def test_a_stream_is_the_same_answer_in_pieces(client: openai.OpenAI) -> None:
    messages: list[openai.types.chat.ChatCompletionMessageParam] = [
        {"role": "user", "content": POSTS}
    ]
    whole = client.chat.completions.create(model="wenyuan", messages=messages)
    chunks = list(
        client.chat.completions.create(
            model="wenyuan", messages=messages, stream=True, stream_options={"include_usage": True}
        )
    )
    pieces = [choice.delta.content or "" for chunk in chunks for choice in chunk.choices]
    assert "".join(pieces) == whole.choices[0].message.content
    assert [c.finish_reason for chunk in chunks for c in chunk.choices][-1] == "stop"
    assert chunks[-1].usage is not None
    extra = [chunk.model_extra for chunk in chunks if chunk.model_extra]
    assert extra[0]["wenyuan"]["short_answer"] == "200余个"


def test_the_conversation_before_counts(client: openai.OpenAI) -> None:
    reply = client.chat.completions.create(
        model="wenyuan",
        messages=[
            {"role": "user", "content": "龙泉驿区发放了多少惠蓉贷?"},
            {"role": "assistant", "content": "18亿元。"},
            {"role": "user", "content": [{"type": "text", "text": "那邛崃呢?"}]},
        ],
    )
    assert "26.54" in (reply.choices[0].message.content or "")


def test_a_refusal_is_a_plain_answer_without_sources(client: openai.OpenAI) -> None:
    reply = client.chat.completions.create(
        model="wenyuan", messages=[{"role": "user", "content": "双流区建了多少党员先锋岗?"}]
    )
    text = reply.choices[0].message.content or ""
    assert "双流区" in text
    assert "出处" not in text


def test_what_cannot_be_asked_is_a_bad_request(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="last message"):
        client.chat.completions.create(
            model="wenyuan", messages=[{"role": "assistant", "content": "hello"}]
        )
    with pytest.raises(openai.BadRequestError, match="2000"):
        client.chat.completions.create(
            model="wenyuan", messages=[{"role": "user", "content": "x" * 2001}]
        )
    with pytest.raises(openai.UnprocessableEntityError):
        client.chat.completions.create(
            model="wenyuan", messages=[{"role": "user", "content": POSTS}], n=2
        )
