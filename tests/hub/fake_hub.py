"""A hub of one model on this machine: just enough of the API to be fetched from."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha1
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REFUSALS = {
    "nobody/none": (404, "RepoNotFound"),
    "big/gated/resolve": (403, "GatedRepo"),  # all may look at it, its files are kept back
    "big/broken": (500, ""),
}


@dataclass
class Hub:
    """Where it is, and the files that were asked for."""

    url: str
    fetched: list[str]


def _etag(file: str) -> str:
    return sha1(file.encode(), usedforsecurity=False).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path).lstrip("/")
        refused = next((said for name, said in REFUSALS.items() if name in path), None)
        name = next((name for name in self.server.models if name in path), None)
        if refused is not None:
            self._send(refused[0], b"{}", {"X-Error-Code": refused[1], "X-Error-Message": "no"})
        elif name is None:
            self._send(404, b"{}", {"X-Error-Code": "RepoNotFound"})
        elif path.startswith("api/"):
            self._answer(name, tree="/tree/" in path)
        else:
            self._file(self.server.models[name], path.split("/", 4)[4])

    def do_HEAD(self) -> None:
        self.do_GET()

    def _answer(self, name: str, *, tree: bool) -> None:
        folder = self.server.models[name]
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        sizes = {path.relative_to(folder).as_posix(): path.stat().st_size for path in files}
        if tree:
            rows = [
                {"type": "file", "path": file, "size": size, "oid": _etag(file)}
                for file, size in sizes.items()
            ]
            self._send(200, json.dumps(rows).encode())
            return
        siblings = [
            {"rfilename": file, "size": self.server.claimed or size} for file, size in sizes.items()
        ]
        info = {"id": name, "modelId": name, "sha": COMMIT, "siblings": siblings}
        self._send(200, json.dumps(info).encode())

    def _file(self, folder: Path, file: str) -> None:
        if self.command == "GET":
            self.server.fetched.append(file)
        headers = {"ETag": f'"{_etag(file)}"', "X-Repo-Commit": COMMIT}
        self._send(200, (folder / file).read_bytes(), headers)

    def _send(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the test's output is its own."""


class _Server(ThreadingHTTPServer):
    def __init__(self, models: Mapping[str, Path], claimed: int | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.models, self.claimed = models, claimed
        self.fetched: list[str] = []


@contextmanager
def serving(models: Mapping[str, Path], claimed: int | None = None) -> Iterator[Hub]:
    """Serve folders under their names; `claimed` is a size that every file is said to have."""
    server = _Server(models, claimed)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield Hub(f"http://127.0.0.1:{server.server_address[1]}", server.fetched)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
