"""An answer as HTML for the chat; every text from articles and questions is escaped."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence

from rag.answering import ExtractiveGenerator, phrases
from rag.answering.markers import with_markers
from rag.errors import Lang
from rag.serving.pages import document_url
from rag.serving.strings import label
from rag.types import Answer, Citation, Hit

_LONG_BYTES = 120  # a clause, of 40 Chinese characters or 120 letters: not set in large type
_MARKER = re.compile(r"\[(\d{1,3})\]")
_MARKS = (phrases.unsupported("zh"), phrases.unsupported("en"))


def text(value: str) -> str:
    """Escaped, on one line: a blank line would end the HTML block and start Markdown."""
    return html.escape(" ".join(value.split()))


def partial_html(written: str, urls: Mapping[int, str] | None = None) -> str:
    """An answer that is still being written; `urls` are those of the markers known so far."""
    return f'<div class="wy-answer wy-writing">{_paragraphs([(written, None)], urls or {})}</div>'


def answer_html(answer: Answer, lang: Lang, base: str = "") -> str:
    """Short answer, supporting sentences with markers, sources; or the refusal."""
    asked = ""
    if answer.query != answer.question.strip():
        asked = f'<p class="wy-label">{label("asked_as", lang)}<bdi>{text(answer.query)}</bdi></p>'
    notice = f'<p class="wy-notice">{text(answer.notice)}</p>' if answer.notice else ""
    if not answer.answered:
        body = f'<p class="wy-declined">{text(answer.text)}</p>'
        hits = hits_html(answer.hits, "nearest", lang, base)
        return f'<div class="wy-answer">{asked}{notice}{body}{hits}{_copy(lang)}</div>'
    urls = {c.marker: source_url(c, lang, base) for c in answer.citations}
    quoted = answer.generator == ExtractiveGenerator.name
    body = _quoted(answer, lang, base) if quoted else _written(answer, urls, lang)
    sources = "".join(f"<li>{_source(c, lang, base)}</li>" for c in answer.citations)
    title = label("sources", lang)
    return (
        f'<div class="wy-answer">{asked}{notice}{body}<p class="wy-label">{title}</p>'
        f'<ol class="wy-sources">{sources}</ol>'
        f"{hits_html(answer.hits, 'passages', lang, base)}{_copy(lang)}</div>"
    )


def _copy(lang: Lang) -> str:
    """A button for the page's script: Gradio's own would copy this HTML as it is written."""
    return f'<button type="button" class="wy-copy">{label("copy", lang)}</button>'


def _quoted(answer: Answer, lang: Lang, base: str) -> str:
    """An extractive answer: the short answer, then the quotations."""
    quotes = "".join(
        f'<blockquote class="wy-quote"><bdi>{text(c.quote)}</bdi> {_marker(c, lang, base)}'
        "</blockquote>"
        for c in answer.citations
    )
    short = answer.short_answer or ""
    if len(answer.citations) == 1 and _same(short, answer.citations[0].quote):
        return quotes
    size = " wy-long" if len(short.encode()) > _LONG_BYTES else ""
    return f'<p class="wy-short{size}"><bdi>{text(short)}</bdi></p>{quotes}'


def _same(short: str, quote: str) -> bool:
    """Whether the whole sentence is the answer: it needn't be shown twice."""
    return short.rstrip("。！？；.!?;") == " ".join(quote.split()).rstrip("。！？；.!?;")


def _written(answer: Answer, urls: Mapping[int, str], lang: Lang) -> str:
    """A language model's answer: its markers made links, what is unsupported marked as such."""
    pieces: list[tuple[str, str | None]] = []
    at = 0
    for sentence in answer.sentences:
        # As the writer put it into the text, which the mark follows.
        shown = with_markers(sentence.text, "".join(f"[{n}]" for n in sentence.markers))
        begin = answer.text.find(shown, at)
        if begin < 0:
            continue
        pieces.append((answer.text[at:begin], None))
        at = begin + len(shown)
        if sentence.supported:
            pieces.append((shown, None))
            continue
        mark = next((m for m in _MARKS if answer.text.startswith(m, at)), "")
        at += len(mark)
        terms = "".join(f" · {term}" for term in sentence.unsupported_terms)
        pieces.append((shown, label("unsupported", lang) + terms))
    return _paragraphs([*pieces, (answer.text[at:], None)], urls)


