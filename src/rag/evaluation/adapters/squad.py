"""SQuAD's JSON, which CMRC 2018, DRCD and XQuAD share, and CMRC 2018's own older form."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from rag.errors import GoldError
from rag.evaluation.gold import Article, Gold, GoldSet, set_name, unreadable


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore")


class _Span(_Part):
    text: str


class _Question(_Part):
    id: str = Field(validation_alias=AliasChoices("id", "query_id"))
    question: str = Field(validation_alias=AliasChoices("question", "query_text"))
    answers: list[_Span | str] = []
    is_impossible: bool = False


class _Paragraph(_Part):
    context: str = Field(validation_alias=AliasChoices("context", "context_text"))
    id: str = Field("", validation_alias=AliasChoices("id", "context_id"))
    qas: list[_Question]
    title: str = ""


class _Entry(_Part):
    title: str = ""
    paragraphs: list[_Paragraph]


class _Squad(_Part):
    data: list[_Entry]


def read_squad(path: Path) -> GoldSet:
    """Read the questions; the paragraphs are the articles. Raises GoldError naming the place.

    A question is unanswerable when it says so (`is_impossible`) or has no answer.
    """
    paragraphs = list(_paragraphs(path))
    questions: dict[str, Gold] = {}
    for i, (article, qas) in enumerate(paragraphs):
        for qa in qas:
            if qa.id in questions:
                raise GoldError(
                    f'{path}: paragraph {i + 1} repeats the question id "{qa.id}"; give it its own',
                    f"{path}：第 {i + 1} 个段落的问题编号“{qa.id}”重复，请使用唯一的编号",
                )
            texts = [a if isinstance(a, str) else a.text for a in qa.answers]
            answers = tuple(dict.fromkeys(text for text in texts if text.strip()))
            possible = bool(answers) and not qa.is_impossible
            questions[qa.id] = Gold(
                id=qa.id,
                question=qa.question,
                answers=answers if possible else (),
                answerable=possible,
                documents=(article.id,) if possible else (),
            )
    if not questions:
        raise _wrong(path, "data", "holds no question", "没有问题")

    def articles() -> Iterator[Article]:
        return (article for article, _ in paragraphs)

    return GoldSet(set_name(path), tuple(questions.values()), articles)


def _paragraphs(path: Path) -> Iterator[tuple[Article, list[_Question]]]:
    for i, (title, paragraph) in enumerate(_entries(path), start=1):
        identifier = paragraph.id or f"{set_name(path)}-{i}"
        yield Article(identifier, title.replace("_", " "), paragraph.context), paragraph.qas


def _entries(path: Path) -> Iterator[tuple[str, _Paragraph]]:
    """Each paragraph with its article's title."""
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise unreadable(path, error) from None
    except UnicodeDecodeError:
        raise _wrong(path, "text", "is not UTF-8", "不是 UTF-8") from None
    except (ValueError, RecursionError) as error:
        line, reason = getattr(error, "lineno", 1), getattr(error, "msg", "nested too deeply")
        raise GoldError(
            f"{path}, line {line}: not valid JSON ({reason}); mend it there",
            f"{path} 第 {line} 行：不是有效的 JSON（{reason}），请改正",
        ) from None
    try:
        if isinstance(content, list):  # CMRC 2018 as first published
            for paragraph in map(_Paragraph.model_validate, content):
                yield paragraph.title, paragraph
        else:
            for entry in _Squad.model_validate(content).data:
                for paragraph in entry.paragraphs:
                    yield entry.title, paragraph
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise _wrong(path, place, f"is wrong ({first['msg']})", f"不对（{first['msg']}）") from None


def _wrong(path: Path, place: str, en: str, zh: str) -> GoldError:
    return GoldError(
        f"{path}: {place} {en}; SQuAD's format is data[].paragraphs[].context and .qas[]",
        f"{path}：{place} {zh}，SQuAD 格式为 data[].paragraphs[].context 与 .qas[]",
    )


__all__ = ["read_squad"]
