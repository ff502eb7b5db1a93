"""PDF: text in reading order with its page numbers; scans through OCR where it is installed."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from rag.loaders.cleaning import clean_line, first_line_title, iso_date, no_text, refusal
from rag.loaders.newspaper import Article, repair
from rag.loaders.newspaper_lines import ends_sentence
from rag.loaders.pdf_pages import (
    Ocr,
    is_scan,
    page_text,
    recogniser,
    unwrapped,
    without_running_heads,
)
from rag.loaders.registry import Context
from rag.text import is_cjk
from rag.types import Document, DocumentInfo, Heading, Page, content_id

if TYPE_CHECKING:
    import pypdfium2 as pdfium

    from rag.errors import LoadError

_NO_TITLE = re.compile(
    r"microsoft word|untitled|无标题|未命名|^幻灯片|\.(?:docx?|pptx?|indd|qxd|fit)\b", re.I
)
_NO_AUTHOR = re.compile(r"|anonymous|admin(?:istrator)?|user|unknown|owner|匿名", re.IGNORECASE)


class PdfLoader:
    """Reads `.pdf`: one document, or, from a newspaper page, one for each of its articles."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._ocr: Ocr | None = None

    def load(self, path: Path, *, source: str) -> Iterator[Document]:
        document = _opened(path, source)
        try:
            facts = document.get_metadata_dict(skip_empty=True)
            pages = self._pages(document, source)
        finally:
            document.close()
        articles = [repair(page, at_least=1) for page in without_running_heads(pages)]
        if any(len(of_page) > 1 for of_page in articles):
            for number, of_page in enumerate(articles, 1):
                for article in of_page:
                    pages_of_it = (Page(number, 0, len(article.text)),)
                    yield _document(article, pages_of_it, facts, path, source)
        else:
            article, numbered = _bound([of_page[0] for of_page in articles])
            yield _document(article, numbered, facts, path, source)

    def _pages(self, document: pdfium.PdfDocument, source: str) -> list[str]:
        """The text of every page. Raises LoadError when none has any."""
        import pypdfium2 as pdfium

        texts: list[str] = []
        scans: list[int] = []
        broken: list[int] = []
        for index in range(len(document)):
            self._context.progress()
            try:
                text = self._page(document, index)
            except pdfium.PdfiumError:
                broken.append(index + 1)
                text = ""
            if text is None:
                scans.append(index + 1)
            texts.append(text or "")
        empty = not any(map(str.strip, texts))
        problems = [_scanned(source, scans, whole=empty, wanted=self._context.ocr)] if scans else []
        problems += [_unreadable(source, broken)] if broken else []
        if empty:
            raise problems[0] if problems else no_text(source)
        for problem in problems:
            self._context.report(problem)
        return texts

    def _page(self, document: pdfium.PdfDocument, index: int) -> str | None:
        """The text of a page; None for a scan that can't be read here. Raises PdfiumError."""
        page = document[index]
        try:
            text = page_text(page)
            if not is_scan(page, text):
                return text
            if self._ocr is None and self._context.ocr:
                self._ocr = recogniser()
            return (self._ocr(page) or text) if self._ocr else None
        finally:
            page.close()


def _opened(path: Path, source: str) -> pdfium.PdfDocument:
    """Open a file, mended if need be. Raises LoadError for locked ones and other formats."""
    import pypdfium2 as pdfium
    import pypdfium2.raw as raw

    with path.open("rb") as stream:
        if b"%PDF-" not in stream.read(1024):
            raise refusal(
                source,
                "is no PDF file by its content; give it its right extension",
                "的内容不是 PDF；请改用正确的扩展名",
            )
    try:
        document = pdfium.PdfDocument(path)
        if len(document):
            return document
        document.close()
    except pdfium.PdfiumError as error:
        if getattr(error, "err_code", None) == raw.FPDF_ERR_PASSWORD:
            raise refusal(
                source,
                "is password-protected; remove the password and try again",
                "受密码保护；请去除密码后重试",
            ) from error
    return _mended(path, source)


