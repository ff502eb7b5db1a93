"""Pages of another origin for the widget's tests, and a scripted stand-in for the API.

The pages are served on `localhost`, the product on `127.0.0.1`: two origins on one machine.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import rag.serving

WIDGET = Path(rag.serving.__file__).parent / "widget" / "widget.js"


def strict_policy(server: str) -> str:
    """What a careful host page sends: this server's script and its answers, and nothing else."""
    return (
        f"default-src 'none'; script-src {server}; connect-src {server}; "
        "require-trusted-types-for 'script'"
    )


def script_tag(server: str, attributes: str = "") -> str:
    return f'<script src="{server}/widget.js" {attributes} defer></script>'


@dataclass(slots=True)
class HostPages:
    """A site of another origin; `add` gives the address of a page it then serves."""

    origin: str
    _pages: dict[str, tuple[str, str]] = field(default_factory=dict)

    def add(self, body: str, *, policy: str = "", lang: str = "zh-CN") -> str:
        path = f"/{len(self._pages)}"
        head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        html = f'<!doctype html><html lang="{lang}">{head}<title>host</title><body>{body}</body>'
        self._pages[path] = (html, policy)
        return self.origin + path

    def serve(self, request: BaseHTTPRequestHandler) -> None:
        html, policy = self._pages.get(request.path, ("", ""))
        headers = {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": policy}
        reply(request, 200 if html else 404, html.encode(), headers)


@dataclass(slots=True)
class Scripted:
    """Speaks the API's contract; what it answers to a question is set by the test."""

    origin: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)
    rated: list[dict[str, Any]] = field(default_factory=list)
    tokens: int = 0
    answer: Callable[[BaseHTTPRequestHandler, dict[str, Any]], None] = lambda request, body: None

    def serve(self, request: BaseHTTPRequestHandler) -> None:
        length = int(request.headers.get("Content-Length") or 0)
        body = json.loads(request.rfile.read(length) or "{}")
        path = request.path.partition("?")[0]
        if request.command == "OPTIONS":
            reply(request, 204)
        elif path == "/widget.js":
            reply(request, 200, WIDGET.read_bytes(), {"Content-Type": "text/javascript"})
        elif path == "/api/widget/token":
            self.tokens += 1
            send_json(request, 200, {"token": f"token {self.tokens}", "expires_in": 3600})
        elif path == "/api/suggestions":
            send_json(request, 200, {"suggestions": []})
        elif path == "/api/feedback":
            self.rated.append(body)
            reply(request, 204)
        elif path == "/api/ask/stream":
            self.asked.append(body)
            self.answer(request, body)
        else:
            reply(request, 404)


def reply(
    request: BaseHTTPRequestHandler,
    status: int,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
) -> None:
    """A whole reply that any origin may read."""
    begin(request, status, {"Content-Length": str(len(body)), **(headers or {})})
    request.wfile.write(body)


def begin(request: BaseHTTPRequestHandler, status: int, headers: Mapping[str, str]) -> None:
    request.send_response(status)
    cors = {
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Allow-Headers": "Content-Type, X-Wenyuan-Token",
        "Access-Control-Expose-Headers": "Retry-After",
    }
    for name, value in {**cors, **headers}.items():
        if value:
            request.send_header(name, value)
    request.end_headers()


def send_json(
    request: BaseHTTPRequestHandler,
    status: int,
    value: object,
    headers: Mapping[str, str] | None = None,
) -> None:
    body = json.dumps(value, ensure_ascii=False).encode()
    reply(request, status, body, {"Content-Type": "application/json", **(headers or {})})


def begin_stream(request: BaseHTTPRequestHandler) -> None:
    begin(request, 200, {"Content-Type": "text/event-stream", "Connection": "close"})


def frame(name: str, value: object, *, newline: str = "\n") -> bytes:
    data = json.dumps(value, ensure_ascii=False)
    return f"event: {name}{newline}data: {data}{newline}{newline}".encode()


def send(request: BaseHTTPRequestHandler, piece: bytes) -> None:
    """One piece of a stream, at once."""
    request.wfile.write(piece)
    request.wfile.flush()


def an_answer(text: str, **changes: object) -> dict[str, object]:
    """An answer as the API gives it, with one citation."""
    citation = {
        "marker": 1, "document_id": "d1", "title": "一篇文章", "date": "2025-03-01",
        "source": "docs/a.md", "page": 7, "start": 3, "end": 9, "quote": "原文的一句话。",
    }  # fmt: skip
    whole: dict[str, object] = {
        "question": "问", "query": "问", "answered": True, "answer": text, "short_answer": None,
        "confidence": 0.9, "reason": None, "citations": [citation], "hits": [],
        "generator": "scripted", "timings_ms": {}, "answer_id": "a1", "suggestions": [],
    }  # fmt: skip
    return whole | changes


@contextmanager
def listening(serve: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[int]:
    """A server on this machine that hands every request to `serve`; gives its port."""

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            with suppress(ConnectionError):  # a browser that stopped reading is part of the tests
                serve(self)

        do_GET = do_POST = do_OPTIONS = handle_any  # noqa: N815  # as http.server looks them up

        def log_message(self, *_: object) -> None:
            """Nothing: a test's output is its own."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
