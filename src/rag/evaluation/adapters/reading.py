"""Reading comprehension as JSON Lines: `{id, title, paragraph_id, context, question, ...}`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from rag.evaluation.gold import Article, Gold, GoldSet, Problems, json_lines, set_name


class _Row(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    id: str
    context: str
    question: str
    title: str = ""
    paragraph_id: str = ""
    answers: list[str] = []
    answerable: bool = True
    lang: str = ""


def read_rows(path: Path) -> GoldSet:
    """Read the questions; the paragraphs are the articles, each once. Raises GoldError."""
    problems = Problems(path)
    questions: list[Gold] = []
    paragraphs: dict[str, str] = {}
    for line, row in _rows(path, problems):
        paragraph = row.paragraph_id or row.context
        paragraphs.setdefault(paragraph, row.context)
        if paragraphs[paragraph] != row.context:
            problems.add(
                line,
                f'"{paragraph}" is another paragraph\'s id; give each its own',
                f"段落编号“{paragraph}”已用于另一段落，请使用唯一的编号",
            )
        if not problems.refuses_id(row.id, line):
            questions.append(
                Gold(
                    id=row.id,
                    question=row.question,
                    answers=tuple(answer for answer in row.answers if answer.strip()),
                    answerable=row.answerable,
                    lang=row.lang,
                    documents=(paragraph,) if row.answerable else (),
                )
            )
    problems.finish(questions)

    def articles() -> Iterator[Article]:
        seen: set[str] = set()
        for _, row in _rows(path, Problems(path)):
            paragraph = row.paragraph_id or row.context
            if paragraph not in seen:
                seen.add(paragraph)
                yield Article(paragraph, row.title, row.context)

    return GoldSet(set_name(path), tuple(questions), articles)


def _rows(path: Path, problems: Problems) -> Iterator[tuple[int, _Row]]:
    for line, row in json_lines(path, problems):
        try:
            yield line, _Row.model_validate(row)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            name = ".".join(map(str, first["loc"]))
            problems.add(
                line,
                f'"{name}" is missing or not what it must be; mend or remove the line',
                f"“{name}”缺失或类型不对，请修正或删除该行",
            )


__all__ = ["read_rows"]
