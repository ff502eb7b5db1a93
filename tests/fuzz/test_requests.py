"""No token lets a stranger in, and no request makes the server fail."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import strategies as st
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rag.assembly import indexer_of
from rag.config import ServerSettings, Settings
from rag.serving.access import Access, hash_of
from rag.serving.middleware import Guard, SecurityHeaders
from tests.fuzz.fuzzing import fuzz, pieces

OA, OTHER = "https://oa.example.cn", "https://evil.example"
RULES = Access(ServerSettings.model_validate({"allowed_origins": [OA, "http://b.local:8080"]}))
TOKEN = RULES.issue(OA)
PATHS = (
    "/ /api/ask /api/ask/stream /api/suggestions /api/documents /api/documents/x /api/feedback "
    "/api/widget/token /v1/models /v1/chat/completions /widget.js /healthz /readyz /metrics /page/ "
    "/documents /gradio_api/info /gradio_api/upload /gradio_api/file= /openapi.json /api/docs "
    ".. %2e%2e // /static/ \\ ; ? # \x00 \x7f é 文 /theme.css /config /demo/ /favicon.ico /login"
)
HEADERS = (
    "origin host authorization x-api-key x-forwarded-for x-forwarded-host x-wenyuan-token "
    "x-admin-token content-type content-length accept-language cookie accept range upgrade "
    "x-remote-user x-forwarded-proto x-gradio-server transfer-encoding "
    "access-control-request-method expect"
).split()
VALUES = pieces(
    f"{OA} {OTHER} null http:// https:// :// [ ] [::1] 127.0.0.1 : @ localhost Bearer Basic Og== "
    "application/json multipart/form-data; boundary=x text/plain -1 0 99999999999999999999 zh "
    f"en;q=0.5 * {TOKEN} bytes=0- . =",
    most=5,
)


@st.composite
def changed(draw: st.DrawFn) -> str:
    """A token that was good for OA, changed somewhere."""
    token = list(draw(st.sampled_from([TOKEN, RULES.issue("http://b.local:8080")])))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(token) - 1))
        token[at] = draw(st.characters(max_codepoint=0xFF))
    return "".join(token)


@fuzz(
    token=changed() | VALUES | st.none(),
    origin=st.sampled_from([OA, OA.upper(), OTHER, "http://b.local:8080", "null", ""])
    | VALUES
    | st.none(),
)
def test_no_token_but_the_one_issued_to_this_origin_is_accepted(
    token: str | None, origin: str | None
) -> None:
    if RULES.check_token(token, origin) is None:
        assert token is not None
        assert origin is not None
        # The last character of a signature has bits that say nothing; nothing else may differ.
        issued = RULES.issue(origin.lower())
        assert token.rsplit(".", 2)[0] == issued.rsplit(".", 2)[0]
        assert origin.lower() in RULES.origins


def scope_of(method: str, path: str, headers: list[tuple[str, str]]) -> Scope:
    raw, _, query = path.partition("?")
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "path": raw,
        "raw_path": raw.encode("utf-8", "replace"),
        "root_path": "",
        "scheme": "http",
        "query_string": query.encode("utf-8", "replace"),
        "headers": [(name.encode(), sent(value)) for name, value in headers],
        "client": ("10.0.0.9", 1234),
        "server": ("testserver", 80),
        "state": {},
    }


def sent(value: str) -> bytes:
    """A header's value as far as an HTTP server lets it through: no control characters."""
    data = value.strip().encode("utf-8", "replace")
    return bytes(byte for byte in data if byte == 9 or (byte >= 32 and byte != 127)).strip()


async def status_of(app: ASGIApp, scope: Scope, body: bytes) -> int:
    """What the application answers; what it raises is raised."""
    statuses: list[int] = []
    given = [{"type": "http.request", "body": body, "more_body": False}]
    done = asyncio.Event()

    async def receive() -> Message:
        if given:
            return given.pop()
        await done.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(int(message["status"]))
            for name, value in message["headers"]:
                assert b"\n" not in name + value
                assert b"\r" not in name + value
        elif not message.get("more_body", False):
            done.set()

    task = asyncio.ensure_future(app(scope, receive, send))
    _, pending = await asyncio.wait([task], timeout=20)
    if pending:  # a stream that never ends by itself
        done.set()
        await asyncio.wait_for(task, 20)
    await task
    return statuses[0] if statuses else 0


METHODS = st.sampled_from(["GET", "POST", "DELETE", "PUT", "OPTIONS", "HEAD", "PATCH", "x"])
HEADER_LISTS = st.lists(st.tuples(st.sampled_from(HEADERS), VALUES), max_size=6)


async def _inside(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("in")(scope, receive, send)


def guarded(**server: object) -> ASGIApp:
    access = Access(ServerSettings.model_validate({"allowed_origins": [OA], **server}))
    guard = Guard(_inside, access, "", 1 << 20, lambda _: None)
    return SecurityHeaders(guard, access.origins)


GUARDS = [
    guarded(),
    guarded(api_keys=[hash_of("right")]),
    guarded(trusted_header="X-Remote-User"),
    guarded(admin_token="secret"),
]
OPEN = {"/healthz", "/readyz", "/widget.js", "/widget/demo.js", "/favicon.ico"}


@fuzz(which=st.integers(0, 3), method=METHODS, path=pieces(PATHS, most=4), headers=HEADER_LISTS)
def test_the_guard_lets_in_or_refuses_whatever_comes(
    which: int, method: str, path: str, headers: list[tuple[str, str]]
) -> None:
    scope = scope_of(method, path, headers)
    status = asyncio.run(status_of(GUARDS[which], scope, b""))
    assert status in (200, 400, 401, 403, 413)
    if status != 200:
        return
    if which in (1, 2):  # nobody has the key, nor comes from the proxy
        assert (
            scope["path"] in OPEN
            or (
                ("origin", OA) in [(name, value.lower()) for name, value in headers]
                and scope["path"] == "/api/widget/token"
            )
            or (TOKEN in dict(headers).values())
        )
    if scope["path"].startswith("/api/documents"):
        assert method not in ("POST", "DELETE")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[asyncio.Runner, ASGIApp]]:
    from rag.serving.app import create_app

    folder = tmp_path_factory.mktemp("requests")
    (folder / "docs").mkdir()
    (folder / "docs" / "bridge.txt").write_text("蓝溪村在2025年修了37座石桥。", encoding="utf-8")
    base = Settings()
    settings = base.model_copy(
        update={
            "index": base.index.model_copy(update={"dir": folder / "index"}),
            "server": ServerSettings.model_validate(
                {"allowed_origins": [OA], "rate_limit": "", "daily_limit": "",
                 "upload_dir": folder / "docs"}
            ),
        }
    )  # fmt: skip
    indexer_of(settings).index([folder / "docs"])

    async def made() -> ASGIApp:
        return create_app(settings)

    with asyncio.Runner() as runner:
        yield runner, runner.run(made())


ANY_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                "question history answer context messages role content model stream answer_id "
                "rating comment data fn_index session_hash".split()
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)
BODIES = ANY_JSON.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=60)


@fuzz(method=METHODS, path=pieces(PATHS, most=3), headers=HEADER_LISTS, body=BODIES)
def test_no_request_makes_the_server_fail(
    app: tuple[asyncio.Runner, ASGIApp],
    method: str,
    path: str,
    headers: list[tuple[str, str]],
    body: bytes,
) -> None:
    runner, application = app
    status = runner.run(status_of(application, scope_of(method, path, headers), body))
    assert status < 500