def _mended(path: Path, source: str) -> pdfium.PdfDocument:
    """With pikepdf, which finds the pages of a file whose table of contents is cut off or wrong."""
    import pikepdf
    import pypdfium2 as pdfium

    buffer = io.BytesIO()
    try:
        with pikepdf.open(path) as mended:
            mended.save(buffer)
        document = pdfium.PdfDocument(buffer.getvalue(), autoclose=True)
    except (pikepdf.PdfError, pdfium.PdfiumError, ValueError, RuntimeError) as error:
        raise _damaged(source) from error
    if not len(document):
        document.close()
        raise _damaged(source)
    return document


def _damaged(source: str) -> LoadError:
    return refusal(
        source,
        "is damaged or cut off beyond repair; get a complete copy",
        "已损坏或不完整，无法修复；请重新获取完整文件",
    )


def _scanned(source: str, pages: Sequence[int], *, whole: bool, wanted: bool) -> LoadError:
    which = "every page" if whole else f"page {_ranges(pages)}"
    pages_zh = "所有页面" if whole else f"第 {_ranges(pages)} 页"
    install = 'pip install "wenyuan[ocr]"'
    cure = f"to read it: {install}" if wanted else "to read it, switch on loading.ocr"
    cure_zh = f"如需识别请运行：{install}" if wanted else "如需识别请开启 loading.ocr"
    return refusal(
        source,
        f"is a scan without text ({which}); {cure}",
        f"是没有文字的扫描件（{pages_zh}）；{cure_zh}",
    )


def _unreadable(source: str, pages: Sequence[int]) -> LoadError:
    return refusal(
        source,
        f"has damaged pages that were left out (page {_ranges(pages)}); get a complete copy",
        f"有损坏的页面（第 {_ranges(pages)} 页），已跳过；请重新获取完整文件",
    )


def _ranges(numbers: Sequence[int]) -> str:
    """1, 3-5 for 1 3 4 5."""
    groups = (
        [number for _, number in group]
        for _, group in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0])
    )
    return ", ".join(f"{g[0]}-{g[-1]}" if len(g) > 1 else str(g[0]) for g in groups)


def _bound(of_pages: Sequence[Article]) -> tuple[Article, tuple[Page, ...]]:
    """The pages as one article; a sentence that goes on over the page is put together."""
    text = ""
    pages: list[Page] = []
    headings: list[Heading] = []
    for number, article in enumerate(of_pages, 1):
        body = article.text if is_cjk(article.text) else unwrapped(article.text)
        if not body.strip():
            continue
        if text:
            text += _between(text, body)
        for heading in article.headings:
            level = heading.level if not pages else max(heading.level, 2)
            headings.append(Heading(len(text) + heading.start, len(text) + heading.end, level))
        pages.append(Page(number, len(text), len(text) + len(body)))
        text += body
    first = next(article for article in of_pages if article.text.strip())
    return Article(first.title, text, first.author, tuple(headings)), tuple(pages)


def _between(text: str, body: str) -> str:
    last = text.rsplit("\n", 1)[-1]
    broken = len(last) > 20 and not ends_sentence(last) and last[-1].isalnum()
    if broken and is_cjk(last[-1]) and is_cjk(body[0]):
        return ""
    return " " if broken and body[0].islower() else "\n\n"


def _document(
    article: Article, pages: tuple[Page, ...], facts: dict[str, str], path: Path, source: str
) -> Document:
    given = clean_line(facts.get("Title"))
    title = article.title or ("" if _NO_TITLE.search(given) else given)
    title = title or first_line_title(article.text, path)
    author = clean_line(facts.get("Author"))
    date = facts.get("CreationDate", "").removeprefix("D:")[:8]
    info = DocumentInfo(
        id=content_id(title, article.text),
        title=title,
        source=source,
        date=iso_date(date),
        author=article.author or ("" if _NO_AUTHOR.fullmatch(author) else author) or None,
    )
    return Document(info, article.text, pages, article.headings)
