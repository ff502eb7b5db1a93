"""OpenAI's chat completions in front of the same answers, for chat clients that exist already.

The text carries the citations' markers and a list of sources below; the answer as the rest of the
API gives it stands in the extra field `wenyuan`.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from rag.assistant import MAX_QUESTION
from rag.errors import Lang, RagError
from rag.serving.access import Refusal
from rag.serving.api import STREAM_HEADERS, asker, given_to_dict, replied, service_of
from rag.serving.feedback import Given
from rag.serving.middleware import SMALL_BODY
from rag.serving.pages import document_url
from rag.serving.replies import ApiError, lang_of, refusal_of
from rag.types import Answer, Event, Token, Turn

MODEL = "wenyuan"
_LONGEST = 200_000  # characters of one message: a client sends the whole conversation
router = APIRouter(prefix="/v1")


class Part(BaseModel):
    """A piece of a message; only text counts."""

    model_config = ConfigDict(extra="allow")

    type: str
    text: Annotated[str, Field(max_length=_LONGEST)] = ""


class Message(BaseModel):
    """One message of the conversation."""

    model_config = ConfigDict(extra="allow")

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: Annotated[str, Field(max_length=_LONGEST)] | list[Part] | None = None

    def text(self) -> str:
        """The message's text."""
        if isinstance(self.content, list):
            return "\n".join(part.text for part in self.content if part.type == "text")
        return self.content or ""


class StreamOptions(BaseModel):
    """What a stream ends with."""

    model_config = ConfigDict(extra="allow")

    include_usage: bool = False


class Completion(BaseModel):
    """A request; sampling parameters are taken and have no effect."""

    model_config = ConfigDict(extra="allow")

    model: Annotated[str, Field(max_length=200)] = MODEL
    messages: Annotated[list[Message], Field(min_length=1, max_length=1000)]
    stream: bool = False
    stream_options: StreamOptions | None = None
    n: Annotated[int, Field(ge=1, le=1)] | None = None

    def conversation(self) -> tuple[str, list[Turn]]:
        """The question that is open, and the exchanges before it.

        Instructions are passed over: the articles are what answers come from.
        Raises ApiError when the last message that counts isn't the user's.
        """
        said = [m for m in self.messages if m.role in ("user", "assistant") and m.text().strip()]
        if not said or said[-1].role != "user":
            raise ApiError(_invalid("the last message must be the user's", "最后一条须为用户消息"))
        question = said[-1].text().strip()
        if len(question) > MAX_QUESTION:
            raise ApiError(
                _invalid(
                    f"the question has {len(question)} characters and may have {MAX_QUESTION}",
                    f"问题有 {len(question)} 个字符，最多 {MAX_QUESTION} 个",
                )
            )
        turns: list[Turn] = []
        for message in said[:-1]:
            if message.role == "user":
                turns.append(Turn(message.text()[:MAX_QUESTION]))
            elif turns:
                turns[-1] = Turn(turns[-1].question, message.text())
        return question, turns


def _invalid(en: str, zh: str) -> Refusal:
    return Refusal(400, "invalid", en, zh)


@router.get("/models")
def models(request: Request) -> dict[str, object]:
    """The one model there is."""
    return {"object": "list", "data": [_model()]}


@router.get("/models/{name}")
def model(name: str) -> dict[str, object]:
    """The model, by name."""
    if name != MODEL:
        raise ApiError(
            Refusal(404, "model_not_found", f"the only model is {MODEL}", f"只有模型 {MODEL}")
        )
    return _model()


def _model() -> dict[str, object]:
    return {"id": MODEL, "object": "model", "created": 0, "owned_by": "wenyuan"}


@router.post(
    "/chat/completions",
    dependencies=[Depends(asker)],
    max_body_size=SMALL_BODY,
    response_model=None,
)
async def complete(body: Completion, request: Request) -> Response:
    """An answer in OpenAI's shape, at once or as a stream of chunks."""
    service = service_of(request)
    question, turns = body.conversation()
    lang = lang_of(request.headers, question)
    base = str(request.base_url).rstrip("/") + request.app.state.prefix
    if not body.stream:
        given = await service.ask(question, turns, {}, request.is_disconnected)
        return replied(_whole(given, base, lang) if given else None)
    events = service.stream(question, turns, {})
    first = await anext(events)
    usage = body.stream_options is not None and body.stream_options.include_usage
    chunks = _chunks(first, events, base, lang, usage=usage)
    return StreamingResponse(chunks, media_type="text/event-stream", headers=STREAM_HEADERS)


def _whole(given: Given, base: str, lang: Lang) -> dict[str, object]:
    answer = given.answer
    content = answer.text + sources(answer, base, lang)
    return {
        "id": f"chatcmpl-{given.id}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": MODEL,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": content, "refusal": None},
                "finish_reason": "stop",
                "logprobs": None,
            }
        ],
        "usage": _usage(given),
        "wenyuan": given_to_dict(given),
    }


def sources(answer: Answer, base: str, lang: Lang) -> str:
    """The list of sources below the text, as Markdown links; empty without citations."""
    if not answer.citations:
        return ""
    lines = [
        f"[{c.marker}] [{_plain(c.document.title or c.document.source)}]"
        f"({document_url(base, c.document.id, c.start, c.end, lang)})"
        + (f" {c.document.date}" if c.document.date else "")
        for c in answer.citations
    ]
    return "\n\n" + ("出处：" if lang == "zh" else "Sources:") + "\n" + "\n".join(lines)


def _plain(title: str) -> str:
    """A title that can't end its own link."""
    return " ".join(title.split()).translate(str.maketrans("[]()<>", "［］（）＜＞"))


def _usage(given: Given) -> dict[str, int]:
    """Characters, since no tokens are counted."""
    prompt, completion = len(given.answer.question), len(given.answer.text)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }


async def _chunks(
    first: Event | Given,
    events: AsyncGenerator[Event | Given],
    base: str,
    lang: Lang,
    *,
    usage: bool,
) -> AsyncGenerator[bytes]:
    head: dict[str, Any] = {
        "id": f"chatcmpl-{time.time_ns():x}",
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": MODEL,
    }

    def chunk(delta: Mapping[str, object], finish: str | None = None, **more: object) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
        return _data(head | {"choices": [choice]} | more)

    async with aclosing(events):
        yield chunk({"role": "assistant", "content": ""})
        try:
            async for event in events:  # the first is what was found; clients have no place for it
                if isinstance(event, Token):
                    yield chunk({"content": event.text}) if event.text else b": waiting\n\n"
                elif isinstance(event, Given):
                    listed = sources(event.answer, base, lang)
                    if listed:
                        yield chunk({"content": listed})
                    yield chunk({}, "stop", wenyuan=given_to_dict(event))
                    if usage:
                        yield _data(head | {"choices": [], "usage": _usage(event)})
        except RagError as error:
            code = refusal_of(error).code
            yield _data(
                {"error": {"code": code, "message": error.say(lang), "type": "server_error"}}
            )
        yield b"data: [DONE]\n\n"


def _data(value: Mapping[str, object]) -> bytes:
    return b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n"
