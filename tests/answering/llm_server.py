"""A scripted endpoint that speaks the chat completion protocol over a real socket."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Handler = Callable[["Exchange"], None]


@dataclass
class Recorded:
    """What the server was sent, and whether the client went away before the end."""

    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    gone: threading.Event = field(default_factory=threading.Event)
    running: int = 0
    most_running: int = 0


class Exchange:
    """One request being answered."""

    def __init__(self, handler: BaseHTTPRequestHandler, recorded: Recorded) -> None:
        self._handler = handler
        self.recorded = recorded

    def start(self, status: int = 200, **headers: str) -> None:
        self._handler.send_response(status)
        for name, value in headers.items():
            self._handler.send_header(name.replace("_", "-"), value)
        self._handler.send_header("Connection", "close")
        self._handler.end_headers()

    def raw(self, data: bytes) -> None:
        self._handler.wfile.write(data)
        self._handler.wfile.flush()

    def chunk(self, reason: str | None = None, **delta: Any) -> None:
        body = {
            "id": "x", "object": "chat.completion.chunk", "created": 1, "model": "tiny",
            "choices": [{"index": 0, "delta": delta, "finish_reason": reason}],
        }  # fmt: skip
        self.raw(f"data: {json.dumps(body, ensure_ascii=False)}\n\n".encode())

    def error(self, status: int, message: str = "no", **headers: str) -> None:
        self.start(status, Content_Type="application/json", **headers)
        self.raw(json.dumps({"error": {"message": message}}).encode())

    def cut(self) -> None:
        """Close the connection in the middle."""
        self._handler.connection.shutdown(socket.SHUT_RDWR)

    def wait_for_the_client_to_go(self, seconds: float) -> None:
        """Blocks while the client holds the connection; notes it when it goes."""
        self._handler.connection.settimeout(seconds)
        try:
            if self._handler.connection.recv(1) == b"":
                self.recorded.gone.set()
        except TimeoutError:
            pass
        except OSError:
            self.recorded.gone.set()


class Steps:
    """A model that writes piece after piece, each when the test lets it."""

    def __init__(self, *pieces: str) -> None:
        self.pieces = pieces
        self._turns = threading.Semaphore(0)
        self.at = 0

    def go(self) -> None:
        self._turns.release()

    def __call__(self, exchange: Exchange) -> None:
        exchange.start(Content_Type="text/event-stream")
        for piece in self.pieces:
            assert self._turns.acquire(timeout=20)
            self.at += 1
            exchange.chunk(content=piece)
        exchange.chunk(reason="stop")
        exchange.raw(b"data: [DONE]\n\n")


def says(*pieces: str, reason: str | None = "stop", pause: float = 0.0) -> Handler:
    """A completion in these pieces."""

    def handle(exchange: Exchange) -> None:
        exchange.start(Content_Type="text/event-stream")
        exchange.chunk(role="assistant", content="")
        for piece in pieces:
            exchange.chunk(content=piece)
            time.sleep(pause)
        exchange.chunk(reason=reason)
        exchange.raw(b"data: [DONE]\n\n")

    return handle


def fails(status: int, message: str = "no", **headers: str) -> Handler:
    return lambda exchange: exchange.error(status, message, **headers)


def in_turn(*handlers: Handler) -> Handler:
    """The first request gets the first, and so on; the last one stays."""
    left = list(handlers)

    def handle(exchange: Exchange) -> None:
        (left.pop(0) if len(left) > 1 else left[0])(exchange)

    return handle


class Server:
    """Listens on loopback; `script` decides what the next requests get."""

    def __init__(self, script: Handler) -> None:
        self.script = script
        self.recorded = Recorded()
        lock = threading.Lock()
        outer = self

        class Requests(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                exchange = Exchange(self, outer.recorded)
                exchange.start(Content_Type="application/json")
                exchange.raw(json.dumps({"object": "list", "data": [_model("tiny")]}).encode())

            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                recorded = outer.recorded
                with lock:
                    recorded.requests.append(json.loads(self.rfile.read(length)))
                    recorded.headers.append({k.lower(): v for k, v in self.headers.items()})
                    recorded.running += 1
                    recorded.most_running = max(recorded.most_running, recorded.running)
                try:
                    outer.script(Exchange(self, recorded))
                except OSError:
                    recorded.gone.set()
                finally:
                    with lock:
                        recorded.running -= 1

            def log_message(self, *arguments: object) -> None:
                pass

        class Listener(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, request: object, client_address: object) -> None:
                pass

        self._server = Listener(("127.0.0.1", 0), Requests)
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def prompts(self) -> Sequence[str]:
        """All that the model was shown in the last request."""
        return [message["content"] for message in self.recorded.requests[-1]["messages"]]


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 1, "owned_by": "us"}


@contextmanager
def serving(script: Handler) -> Iterator[Server]:
    server = Server(script)
    try:
        yield server
    finally:
        server.close()
