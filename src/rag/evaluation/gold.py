"""Gold questions: what a right answer must hold, one JSON object a line.

The format is `GoldRow`; `gold_schema()` is its JSON schema, kept beside the gold sets. A file with
a mistake is refused as a whole, with the line of each mistake: a row that is silently left out
would make the figures of two runs incomparable.
"""

from __future__ import annotations

import difflib
import json
import lzma
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rag.errors import GoldError
from rag.types import Turn

_SHOWN = 20  # a file with a systematic mistake would fill the screen
_DATE = r"^\d{4}(-\d{2}(-\d{2})?)?$"
_Text = Annotated[str, Field(min_length=1, pattern=r"\S")]


class GoldTurn(BaseModel):
    """One earlier exchange of the conversation."""

    model_config = ConfigDict(extra="forbid", strict=True)

    question: _Text
    answer: str = ""


class GoldRow(BaseModel):
    """One line of a gold set."""

    model_config = ConfigDict(extra="forbid", strict=True, title="A gold question")

    id: Annotated[_Text, Field(description="unique within the set")]
    question: _Text
    answers: Annotated[
        list[_Text], Field(description="accepted answers; any one of them is right")
    ] = []
    answers_all: Annotated[
        list[_Text], Field(description="parts of the answer; all of them are needed")
    ] = []
    evidence: Annotated[
        list[_Text], Field(description="texts that must stand in the cited passages, all of them")
    ] = []
    answerable: Annotated[bool, Field(description="false: the articles don't say")]
    history: Annotated[
        list[GoldTurn], Field(description="the conversation before, oldest first")
    ] = []
    lang: Annotated[str, Field(description="of the question: zh, zh-Hant, en, ...")] = ""
    tags: list[_Text] = []
    date: Annotated[str | None, Field(pattern=_DATE, description="when it is asked, ISO 8601")] = (
        None
    )
    documents: Annotated[
        list[_Text], Field(description="ids of the articles that hold the answer")
    ] = []
    note: Annotated[str, Field(description="for people")] = ""


def gold_schema() -> str:
    """The JSON schema of one line, as text."""
    return json.dumps(GoldRow.model_json_schema(), ensure_ascii=False, indent=2) + "\n"


@dataclass(frozen=True, slots=True)
class Gold:
    """A question with what a right answer must hold; none of it when it can't be answered.

    `documents` are ids of articles that hold the answer; empty where only `evidence` tells.
    """

    id: str
    question: str
    answers: tuple[str, ...] = ()
    answers_all: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    answerable: bool = True
    history: tuple[Turn, ...] = ()
    lang: str = ""
    tags: tuple[str, ...] = ()
    date: str | None = None
    documents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Article:
    """A document that a question set brings along."""

    id: str
    title: str
    text: str


def no_articles() -> Iterator[Article]:
    """What a set yields that brings no documents of its own."""
    return iter(())


@dataclass(frozen=True, slots=True)
class GoldSet:
    """Questions with the name they are reported under, and the articles they bring along.

    `articles()` starts anew at each call; `brings_articles` tells without reading them.
    """

    name: str
    questions: tuple[Gold, ...]
    articles: Callable[[], Iterator[Article]] = field(default=no_articles)

    @property
    def brings_articles(self) -> bool:
        return self.articles is not no_articles


def set_name(path: Path) -> str:
    """The name a set is reported under: its file's without suffixes, or its folder's."""
    return path.name if path.is_dir() else path.name.removesuffix(".xz").rsplit(".", 1)[0]


def read_gold(path: Path) -> tuple[Gold, ...]:
    """The questions of a JSON Lines file in the gold format. Raises GoldError."""
    problems = Problems(path)
    questions: list[Gold] = []
    for number, row in json_lines(path, problems):
        gold = to_gold(row, number, problems)
        if gold is not None:
            questions.append(gold)
    problems.finish(questions)
    return tuple(questions)


