"""The head of the chat page, mended: Gradio has no way to say these things itself.

Its template names other hosts in its link previews, calls every page English, and runs scripts
of the page's own only after it has chosen its language.
"""

from __future__ import annotations

import re

from starlette.datastructures import Headers, MutableHeaders, QueryParams
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rag.errors import Lang
from rag.serving.replies import lang_of

_PREVIEWS = re.compile(rb'<meta\s+(?:property="og:|name="twitter:)[^>]*>\s*')
_LANG = re.compile(rb'(<html\s+lang=")en(")')


class ChatHead:
    """Rewrites the chat page's HTML on its way out; everything else passes untouched."""

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self._app = app
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] not in (self._prefix, f"{self._prefix}/"):
            await self._app(scope, receive, send)
            return
        chosen = QueryParams(scope["query_string"]).get("lang")
        lang: Lang = "zh" if chosen == "zh" else "en"
        if chosen not in ("zh", "en"):
            lang = lang_of(Headers(scope=scope))
        start: Message = {}
        body = b""

        async def collected(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                start = message
                return
            if message["type"] != "http.response.body":
                return
            body += message.get("body", b"")
            if message.get("more_body"):
                return
            headers = MutableHeaders(raw=list(start["headers"]))
            if headers.get("content-type", "").startswith("text/html"):
                body = mended(body, lang, self._prefix)
                headers["content-length"] = str(len(body))
            await send({**start, "headers": headers.raw})
            await send({"type": "http.response.body", "body": body})

        await self._app(scope, receive, collected)


def mended(page: bytes, lang: Lang, prefix: str) -> bytes:
    """The page without link previews, in its language, our script and style before all others."""
    page = _PREVIEWS.sub(b"", page)
    page = _LANG.sub(rb"\g<1>" + (b"zh-CN" if lang == "zh" else b"en") + rb"\g<2>", page, count=1)
    ours = (
        f'<head><script src="{prefix}/static/chat.js"></script>'
        f'<link rel="stylesheet" href="{prefix}/static/chat.css">'
    )
    return page.replace(b"<head>", ours.encode(), 1)
