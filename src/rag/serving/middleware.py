"""Around every request: who may come in, and the headers every reply carries.

Plain ASGI: Starlette's convenience class for middleware would hold streams back.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rag.serving.access import ADMIN_HEADER, NO_ADMIN, TOKEN_HEADER, Access, Refusal
from rag.serving.replies import error_response, lang_of

OPEN_PATHS = frozenset({"/healthz", "/readyz", "/widget.js", "/widget/demo.js", "/favicon.ico"})
TOKEN_PATH = "/api/widget/token"
WIDGET_PATHS = frozenset({"/api/ask", "/api/ask/stream", "/api/feedback", "/api/suggestions"})
NO_UPLOAD = Refusal(
    403, "uploads_elsewhere", "upload articles with POST /api/documents",
    "请用 POST /api/documents 上传文章",
)  # fmt: skip
BAD_HOST = Refusal(
    400, "bad_host", "the request names no host that could be one; check the address and the proxy",
    "请求中的主机名无效，请检查地址和代理",
)  # fmt: skip
BAD_ADDRESS = Refusal(
    400, "bad_address", "the address is too long or has a control character in it; check the link",
    "地址过长或含有控制字符，请检查链接",
)  # fmt: skip
_ADDRESS_LENGTH = 8192  # what most proxies let through
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?|")
SMALL_BODY = 1 << 20  # bytes: a question with its history
TOO_LARGE = Refusal(
    413, "too_large", "the request is too large; send less", "请求过大，请减小后再发送"
)
CORS_HEADERS = ("Content-Type", TOKEN_HEADER, "Accept-Language")


class SecurityHeaders:
    """The headers without which a page could load from, send to or be framed by another host."""

    def __init__(self, app: ASGIApp, origins: frozenset[str]) -> None:
        self._app = app
        self._policy = content_security_policy(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = self._policy
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "no-referrer"
                headers["Permissions-Policy"] = "camera=(), microphone=(), geolocation=()"
            await send(message)

        await self._app(scope, receive, with_headers)


def content_security_policy(origins: frozenset[str]) -> str:
    """Nothing from, and nothing to, another host; frames only in the allowed origins' pages."""
    ancestors = " ".join(["'self'", *sorted(origins)])
    return "; ".join(
        (
            "default-src 'self'",
            "script-src 'self' 'unsafe-inline'",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "form-action 'none'",
            "base-uri 'self'",
            "object-src 'none'",
            f"frame-ancestors {ancestors}",
        )
    )


class Guard:
    """Lets a request in or refuses it; `scope["state"]` then says who it comes from."""

    def __init__(
        self,
        app: ASGIApp,
        access: Access,
        prefix: str,
        upload_bytes: int,
        refused: Callable[[str], None],
    ) -> None:
        self._app = app
        self._upload_bytes = upload_bytes
        self._access = access
        self._prefix = prefix
        self._refused = refused

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        found = self._judge(scope, headers)
        if isinstance(found, Refusal):
            self._refused(found.code)
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
            else:
                await error_response(found, lang_of(headers))(scope, receive, send)
            return
        client, widget = found
        scope.setdefault("state", {}).update(client=client, widget=widget)
        await self._app(scope, receive, send)

    def _judge(self, scope: Scope, headers: Headers) -> tuple[str, bool] | Refusal:
        """`(client, whether a widget asks)`, or why not."""
        path = scope["path"].removeprefix(self._prefix)
        peer = scope["client"][0] if scope.get("client") else ""
        # Gradio makes an address of these, and would fail over one that can't be.
        if "x-gradio-server" in headers or not all(map(_HOST.fullmatch, _hosts(headers))):
            return BAD_HOST
        length = len(scope["path"]) + len(scope.get("query_string", b""))
        if length > _ADDRESS_LENGTH or _CONTROL.search(scope["path"]):
            return BAD_ADDRESS
        if path in OPEN_PATHS:
            return peer, False
        origin = self._access.origin(headers, peer)
        if origin == "foreign" and scope.get("method") not in ("GET", "HEAD"):
            return foreign(headers.get("origin", ""))
        refusal = self._by_path(scope, path, headers)
        if refusal is not None:
            return refusal
        if origin == "allowed":
            return self._from_page(path, headers, peer)
        identity = self._access.identity(headers, peer)
        return identity if isinstance(identity, Refusal) else (identity, False)

    def _by_path(self, scope: Scope, path: str, headers: Headers) -> Refusal | None:
        """What is refused whoever asks, before the body is read."""
        declared = headers.get("content-length", "")
        if declared.isdigit() and int(declared) > self._most(path):
            return TOO_LARGE
        changes = scope.get("method") in ("POST", "DELETE")
        if path.startswith("/api/documents") and changes:
            return None if self._access.is_admin(headers.get(ADMIN_HEADER)) else NO_ADMIN
        return NO_UPLOAD if path.startswith("/gradio_api/upload") else None

    def _from_page(self, path: str, headers: Headers, peer: str) -> tuple[str, bool] | Refusal:
        """A page of an allowed origin: with a token it may ask, and nothing else."""
        if path == TOKEN_PATH:
            return self._access.address(headers, peer), True
        if path in WIDGET_PATHS:
            token = headers.get(TOKEN_HEADER)
            refusal = self._access.check_token(token, headers.get("origin"))
            return refusal or (self._access.address(headers, peer), True)
        # ... unless whoever wrote the page holds a key.
        identity = self._access.identity(headers, peer)
        if self._access.closed and not isinstance(identity, Refusal):
            return identity, False
        return foreign(headers.get("origin", ""))

    def _most(self, path: str) -> int:
        """Bytes that a request's body may have."""
        return self._upload_bytes if path == "/api/documents" else SMALL_BODY


def _hosts(headers: Headers) -> list[str]:
    """The hosts that a request is said to be for, by itself and by proxies."""
    forwarded = headers.get("x-forwarded-host", "").split(",")
    return [headers.get("host", ""), *(host.strip() for host in forwarded)]


def foreign(origin: str) -> Refusal:
    """A page of another origin that isn't on the list, or wants what isn't for pages."""
    shown = origin[:200]
    return Refusal(
        403, "origin_not_allowed",
        f"pages of {shown} may not use this; add the origin to server.allowed_origins",
        f"不允许来自 {shown} 的页面访问；请把它加入 server.allowed_origins",
    )  # fmt: skip


__all__ = [
    "CORS_HEADERS",
    "SMALL_BODY",
    "Guard",
    "SecurityHeaders",
    "content_security_policy",
    "foreign",
]