class Problems:
    """Collects what is wrong with a file, by line, and raises it together."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines: list[tuple[str, str]] = []
        self._count = 0
        self._ids: dict[str, int] = {}

    def add(self, line: int, en: str, zh: str) -> None:
        """Note a mistake; `en` and `zh` go on after the place."""
        self._count += 1
        if len(self._lines) < _SHOWN:
            place = f"{self._path}, line {line}: ", f"{self._path} 第 {line} 行："
            self._lines.append((place[0] + en, place[1] + zh))

    def refuses_id(self, identifier: str, line: int) -> bool:
        """Whether the id was used before, which is a mistake."""
        first = self._ids.setdefault(identifier, line)
        if first == line:
            return False
        self.add(
            line,
            f'the id "{identifier}" is already that of line {first}; give each question its own',
            f"id“{identifier}”与第 {first} 行重复，请使用唯一的 id",
        )
        return True

    def finish(self, questions: Sequence[Gold]) -> None:
        """Raises GoldError when there were mistakes, or no question at all."""
        if not self._count and not questions:
            self._lines.append(
                (
                    f"{self._path} holds no question; write one JSON object a line",
                    f"{self._path} 中没有问题，请每行写一个 JSON 对象",
                )
            )
        if self._count > len(self._lines):
            more = self._count - len(self._lines)
            self._lines.append(
                (f"{self._path}: and {more} more like these", f"{self._path}：另有 {more} 处错误")
            )
        if self._lines:
            raise GoldError(
                "\n".join(en for en, _ in self._lines), "\n".join(zh for _, zh in self._lines)
            )


def json_lines(path: Path, problems: Problems) -> Iterator[tuple[int, dict[str, object]]]:
    """The objects of a JSON Lines file, xz-compressed or not, with their line numbers."""
    for number, line in numbered_lines(path, problems):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            reason = getattr(error, "msg", "nested too deeply")
            at = getattr(error, "colno", 1)
            problems.add(
                number,
                f"not valid JSON at character {at} ({reason}); write one object a line",
                f"第 {at} 个字符处不是有效的 JSON（{reason}），请每行写一个对象",
            )
            continue
        if isinstance(row, dict):
            yield number, row
        else:
            problems.add(number, "not a JSON object; write {...}", "不是 JSON 对象，请写成 {...}")


def numbered_lines(path: Path, problems: Problems) -> Iterator[tuple[int, str]]:
    """Lines of a UTF-8 file from 1; those that aren't UTF-8 become problems. Raises GoldError."""
    try:
        with (lzma.open if path.suffix == ".xz" else Path.open)(path, "rb") as file:
            for number, raw in enumerate(file, start=1):
                assert isinstance(raw, bytes)
                try:
                    yield number, raw.decode("utf-8-sig" if number == 1 else "utf-8")
                except UnicodeDecodeError:
                    problems.add(number, "not UTF-8; save it as such", "不是 UTF-8，请另存为 UTF-8")
    except (OSError, lzma.LZMAError, EOFError) as error:
        raise unreadable(path, error) from None


def unreadable(path: Path, error: Exception) -> GoldError:
    """The sentence for a file that can't be read at all."""
    reason = getattr(error, "strerror", None) or str(error)
    return GoldError(
        f"{path}: can't be read ({reason}); check the name and its permissions",
        f"{path}：无法读取（{reason}），请检查文件名和权限",
    )


def to_gold(row: Mapping[str, object], line: int, problems: Problems) -> Gold | None:
    """A row as a question; None, and a problem for each mistake, when it can't be one."""
    try:
        checked = GoldRow.model_validate(row)
    except ValidationError as error:
        for mistake in error.errors(include_url=False):
            problems.add(line, *_explained(mistake["type"], mistake["loc"], mistake["msg"]))
        return None
    wrong = contradiction(checked)
    if wrong is not None:
        problems.add(line, *wrong)
    if problems.refuses_id(checked.id, line) or wrong is not None:
        return None
    return Gold(
        id=checked.id,
        question=checked.question,
        answers=tuple(checked.answers),
        answers_all=tuple(checked.answers_all),
        evidence=tuple(checked.evidence),
        answerable=checked.answerable,
        history=tuple(Turn(turn.question, turn.answer) for turn in checked.history),
        lang=checked.lang,
        tags=tuple(checked.tags),
        date=checked.date,
        documents=tuple(checked.documents),
    )


def contradiction(row: GoldRow) -> tuple[str, str] | None:
    """What keys that are right one by one get wrong together."""
    has_answer = bool(row.answers or row.answers_all)
    if row.answers and row.answers_all:
        return (
            'has "answers" (any one) and "answers_all" (all needed); keep one of them',
            "同时有 answers（任一即可）和 answers_all（缺一不可），请只保留一个",
        )
    if row.answerable and not (has_answer or row.evidence or row.documents):
        return (
            'is answerable but has no "answers", "answers_all", "evidence" or "documents"; add one',
            "可回答，但没有 answers、answers_all、evidence 或 documents，请至少补上一个",
        )
    if not row.answerable and (has_answer or row.evidence):
        return (
            'is not answerable but has an answer; empty "answers" and "evidence", or set '
            '"answerable": true',
            "标为不可回答却有答案，请清空 answers 和 evidence，或改为 answerable: true",
        )
    return None


def _explained(kind: str, place: Sequence[int | str], message: str) -> tuple[str, str]:
    """A mistake that pydantic found, with the key it is in and the cure."""
    name = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)[1:]
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(str(place[-1]), GoldRow.model_fields, n=1, cutoff=0.5)
        cure = (f"; did you mean {near[0]}?", f"，是否想写 {near[0]}？") if near else ("", "")
        return f'there is no key "{name}"{cure[0]}', f"没有名为“{name}”的键{cure[1]}"
    if kind == "missing":
        return f'has no "{name}"; add it', f"缺少“{name}”，请补上"
    if kind in ("string_too_short", "string_pattern_mismatch"):
        if re.search("date", name):
            return f"{name}: write a date as 2025-03-01", f"{name}：日期请写成 2025-03-01"
        return f"{name} is empty; fill or remove it", f"{name} 为空，请填写或删除"
    wanted = {
        "string_type": ("a text in quotation marks", "带引号的文字"),
        "list_type": ("a list: [...]", "列表：[...]"),
        "bool_type": ("true or false, without quotation marks", "不带引号的 true 或 false"),
        "model_type": ("an object: {...}", "对象：{...}"),
    }.get(kind, (message, message))
    return f"{name} must be {wanted[0]}", f"{name} 必须是{wanted[1]}"
