"""An answer as HTML for the chat; every text from articles and questions is escaped."""

from __future__ import annotations

import html
from collections.abc import Sequence

from rag.errors import Lang
from rag.types import Answer, Citation, Hit

_LABELS = {
    "sources": ("出处", "Sources"),
    "passages": ("检索到的段落", "Passages found"),
    "nearest": ("最接近的段落", "Nearest passages"),
    "position": ("第 {start}–{end} 字", "characters {start}–{end}"),
    "page": ("第 {page} 页", "page {page}"),
    "also": ("同样见于：", "Also in: "),
}


def _label(key: str, lang: Lang, **values: object) -> str:
    zh, en = _LABELS[key]
    return (zh if lang == "zh" else en).format(**values)


def text(value: str) -> str:
    """Escaped, on one line: a blank line would end the HTML block and start Markdown."""
    return html.escape(" ".join(value.split()))


def answer_html(answer: Answer, lang: Lang) -> str:
    """Short answer, supporting sentences with markers, sources; or the refusal."""
    if not answer.answered:
        body = f'<p class="wy-declined">{text(answer.text)}</p>'
        return f'<div class="wy-answer">{body}{hits_html(answer.hits, "nearest", lang)}</div>'
    short = f'<p class="wy-short">{text(answer.short_answer or "")}</p>'
    quotes = "".join(
        f'<blockquote class="wy-quote">{text(c.quote)} <sup>[{c.marker}]</sup></blockquote>'
        for c in answer.citations
    )
    sources = "".join(f"<li>{_source(citation, lang)}</li>" for citation in answer.citations)
    title = _label("sources", lang)
    return (
        f'<div class="wy-answer">{short}{quotes}<p class="wy-label">{title}</p>'
        f'<ol class="wy-sources">{sources}</ol>{hits_html(answer.hits, "passages", lang)}</div>'
    )


def _source(citation: Citation, lang: Lang) -> str:
    info = citation.document
    parts = [f"<strong>{text(info.title)}</strong>"]
    if info.date:
        parts.append(text(info.date))
    if citation.page:
        parts.append(_label("page", lang, page=citation.page))
    parts.append(f"<code>{text(info.source)}</code>")
    parts.append(_label("position", lang, start=citation.start, end=citation.end))
    return " · ".join(parts)


def hits_html(hits: Sequence[Hit], label: str, lang: Lang) -> str:
    """The retrieved passages, folded away behind a summary."""
    if not hits:
        return ""
    items = "".join(
        f"<li><strong>{text(hit.document.title)}</strong> · <code>{text(hit.document.source)}"
        f"</code><br>{text(hit.chunk.text)}{_also(hit, lang)}</li>"
        for hit in hits
    )
    summary = f"{_label(label, lang)} ({len(hits)})"
    return f'<details class="wy-hits"><summary>{summary}</summary><ol>{items}</ol></details>'


def _also(hit: Hit, lang: Lang) -> str:
    if not hit.duplicates:
        return ""
    names = "; ".join(text(info.source) for info in hit.duplicates)
    return f"<br><em>{_label('also', lang)}{names}</em>"
