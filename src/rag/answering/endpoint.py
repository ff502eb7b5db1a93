"""One OpenAI-compatible endpoint: its streams, time limits, retries and circuit breaker.

Calls run in one background event loop, so that a call can be cancelled at any moment, whatever it
is waiting for, and its connection is closed. The caller's thread only reads a queue, and is never
held up longer than the limits say.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from rag.answering.breaker import Breaker
from rag.answering.failures import failure, failure_of
from rag.answering.prompts import Message
from rag.errors import GeneratorError

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from openai.types.chat import ChatCompletionMessageParam

_log = logging.getLogger(__name__)

_POLL_S = 0.25  # a waiting caller hears from us this often
_RETRY_S = 0.5
_LONGEST_RETRY_S = 10.0
_ENDS = (".", "。", "！", "？", "!", "?", "”", '"', "]", "】", ")", "）", "\n")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a model is served and how long to wait for it; seconds. The key is never shown."""

    base_url: str
    model: str
    key: str = field(repr=False, default="")
    timeout_s: float = 90.0
    first_token_timeout_s: float = 30.0
    stall_timeout_s: float = 15.0
    retries: int = 1
    concurrency: int = 4


@dataclass(frozen=True, slots=True)
class Request:
    """One call. `max_tokens` bounds what may come back."""

    messages: Sequence[Message]
    max_tokens: int
    temperature: float = 0.0


@dataclass(frozen=True, slots=True)
class Delta:
    """What came: `text` of the answer; empty while waiting, or while the model reasons.

    `cut` says at the end that the answer reached `max_tokens`.
    """

    text: str = ""
    cut: bool = False


