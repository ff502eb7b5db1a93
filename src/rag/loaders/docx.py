"""DOCX: paragraphs and tables in their order, headings by their style."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.loaders.cleaning import clean_line, first_line_title, iso_date, no_text, refusal
from rag.loaders.outline import Outline
from rag.loaders.registry import Context
from rag.types import Document, DocumentInfo, content_id

if TYPE_CHECKING:
    from docx.document import Document as Docx

_OLE = b"\xd0\xcf\x11\xe0"
# Text deflates to about a tenth and empty XML to about a hundredth; bombs go a thousandfold.
_RATIO = 200
_RATIO_FROM = 16 << 20


class DocxLoader:
    """Reads `.docx`. Raises LoadError for locked, damaged and hostile files."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def load(self, path: Path, *, source: str) -> Iterator[Document]:
        self._check(path, source)
        document = _opened(path, source)
        try:
            outline = self._outline(document)
        except Exception as error:  # whatever damaged styles and tables provoke
            if isinstance(error, MemoryError):
                raise
            raise _damaged(source) from error
        if not outline.text.strip():
            raise no_text(source)
        facts = _facts(document)
        title = (
            outline.opening_title or clean_line(facts.title) or first_line_title(outline.text, path)
        )
        info = DocumentInfo(
            id=content_id(title, outline.text),
            title=title,
            source=source,
            date=iso_date(facts.created),
            author=clean_line(facts.author) or None,
        )
        yield Document(info, outline.text, headings=outline.headings)

    def _check(self, path: Path, source: str) -> None:
        """Refuse before unpacking anything what would unpack to too much."""
        with path.open("rb") as stream:
            if stream.read(4) == _OLE:
                raise refusal(
                    source,
                    "is password-protected or an old .doc file; remove the password or save it as "
                    ".docx",
                    "受密码保护或是旧版 .doc 文件；请去除密码或另存为 .docx",
                )
        try:
            with zipfile.ZipFile(path) as archive:
                parts = archive.infolist()
        except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
            raise _damaged(source) from error
        size = sum(part.file_size for part in parts)
        packed = max(path.stat().st_size, 1)
        # Memory for what a part claims to have is taken before it is read.
        if any(part.compress_size > packed for part in parts):
            raise _damaged(source)
        if size > self._context.unpacked_bytes or (size > _RATIO_FROM and size > _RATIO * packed):
            raise refusal(
                source,
                f"would unpack to {size >> 20} MB from {packed >> 10} KB (a zip bomb?), so it was "
                "not opened; save it again from its program",
                f"解压后将从 {packed >> 10} KB 变为 {size >> 20} MB（疑似压缩炸弹），因此没有打开；"
                "请用原程序重新保存",
            )

    def _outline(self, document: Docx) -> Outline:
        from docx.table import Table

        outline = Outline()
        for block in document.iter_inner_content():
            self._context.progress()
            if isinstance(block, Table):
                outline.add_rows(map(_cells, block.rows))
            elif level := _level(block):
                outline.add_heading(block.text, level=level)
            else:
                outline.add(block.text, tight=_is_list(block))
        return outline


def _opened(path: Path, source: str) -> Docx:
    import docx

    try:
        return docx.Document(str(path))
    except Exception as error:  # whatever the XML of a damaged package provokes
        if isinstance(error, MemoryError):
            raise
        raise _damaged(source) from error


@dataclass(frozen=True, slots=True)
class _Facts:
    title: str = ""
    author: str = ""
    created: datetime | None = None


def _facts(document: Docx) -> _Facts:
    """The properties, as far as they can be read: damage there costs no text."""
    try:
        found = document.core_properties
        facts = _Facts(found.title, found.author, found.created)
    except Exception as error:  # whatever their XML provokes
        if isinstance(error, MemoryError):
            raise
        return _Facts()
    # python-docx's own template says 2013; "created" is no date of publication anyway, but the
    # nearest a Word file has to one.
    return _Facts(facts.title) if facts.author == "python-docx" else facts


def _damaged(source: str) -> Exception:
    return refusal(
        source,
        "is no Word document or a damaged one; open it in Word and save it again",
        "不是 Word 文档或已损坏；请用 Word 打开后重新保存",
    )


_HEADING_STYLE = re.compile(r"(?:heading|标题|標題)\s*([1-9])", re.IGNORECASE)


def _level(paragraph: Any) -> int:  # noqa: ANN401 -- python-docx has no types
    name = (paragraph.style.name if paragraph.style is not None else "") or ""
    if name.lower() in ("title", "标题", "標題"):
        return 1
    match = _HEADING_STYLE.match(name)
    return int(match.group(1)) if match else 0


def _is_list(paragraph: Any) -> bool:  # noqa: ANN401
    name = (paragraph.style.name if paragraph.style is not None else "") or ""
    return name.lower().startswith("list") or "列表" in name


def _cells(row: Any) -> list[str]:  # noqa: ANN401
    """The row's cells; a cell that spans several columns is given once."""
    seen: list[Any] = []
    for cell in row.cells:
        if not any(cell._tc is other._tc for other in seen):
            seen.append(cell)
    return [cell.text for cell in seen]
