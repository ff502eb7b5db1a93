"""The HTTP API: ask, documents, feedback, health."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Annotated, Literal

from anyio import to_thread
from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response, UploadFile
from fastapi.responses import JSONResponse, PlainTextResponse, StreamingResponse
from fastapi.sse import format_sse_event
from pydantic import BaseModel, ConfigDict, Field

from rag.assistant import MAX_QUESTION
from rag.errors import Lang, RagError
from rag.serving.access import TOKEN_SECONDS, Refusal
from rag.serving.feedback import Given
from rag.serving.library import Upload
from rag.serving.metrics import CONTENT_TYPE_LATEST
from rag.serving.middleware import SMALL_BODY, foreign
from rag.serving.replies import NOT_FOUND, ApiError, lang_of, refusal_of
from rag.serving.service import Service
from rag.types import Citation, Document, DocumentInfo, Event, Retrieved, Token, Turn

# nginx would gather a stream otherwise.
STREAM_HEADERS = {"X-Accel-Buffering": "no", "Cache-Control": "no-store"}
_GONE = 499  # nobody reads it: whoever asked has gone
_Short = Annotated[str, Field(max_length=200)]


class TurnBody(BaseModel):
    """One earlier exchange."""

    question: Annotated[str, Field(max_length=MAX_QUESTION)]
    answer: Annotated[str, Field(max_length=20_000)] = ""


class AskBody(BaseModel):
    """A question, with what came before it."""

    model_config = ConfigDict(extra="forbid")

    question: Annotated[str, Field(max_length=MAX_QUESTION)]
    history: Annotated[list[TurnBody], Field(max_length=50)] = []
    lang: Literal["zh", "en"] | None = None
    context: Annotated[
        dict[_Short, _Short],
        Field(max_length=20, description="where the question was asked; kept with its feedback"),
    ] = {}

    def turns(self) -> list[Turn]:
        """The history as the assistant takes it."""
        return [Turn(turn.question, turn.answer) for turn in self.history]


class FeedbackBody(BaseModel):
    """What someone thought of an answer."""

    model_config = ConfigDict(extra="forbid")

    answer_id: Annotated[str, Field(max_length=64)]
    rating: Literal["up", "down"]
    comment: Annotated[str, Field(max_length=2000)] = ""


def service_of(request: Request) -> Service:
    """The application's service."""
    service: Service = request.app.state.service
    return service


def asker(request: Request) -> None:
    """Count the question. Raises ApiError (429)."""
    service, state = service_of(request), request.state
    refusal = service.access.count(state.client, widget=state.widget)
    if refusal is not None:
        service.metrics.refused(refusal.code)
        raise ApiError(refusal)


_Service = Annotated[Service, Depends(service_of)]
router = APIRouter()


@router.post("/api/ask", dependencies=[Depends(asker)], max_body_size=SMALL_BODY)
async def ask(body: AskBody, request: Request, service: _Service) -> Response:
    """The answer, as `rag ask --json` prints it, and its `answer_id` for feedback."""
    given = await service.ask(body.question, body.turns(), body.context, request.is_disconnected)
    return replied(given_to_dict(given) if given else None)


def replied(value: Mapping[str, object] | None) -> Response:
    """A reply in JSON; an empty one where nobody waits for it any more."""
    return Response(status_code=_GONE) if value is None else JSONResponse(value)


@router.post(
    "/api/ask/stream",
    dependencies=[Depends(asker)],
    max_body_size=SMALL_BODY,
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}}},
)
async def ask_stream(body: AskBody, request: Request, service: _Service) -> StreamingResponse:
    """Server-sent events: `hits`, `token` and `citation`, then `answer`; or `error`."""
    lang = body.lang or lang_of(request.headers, body.question)
    events = service.stream(body.question, body.turns(), body.context)
    first = await anext(events)  # an error before the stream begins has a status of its own
    stream = _frames(service, first, events, lang)
    return StreamingResponse(stream, media_type="text/event-stream", headers=STREAM_HEADERS)


async def _frames(
    service: Service,
    first: Event | Given,
    events: AsyncGenerator[Event | Given],
    lang: Lang,
) -> AsyncGenerator[bytes]:
    async with aclosing(events):
        try:
            yield await _frame(service, first, lang)
            async for event in events:
                yield await _frame(service, event, lang)
        except RagError as error:
            refusal = refusal_of(error)
            yield _sse("error", {"code": refusal.code, "message": error.say(lang)})


async def _frame(service: Service, event: Event | Given, lang: Lang) -> bytes:
    match event:
        case Retrieved(query=query, hits=hits):
            return _sse("hits", {"query": query, "hits": [hit.to_dict() for hit in hits]})
        case Token(text=""):
            return b": waiting\n\n"
        case Token(text=text):
            return _sse("token", {"text": text})
        case Citation():
            return _sse("citation", event.to_dict())
        case Given():
            suggestions = await to_thread.run_sync(service.follow_ups, event, lang)
            return _sse("answer", given_to_dict(event) | {"suggestions": suggestions})
    raise TypeError(event)


def _sse(name: str, data: Mapping[str, object]) -> bytes:
    return format_sse_event(event=name, data_str=json.dumps(data, ensure_ascii=False))