class ChatEndpoint:
    """Streams completions of one endpoint. Safe to use from several threads."""

    def __init__(self, endpoint: Endpoint, breaker: Breaker | None = None) -> None:
        self._endpoint = endpoint
        self._breaker = breaker or Breaker()
        self._slots = threading.BoundedSemaphore(endpoint.concurrency)
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._client: AsyncOpenAI | None = None

    def stream(self, request: Request) -> Iterator[Delta]:
        """What the model writes, as it comes; an empty Delta at least every second.

        Ends after `timeout_s` at the latest. Raises GeneratorError. Closing it cancels the call.
        """
        ends = time.monotonic() + self._endpoint.timeout_s
        begins = min(ends, time.monotonic() + self._endpoint.first_token_timeout_s)
        self._breaker.enter()
        yield from self._slot(begins)
        try:
            for attempt in range(self._endpoint.retries + 1):
                try:
                    yield from self._call(request, begins, ends)
                except GeneratorError as error:
                    pause = min(error.retry_after_s or _RETRY_S, _LONGEST_RETRY_S)
                    last = attempt == self._endpoint.retries or not error.retriable
                    asked = error.retry_after_s or 0.0
                    if last or time.monotonic() + max(pause, asked) >= begins:
                        self._note(error)
                        raise
                    yield from _waiting(pause)
                else:
                    self._breaker.succeeded()
                    return
        finally:
            self._slots.release()

    def models(self) -> list[str]:
        """The names of the models that the endpoint lists. Raises GeneratorError."""

        async def names() -> list[str]:
            page = await self._opened().models.list(timeout=self._endpoint.first_token_timeout_s)
            return [model.id for model in page.data]

        future = asyncio.run_coroutine_threadsafe(names(), self._running())
        try:
            return future.result(self._endpoint.first_token_timeout_s)
        except TimeoutError:
            future.cancel()
            raise failure("first_token_timeout") from None
        except Exception as error:  # noqa: BLE001 - whatever it is, the endpoint can't be used
            raise failure_of(error, begun=False) from None

    def close(self) -> None:
        """Close connections and end the background thread. Streams under way break off."""
        with self._lock:
            loop, self._loop = self._loop, None
            client, self._client = self._client, None
        if loop is None:
            return
        if client is not None:
            with suppress(TimeoutError):
                asyncio.run_coroutine_threadsafe(client.close(), loop).result(2)
        loop.call_soon_threadsafe(loop.stop)

    def _note(self, error: GeneratorError) -> None:
        # The sentence alone: what a server sends back may hold a key.
        _log.warning("%s: %s", self._endpoint.base_url, error.en)
        if error.of_endpoint:
            self._breaker.failed(error)
        else:
            self._breaker.succeeded()

    def _slot(self, until: float) -> Iterator[Delta]:
        while not self._slots.acquire(timeout=_POLL_S):
            if time.monotonic() >= until:
                raise failure("busy")
            yield Delta()

    def _call(self, request: Request, begins: float, ends: float) -> Iterator[Delta]:
        events: queue.SimpleQueue[Any] = queue.SimpleQueue()
        future: Future[None] = asyncio.run_coroutine_threadsafe(
            self._pump(request, events), self._running()
        )
        begun = False
        written = ""
        due = begins
        try:
            while True:
                try:
                    event = events.get(timeout=_POLL_S)
                except queue.Empty:
                    if time.monotonic() >= min(due, ends):
                        raise _late(begun, due, ends) from None
                    yield Delta()
                    continue
                if time.monotonic() >= ends:
                    raise failure("timeout")
                if isinstance(event, BaseException):
                    raise _final(failure_of(event, begun=begun), written)
                if isinstance(event, _End):
                    yield _ended(event, written)
                    return
                begun = True
                due = time.monotonic() + self._endpoint.stall_timeout_s
                written += event
                yield Delta(event)
        finally:
            future.cancel()

    async def _pump(self, request: Request, events: queue.SimpleQueue[Any]) -> None:
        """Put what comes into the queue: texts, "" for reasoning, an _End or an exception."""
        reason = None
        messages = [
            {"role": message.role, "content": message.content} for message in request.messages
        ]
        try:
            stream = await self._opened().chat.completions.create(
                model=self._endpoint.model,
                messages=cast("list[ChatCompletionMessageParam]", messages),
                stream=True,
                **self._bounds(request),
            )
            async with stream:
                async for chunk in stream:
                    for choice in chunk.choices or ():
                        reason = choice.finish_reason or reason
                        delta = choice.delta
                        if delta is None:
                            continue
                        if isinstance(delta.content, str) and delta.content:
                            events.put(delta.content)
                        elif _reasons(delta):
                            events.put("")
            events.put(_End(reason))
        except Exception as error:  # noqa: BLE001 - the caller's thread gets it
            events.put(error)

    def _bounds(self, request: Request) -> dict[str, Any]:
        """Length and temperature; OpenAI's own newer models know only the newer name."""
        own = (urlsplit(self._endpoint.base_url).hostname or "").endswith("openai.com")
        bounds: dict[str, Any] = {
            "max_completion_tokens" if own else "max_tokens": request.max_tokens
        }
        if request.temperature >= 0:
            bounds["temperature"] = request.temperature
        return bounds

    def _opened(self) -> AsyncOpenAI:
        from openai import AsyncOpenAI, Omit, Timeout

        others = {"OpenAI-Organization": Omit(), "OpenAI-Project": Omit()}
        with self._lock:
            if self._client is None:
                self._client = AsyncOpenAI(
                    base_url=self._endpoint.base_url,
                    api_key=self._endpoint.key or "none",
                    # What the environment holds for another endpoint isn't sent to this one.
                    default_headers=cast("dict[str, str]", others),
                    max_retries=0,
                    timeout=Timeout(None, connect=self._endpoint.first_token_timeout_s),
                )
            return self._client

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(
                    target=_run, args=(self._loop,), name="language model", daemon=True
                ).start()
            return self._loop


@dataclass(frozen=True, slots=True)
class _End:
    reason: str | None


def _run(loop: asyncio.AbstractEventLoop) -> None:
    try:
        loop.run_forever()
    finally:
        loop.run_until_complete(_cancelled(asyncio.all_tasks(loop)))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


async def _cancelled(tasks: Iterable[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await task


def _waiting(seconds: float) -> Iterator[Delta]:
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        time.sleep(min(left, _POLL_S))
        yield Delta()


def _late(begun: bool, due: float, ends: float) -> GeneratorError:
    if ends <= due:
        return failure("timeout" if begun else "first_token_timeout")
    return failure("stalled" if begun else "first_token_timeout")


def _ended(event: _End, written: str) -> Delta:
    if event.reason == "content_filter":
        raise failure("filtered")
    if not written.strip():
        raise failure("empty")
    # A stream that just ends may have been cut off on its way.
    if event.reason is None and not written.rstrip(" ").endswith(_ENDS):
        raise _final(failure("disconnected"), written)
    return Delta(cut=event.reason == "length")


def _final(error: GeneratorError, written: str) -> GeneratorError:
    """What has been read can't be taken back: another try would write it again."""
    error.retriable = error.retriable and not written
    return error


def _reasons(delta: object) -> bool:
    """Whether a delta carries reasoning, by the names that servers give it."""
    return any(getattr(delta, name, None) for name in ("reasoning_content", "reasoning"))


__all__ = ["ChatEndpoint", "Delta", "Endpoint", "Request"]
