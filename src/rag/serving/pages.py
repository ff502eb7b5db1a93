"""The pages beside the chat: an article with its highlight, the widget and its demonstration."""

from __future__ import annotations

import gzip
import html
from functools import lru_cache
from importlib.resources import files
from string import Template
from typing import Annotated, Literal
from urllib.parse import urlencode, urlsplit

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response

from rag.errors import Lang
from rag.serving.api import find_document, service_of
from rag.serving.replies import lang_of
from rag.serving.strings import label
from rag.types import Document

router = APIRouter(include_in_schema=False)
_SCRIPT = "text/javascript; charset=utf-8"
_STYLE = "text/css; charset=utf-8"
_DOCUMENT_WORDS = (
    "search", "token", "drop", "heading_title", "heading_date", "heading_source",
    "heading_chunks", "heading_indexed", "earlier", "later", "remove",
)  # fmt: skip
_ARTICLE = Template("""<!doctype html>
<html lang="$lang"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>$title</title>
<style>
body {font: 16px/1.8 system-ui, "Noto Sans CJK SC", "Microsoft YaHei", "PingFang SC", sans-serif;
  max-width: 44rem; margin: 0 auto; padding: 1.5rem 1.2rem 4rem; overflow-wrap: anywhere}
h1 {font-size: 1.4rem; line-height: 1.4; margin: 0 0 .4rem}
.about {opacity: .75; font-size: .9rem; margin: 0 0 1.5rem}
.text {white-space: pre-wrap; unicode-bidi: isolate}
mark {background: #ffe08a; color: #1c1c1c; padding: .1em 0; scroll-margin-top: 30vh}
.page {display: block; opacity: .6; font-size: .85rem; border-top: 1px solid; margin-top: 1rem}
</style></head><body>
<h1><bdi>$title</bdi></h1><p class="about">$about</p><div class="text" dir="auto">$text</div>
</body></html>
""")


def document_url(base: str, document_id: str, start: int, end: int, lang: Lang) -> str:
    """Where an article is shown with these characters highlighted and in sight."""
    query = urlencode({"start": start, "end": end, "lang": lang})
    return f"{base}/documents/{document_id}?{query}#cited"


@router.get("/documents")
def documents(request: Request, lang: Literal["zh", "en"] | None = None) -> HTMLResponse:
    """The list of articles, with upload and removal where an administrator is configured."""
    service = service_of(request)
    chosen = lang or lang_of(request.headers)
    megabytes = service.settings.server.max_upload_mb
    words = {key: label(key, chosen) for key in _DOCUMENT_WORDS}
    page = Template(_read("static", "documents.html")).substitute(
        words,
        lang=chosen,
        base=request.app.state.prefix,
        title=label("articles", chosen),
        limits=label("limits", chosen, megabytes=megabytes),
        admin="1" if service.access.has_admin else "",
        megabytes=megabytes,
    )
    return HTMLResponse(page)


@router.get("/documents/{document_id}")
def article(
    document_id: str,
    request: Request,
    start: Annotated[int, Query(ge=0)] = 0,
    end: Annotated[int, Query(ge=0)] = 0,
    lang: Literal["zh", "en"] | None = None,
) -> HTMLResponse:
    """An article; the characters from `start` to `end` are marked."""
    document = find_document(service_of(request), document_id)
    chosen = lang or lang_of(request.headers)
    return HTMLResponse(
        _ARTICLE.substitute(
            lang=chosen,
            title=html.escape(document.info.title or document.info.source),
            about=_about(document, chosen),
            text=_marked(document, start, min(end, len(document.text)), chosen),
        )
    )


def _about(document: Document, lang: Lang) -> str:
    info = document.info
    parts = [info.date, info.author, info.publisher, info.source]
    shown = [f"<bdi>{html.escape(part)}</bdi>" for part in parts if part]
    # An article may name any address as its own; only the web's are made a link.
    if info.url and urlsplit(info.url).scheme in ("http", "https"):
        url, name = html.escape(info.url), label("original", lang)
        shown.append(f'<a href="{url}" rel="noopener noreferrer" target="_blank">{name}</a>')
    return " · ".join(shown)


def _marked(document: Document, start: int, end: int, lang: Lang) -> str:
    """The text, escaped, with the mark and the beginnings of pages put in."""
    inserts = [
        (page.start, f'<span class="page">{label("page", lang, number=page.number)}</span>')
        for page in document.pages
    ]
    if start < end:
        # Closed before the beginning of a page and opened after it: a mark within a block.
        inserts += [(start, '<mark id="cited">'), (end, "</mark>")]
    parts, at = [], 0
    for offset, piece in sorted(inserts, key=lambda insert: insert[0]):
        parts += [html.escape(document.text[at:offset]), piece]
        at = offset
    parts.append(html.escape(document.text[at:]))
    return "".join(parts)


@router.get("/widget.js")
def widget(request: Request) -> Response:
    """The widget: one script, the same for everyone."""
    return _asset(request, "widget", "widget.js", _SCRIPT)


@router.get("/widget/demo.js")
def demo_script(request: Request) -> Response:
    """The demonstration page's own script."""
    return _asset(request, "widget", "demo.js", _SCRIPT)


@router.get("/widget/demo")
def demo(request: Request, lang: Literal["zh", "en"] | None = None) -> HTMLResponse:
    """The widget on a page, and the line to paste."""
    page = Template(_read("widget", "demo.html"))
    base = request.app.state.prefix
    return HTMLResponse(page.substitute(base=base, lang=lang or lang_of(request.headers)))


@router.get("/static/{name}")
def static(
    request: Request, name: Literal["chat.js", "chat.css", "documents.js", "documents.css"]
) -> Response:
    """A script or style of our own pages."""
    return _asset(request, "static", name, _STYLE if name.endswith(".css") else _SCRIPT)


def _asset(request: Request, folder: str, name: str, kind: str) -> Response:
    """A file as it is, or compressed where the browser takes that."""
    headers = {"Cache-Control": "max-age=300", "Vary": "Accept-Encoding"}
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return Response(_read(folder, name), media_type=kind, headers=headers)
    headers["Content-Encoding"] = "gzip"
    return Response(_compressed(folder, name), media_type=kind, headers=headers)


@lru_cache(maxsize=16)
def _read(folder: str, name: str) -> str:
    return files("rag.serving").joinpath(folder, name).read_text("utf-8")


@lru_cache(maxsize=16)
def _compressed(folder: str, name: str) -> bytes:
    return gzip.compress(_read(folder, name).encode(), mtime=0)