def _paragraphs(pieces: Sequence[tuple[str, str | None]], urls: Mapping[int, str]) -> str:
    """A paragraph for each line; a piece with a doubt about it is marked and the doubt said."""
    paragraphs = [""]
    for piece, doubt in pieces:
        for number, line in enumerate(piece.split("\n")):
            if number:
                paragraphs.append("")
            shown = _linked(_within_line(line), urls)
            if doubt and shown.strip():
                said = text(doubt)
                shown = f'<span class="wy-unsupported" title="{said}">{shown}</span>'
            paragraphs[-1] += shown
        if doubt:
            paragraphs[-1] += f' <span class="wy-doubt">〔<bdi>{text(doubt)}</bdi>〕</span>'
    return "".join(f'<p dir="auto">{p.strip()}</p>' for p in paragraphs if p.strip())


def _within_line(value: str) -> str:
    """Escaped; the spaces at its ends stand between it and its neighbours."""
    return html.escape(re.sub(r"\s+", " ", value))


def _linked(escaped: str, urls: Mapping[int, str]) -> str:
    def link(found: re.Match[str]) -> str:
        url = urls.get(int(found.group(1)))
        return _anchor(int(found.group(1)), url) if url else found.group()

    return _MARKER.sub(link, escaped)


def _marker(citation: Citation, lang: Lang, base: str) -> str:
    return _anchor(citation.marker, source_url(citation, lang, base))


def _anchor(marker: int, url: str) -> str:
    link = f'<a class="wy-marker" href="{html.escape(url)}" target="_blank">[{marker}]</a>'
    return f"<sup>{link}</sup>"


def source_url(citation: Citation, lang: Lang, base: str) -> str:
    """The address of the article, with the cited sentence marked."""
    return document_url(base, citation.document.id, citation.start, citation.end, lang)


def _source(citation: Citation, lang: Lang, base: str) -> str:
    info = citation.document
    url = html.escape(source_url(citation, lang, base))
    title = text(info.title or info.source)
    parts = [f'<a class="wy-source" href="{url}" target="_blank"><bdi>{title}</bdi></a>']
    if info.date:
        parts.append(text(info.date))
    if citation.page:
        parts.append(label("page", lang, number=citation.page))
    parts.append(f"<code>{text(info.source)}</code>")
    parts.append(label("position", lang, start=citation.start, end=citation.end))
    return " · ".join(parts)


def hits_html(hits: Sequence[Hit], name: str, lang: Lang, base: str = "") -> str:
    """The retrieved passages, folded away behind a summary; each says why it was found."""
    if not hits:
        return ""
    items = "".join(f"<li>{_hit(hit, lang, base)}</li>" for hit in hits)
    summary = f"{label(name, lang)} ({len(hits)})"
    return f'<details class="wy-hits"><summary>{summary}</summary><ol>{items}</ol></details>'


def _hit(hit: Hit, lang: Lang, base: str) -> str:
    chunk, info = hit.chunk, hit.document
    url = html.escape(document_url(base, info.id, chunk.start, chunk.end, lang))
    also = ""
    if hit.duplicates:
        names = "; ".join(text(other.source) for other in hit.duplicates)
        also = f"<br><em>{label('also', lang)}{names}</em>"
    return (
        f'<a class="wy-source" href="{url}" target="_blank"><bdi>{text(info.title)}</bdi></a>'
        f" · <code>{text(info.source)}</code><br><bdi>{text(chunk.text)}</bdi>{also}"
        f'<br><span class="wy-why">{label("why", lang)}: {_why(hit, lang)}</span>'
    )


def _why(hit: Hit, lang: Lang) -> str:
    lexical = label("lexical", lang, rank=hit.lexical_rank)
    dense = label("dense", lang, rank=hit.dense_rank)
    parts = [
        lexical if hit.lexical_rank else label("not_lexical", lang),
        dense if hit.dense_rank else label("not_dense", lang),
        label("score", lang, score=f"{hit.score:.4f}"),
    ]
    if hit.rerank_score is not None:
        parts.append(label("reranked", lang, score=f"{hit.rerank_score:.4f}"))
    if hit.matched_terms:
        terms = " ".join(text(term) for term in hit.matched_terms)
        parts.append(label("terms", lang, terms=terms))
    return " · ".join(parts)
