"""HTML: the main text of a page, without its navigation, advertisements and scripts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rag.loaders.cleaning import clean, clean_line, first_line_title, iso_date, no_text, refusal
from rag.loaders.encoding import detect, read_text, refuse_binary
from rag.loaders.outline import Outline
from rag.loaders.registry import Context
from rag.types import Document, DocumentInfo, content_id

_CHARSET = re.compile(rb"""<meta[^>]{0,200}charset\s*=\s*["']?\s*([\w-]+)""", re.IGNORECASE)
_BLOCKS = frozenset(
    re.findall(
        r"\w+",
        "address article aside blockquote body dd details div dl dt fieldset figcaption figure "
        "footer form h1 h2 h3 h4 h5 h6 header hr item li list main nav ol p pre quote section "
        "summary table td th tr ul",
    )
)
_SMALL = 1000
_UNSEEN = frozenset(
    ("head", "iframe", "nav", "noscript", "script", "style", "svg", "template", "title")
)


class HtmlLoader:
    """Reads `.html`; where no main text can be told, all the text of the page."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def load(self, path: Path, *, source: str) -> Iterator[Document]:
        page = clean(self._decoded(path, source))
        if "<" not in page:
            raise refusal(
                source,
                "holds no HTML; if it is plain text, name it .txt",
                "中没有 HTML 内容；如果是纯文本，请改名为 .txt",
            )
        outline, facts = _main_text(page)
        whole, author = _all_text(page)
        # On a small page the extractor keeps too little, or all of it in one lump: there is not
        # enough of it to tell text from navigation.
        if len(whole.text) < max(_SMALL, 4 * outline.length) and outline.blocks < 2:
            outline = whole
        if not outline.text.strip():
            raise no_text(source)
        title = (
            clean_line(facts.get("title")) or outline.title or first_line_title(outline.text, path)
        )
        info = DocumentInfo(
            id=content_id(title, outline.text),
            title=title,
            source=source,
            date=iso_date(facts.get("date")),
            author=clean_line(facts.get("author")) or author or None,
            publisher=clean_line(facts.get("sitename")) or None,
            url=clean_line(facts.get("url")) or None,
        )
        yield Document(info, outline.text, headings=outline.headings)

    def _decoded(self, path: Path, source: str) -> str:
        """By the charset that the page declares, when its bytes agree."""
        data = path.read_bytes()
        refuse_binary(data, source=source)
        declared = _CHARSET.search(data[:4096])
        if declared and detect(data[:64_000]) not in ("utf-8", "utf-8-sig", "utf-16"):
            name = declared.group(1).decode("ascii").lower()
            try:
                return data.decode({"gb2312": "gb18030", "gbk": "gb18030"}.get(name, name))
            except (LookupError, UnicodeError):
                pass  # a wrong declaration: go by the bytes
        return read_text(path, source=source, report=self._context.report)


def _main_text(page: str) -> tuple[Outline, dict[str, Any]]:
    import trafilatura

    outline = Outline()
    try:
        # fast=True: no other extractors beside its own, which cost ten times as much.
        found = trafilatura.bare_extraction(
            page, include_comments=False, include_tables=True, fast=True, with_metadata=True
        )
    except Exception as error:  # odd markup trips the libraries beneath: take all the text then
        if isinstance(error, MemoryError):
            raise
        return outline, {}
    if found is None:
        return outline, {}
    facts = {
        name: getattr(found, name, None) for name in ("title", "date", "author", "sitename", "url")
    }
    if found.body is not None:
        _Walker(outline).walk(found.body)
    return outline, facts


def _all_text(page: str) -> tuple[Outline, str]:
    """Every word of the page, and the author it declares.

    trafilatura takes a name of two characters for a mistake; in Chinese it is a usual one.
    """
    from lxml import etree, html

    outline = Outline()
    parser = html.HTMLParser(encoding="utf-8")
    try:
        root = html.document_fromstring(page.encode("utf-8"), parser=parser)
    except (etree.ParserError, ValueError):
        return outline, ""
    _Walker(outline).walk(root)
    author = root.xpath('string(//meta[@name="author"]/@content)')
    return outline, clean_line(author)


class _Walker:
    """Puts the text of a tree into an outline; knows HTML's tags and trafilatura's own few."""

    def __init__(self, outline: Outline) -> None:
        self._outline = outline
        self._inline: list[str] = []

    def walk(self, element: Any) -> None:  # noqa: ANN401 -- lxml has no types
        self._enter(element)
        self._flush()

    def _enter(self, element: Any) -> None:  # noqa: ANN401
        tag = element.tag
        level = _level(element)
        if not isinstance(tag, str) or (tag in _UNSEEN and not level):
            return
        if level:
            self._flush()
            self._outline.add_heading(_flat(element), level=level)
        elif tag == "table":
            self._flush()
            rows = ("tr", "row"), ("td", "th", "cell")
            self._outline.add_rows(
                [_flat(cell) for cell in row.iter(*rows[1])] for row in element.iter(*rows[0])
            )
        elif tag == "pre" or (tag == "code" and "\n" in _flat(element, raw=True)):
            self._flush()
            self._outline.add(_flat(element, raw=True))
        elif tag in ("br", "lb"):
            self._inline.append("\0")
        else:
            self._children(element, block=tag in _BLOCKS, tight=tag in ("li", "item"))

    def _children(self, element: Any, *, block: bool, tight: bool) -> None:  # noqa: ANN401
        if block:
            self._flush()
        self._inline.append(element.text or "")
        for child in element:
            self._enter(child)
            self._inline.append(child.tail or "")
        if block:
            self._flush(tight=tight and element.getprevious() is not None)

    def _flush(self, *, tight: bool = False) -> None:
        lines = (" ".join(line.split()) for line in "".join(self._inline).split("\0"))
        self._inline.clear()
        self._outline.add("\n".join(filter(None, lines)), tight=tight)


def _level(element: Any) -> int:  # noqa: ANN401
    """The level of a heading, 0 for anything else; trafilatura's `head` has it as `rend`."""
    name = element.get("rend", "") if element.tag == "head" else element.tag
    return int(name[1]) if isinstance(name, str) and re.fullmatch("h[1-6]", name) else 0


def _flat(element: Any, *, raw: bool = False) -> str:  # noqa: ANN401
    text = "".join(element.itertext())
    return text if raw else " ".join(text.split())