def given_to_dict(given: Given) -> dict[str, object]:
    """The answer's JSON with the id under which it can be rated."""
    return given.answer.to_dict() | {"answer_id": given.id}


@router.get("/api/suggestions")
def suggestions(
    request: Request, service: _Service, lang: Literal["zh", "en"] | None = None
) -> dict[str, list[str]]:
    """Example questions, made from the articles at hand."""
    return {"suggestions": service.suggestions.examples(lang or lang_of(request.headers))}


@router.post("/api/feedback", status_code=204, max_body_size=SMALL_BODY)
def feedback(body: FeedbackBody, service: _Service) -> None:
    """Rate an answer; a second rating replaces the first."""
    try:
        service.rate(body.answer_id, body.rating, body.comment)
    except KeyError:
        raise ApiError(UNKNOWN_ANSWER) from None


UNKNOWN_ANSWER = Refusal(
    404, "unknown_answer",
    "no such answer, or it is too old to be rated; ask again",
    "没有这个回答，或已过期无法评价，请重新提问",
)  # fmt: skip


@router.post("/api/widget/token")
def widget_token(request: Request, service: _Service) -> dict[str, object]:
    """A token for the widget on pages of the request's origin, if that is allowed."""
    origin = request.headers.get("origin")
    if origin is None:
        raise ApiError(foreign("-"))
    return {"token": service.access.issue(origin), "expires_in": TOKEN_SECONDS}


@router.get("/api/documents")
def documents(
    service: _Service,
    search: Annotated[str, Query(max_length=200)] = "",
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    offset: Annotated[int, Query(ge=0, le=2**31)] = 0,
) -> dict[str, object]:
    """One page of the articles, by file; `total` counts all pages."""
    rows, total = service.live.get().listing(search=search, limit=limit, offset=offset)
    listed = [_about(r.info) | {"chunks": r.chunks, "indexed_at": r.indexed_at} for r in rows]
    return {"documents": listed, "total": total}


def _about(info: DocumentInfo) -> dict[str, object]:
    return {
        "document_id": info.id,
        "title": info.title,
        "date": info.date,
        "source": info.source,
        "author": info.author,
        "publisher": info.publisher,
        "url": info.url,
    }


@router.get("/api/documents/{document_id}")
def document(document_id: str, service: _Service) -> dict[str, object]:
    """A whole article."""
    found = find_document(service, document_id)
    return _about(found.info) | {
        "text": found.text,
        "headings": [{"start": h.start, "end": h.end, "level": h.level} for h in found.headings],
        "pages": [{"number": p.number, "start": p.start, "end": p.end} for p in found.pages],
    }


def find_document(service: Service, document_id: str) -> Document:
    """The article with this id. Raises ApiError (404)."""
    found = service.live.get().document(document_id)
    if found is None:
        raise ApiError(NO_DOCUMENT)
    return found


NO_DOCUMENT = Refusal(
    404, "unknown_document",
    "no article has this id; see GET /api/documents",
    "没有这个编号的文章，请查看 GET /api/documents",
)  # fmt: skip


@router.post("/api/documents")
def add_documents(files: list[UploadFile], service: _Service) -> dict[str, object]:
    """Keep and index files; each has its own outcome. For the administrator, like removing."""
    with tempfile.TemporaryDirectory() as folder:
        uploads = []
        for number, file in enumerate(files):
            path = Path(folder) / str(number)
            with path.open("wb") as target:
                shutil.copyfileobj(file.file, target)
            uploads.append(Upload(file.filename or "", path))
        outcomes = service.library.add(uploads)
    return {
        "files": [
            {
                "name": outcome.name,
                "source": outcome.source,
                "error": outcome.error and {"en": outcome.error.en, "zh": outcome.error.zh},
            }
            for outcome in outcomes
        ]
    }


@router.delete("/api/documents/{document_id}", status_code=204)
def remove_document(document_id: str, service: _Service) -> None:
    """Take an article out of the index; its file stays."""
    if not service.library.remove(document_id):
        raise ApiError(NO_DOCUMENT)


@router.get("/healthz")
def healthz() -> dict[str, str]:
    """Whether the process is alive."""
    return {"status": "ok"}


@router.get("/readyz")
def readyz(service: _Service, response: Response) -> dict[str, bool]:
    """Whether questions can be answered: 503 while no index is loaded."""
    if not service.live.ready:
        response.status_code = 503
    return {"ready": service.live.ready}


@router.get("/metrics", response_class=PlainTextResponse)
def metrics(service: _Service) -> Response:
    """Counts and times in Prometheus' format."""
    return Response(service.metrics.page(), media_type=CONTENT_TYPE_LATEST)


async def _nothing_here() -> None:
    """Otherwise an unknown address would be Gradio's to answer."""
    raise ApiError(NOT_FOUND)


def close(app: FastAPI, prefix: str) -> None:
    """Make every other address under /api and /v1 say that there is nothing; call it last."""
    for path in ("/api/{rest:path}", "/v1/{rest:path}"):
        app.add_api_route(
            prefix + path,
            _nothing_here,
            methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            include_in_schema=False,
        )
