"""From the records of JSON Lines and CSV files to documents."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from rag.errors import LoadError
from rag.loaders.cleaning import clean_body, clean_line, iso_date, no_text, sentence_title
from rag.types import Document, DocumentInfo, content_id

# What people call the columns; the first name of each row is ours.
_NAMES = (
    ("id", "编号", "編號"),
    ("title", "headline", "标题", "標題", "题目", "題目"),
    ("text", "content", "body", "正文", "内容", "內容"),
    ("date", "published", "日期", "时间", "時間", "发布日期", "發布日期"),
    ("source", "publisher", "来源", "來源", "媒体", "媒體"),
    ("author", "作者", "记者", "記者"),
    ("url", "link", "链接", "鏈接", "連結", "网址", "網址"),
)
ALIASES = {alias: names[0] for names in _NAMES for alias in names}
# A file with a systematic mistake would otherwise report each of its lines.
_REPORTS = 100


@dataclass(slots=True)
class RecordReader:
    """Makes documents of one file's records and reports those it can't use, by their line.

    No two documents it makes share an id.
    """

    source: str
    report: Callable[[LoadError], None]
    _ids: set[str] = field(default_factory=set)
    _refused: int = 0

    def document(self, record: object, *, line: int) -> Document | None:
        """The record's document; None, and a report, when it has no text or its id is taken."""
        if not isinstance(record, dict):
            self.refuse(line, "is no JSON object; write {...}", "不是 JSON 对象；请写成 {...}")
            return None
        fields = record if "text" in record else _renamed(record)
        text = clean_body(_text_of(fields.get("text")))
        if not text.strip():
            self.refuse(
                line,
                'has no text; fill its "text" or remove it',
                "没有正文；请填写 text 或删除该行",
            )
            return None
        title = clean_line(fields.get("title"))
        identifier = self._identifier(clean_line(fields.get("id")), title, text, line)
        if identifier is None:
            return None
        info = DocumentInfo(
            id=identifier,
            title=title or sentence_title(text),
            source=self.source,
            date=iso_date(fields.get("date")),
            author=clean_line(fields.get("author")) or None,
            publisher=clean_line(fields.get("source")) or None,
            url=clean_line(fields.get("url")) or None,
        )
        return Document(info, text)

    def _identifier(self, given: str, title: str, text: str, line: int) -> str | None:
        """The record's own id, else one from its content; None, and a report, when it is taken."""
        identifier = given or content_id(title, text)
        if identifier not in self._ids:
            self._ids.add(identifier)
            return identifier
        if given:
            self.refuse(
                line,
                f"repeats the id {given} and was left out; give it an id of its own",
                f"的 id {given} 与前面的记录重复，已跳过；请使用唯一的 id",
            )
        else:
            self.refuse(
                line,
                "repeats an earlier one word for word and was left out; remove it",
                "与前面的记录完全相同，已跳过；请删除该行",
            )
        return None

    def refuse(self, line: int, en: str, zh: str) -> None:
        """Report the record in `line`; past a hundred they are only counted."""
        self._refused += 1
        if self._refused <= _REPORTS:
            self.report(
                LoadError(
                    f"{self.source}, line {line}: the record {en}.",
                    f"{self.source} 第 {line} 行：该记录{zh}。",
                )
            )

    def finish(self) -> None:
        """Say how many problems were only counted. Raises LoadError for a file of no records."""
        if self._refused > _REPORTS:
            more = self._refused - _REPORTS
            self.report(
                LoadError(
                    f"{self.source} has {more} more records with such problems.",
                    f"{self.source} 还有 {more} 条记录存在类似问题。",
                )
            )
        if not self._ids and not self._refused:
            raise no_text(self.source)


def _renamed(record: Mapping[object, object]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in record.items():
        name = ALIASES.get(str(key).strip().lower())
        if name and not found.get(name):
            found[name] = value
    return found


def _text_of(value: object) -> str:
    """Text may come as one string or as a list of paragraphs."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "\n".join(part for part in value if isinstance(part, str))
    return ""
