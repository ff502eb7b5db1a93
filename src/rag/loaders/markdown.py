"""Markdown: front matter for the facts, the body as the plain text a reader would see."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from rag.loaders.cleaning import (
    clean,
    clean_line,
    first_line_title,
    iso_date,
    no_text,
    refusal,
)
from rag.loaders.encoding import read_text
from rag.loaders.outline import Outline
from rag.loaders.registry import Context
from rag.types import Document, DocumentInfo, content_id

if TYPE_CHECKING:
    from markdown_it.token import Token

_FRONT = re.compile(r"\A---[ \t]*\n(.*?)^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)


class MarkdownLoader:
    """Reads `.md`; front matter that isn't YAML is reported and the body still loads."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def load(self, path: Path, *, source: str) -> Iterator[Document]:
        text = clean(read_text(path, source=source, report=self._context.report))
        facts, body = self._front_matter(text.lstrip("\n"), source)
        outline = render(body)
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
            author=_names(facts.get("author")),
            publisher=clean_line(facts.get("source") or facts.get("publisher")) or None,
            url=clean_line(facts.get("url")) or None,
        )
        yield Document(info, outline.text, headings=outline.headings)

    def _front_matter(self, text: str, source: str) -> tuple[Mapping[str, object], str]:
        match = _FRONT.match(text)
        if not match:
            return {}, text
        try:
            facts = yaml.safe_load(match.group(1))
        except (yaml.YAMLError, ValueError, RecursionError):
            self._context.report(
                refusal(
                    source,
                    "begins with front matter that is no valid YAML, so its title and date were "
                    "not read; mend the lines between the --- marks",
                    "开头的元数据不是有效的 YAML，未读取其中的标题和日期；"
                    "请修正两个 --- 之间的内容",
                )
            )
            return {}, text[match.end() :]
        if isinstance(facts, dict):
            return {str(key).lower(): value for key, value in facts.items()}, text[match.end() :]
        # Something between two rules that merely looks like front matter: all of it is text.
        return {}, text if facts is not None else text[match.end() :]


def _names(value: object) -> str | None:
    if isinstance(value, list):
        return "、".join(filter(None, map(clean_line, value))) or None
    return clean_line(value) or None


def render(body: str) -> Outline:
    """The text of a Markdown body: no marks, a line for each heading, list item and table row."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    return _Renderer().render(parser.parse(body))


@dataclass(slots=True)
class _Renderer:
    outline: Outline = field(default_factory=Outline)
    # Open lists, innermost last: the next number of an ordered list, None for bullets.
    lists: list[int | None] = field(default_factory=list)
    marker: str = ""
    rows: list[list[str]] = field(default_factory=list)
    level: int = 0
    tight: bool = False

    def render(self, tokens: list[Token]) -> Outline:
        for token in tokens:
            if token.type == "inline":
                self._inline(_inline_text(token.children or []))
            elif token.type in ("fence", "code_block"):
                self.outline.add(token.content)
            elif token.type == "html_block":
                self.outline.add(_without_tags(token.content))
            else:
                self._structure(token)
        return self.outline

    def _structure(self, token: Token) -> None:
        match token.type:
            case "heading_open":
                self.level = int(token.tag[1:])
            case "heading_close":
                self.level = 0
            case "bullet_list_open":
                self.lists.append(None)
            case "ordered_list_open":
                self.lists.append(int(token.attrGet("start") or 1))
            case "bullet_list_close" | "ordered_list_close":
                self.lists.pop()
                self.tight = bool(self.lists)
            case "list_item_open":
                self._item(token.markup)
            case "tr_open":
                self.rows.append([])
            case "table_close":
                self.outline.add_rows(self.rows)
                self.rows = []

    def _item(self, delimiter: str) -> None:
        """Numbers say something, so they stay; bullets don't."""
        number = self.lists[-1]
        if number is not None:
            self.marker = f"{number}{delimiter} "
            self.lists[-1] = number + 1

    def _inline(self, text: str) -> None:
        if self.level:
            self.outline.add_heading(text, level=self.level)
        elif self.rows:
            self.rows[-1].append(text)
        else:
            self.outline.add(self.marker + text, tight=self.tight)
            self.marker = ""
            self.tight = bool(self.lists)


def _inline_text(tokens: list[Token]) -> str:
    parts: list[str] = []
    for token in tokens:
        match token.type:
            case "text" | "code_inline":
                parts.append(token.content)
            case "image":
                parts.append(_inline_text(token.children or []))
            case "hardbreak":
                parts.append("\n")
            case "softbreak":
                parts.append("\0")
            case "html_inline" if token.content.lower().startswith("<br"):
                parts.append("\n")
    # A line that merely wraps goes on: after a space between words, without one in Chinese.
    text = re.sub(rf"(?<={_WIDE})\0(?={_WIDE})", "", "".join(parts))
    return text.replace("\0", " ")


_WIDE = "[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef\u2014\u2018-\u201d\u2026]"
_TAG = re.compile(
    r"<!--.*?(?:-->|\Z)|<(script|style)\b.*?(?:</\1>|\Z)|</?[a-zA-Z][^>]*>", re.DOTALL
)


def _without_tags(markup: str) -> str:
    return html.unescape(_TAG.sub(" ", markup)).strip()
