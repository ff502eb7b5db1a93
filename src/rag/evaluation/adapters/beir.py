"""A BEIR folder: `corpus.jsonl`, `queries.jsonl`, `qrels/test.tsv`. Retrieval, without answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from rag.errors import GoldError
from rag.evaluation.gold import (
    Article,
    Gold,
    GoldSet,
    Problems,
    json_lines,
    numbered_lines,
    set_name,
)

_QRELS = ("qrels/test.tsv", "qrels/dev.tsv", "qrels/train.tsv", "qrels.tsv", "qrels/qrels.tsv")


def read_beir(folder: Path) -> GoldSet:
    """Read the queries that have judgements; the corpus is the articles. Raises GoldError.

    The format is that of Thakur et al., "BEIR", NeurIPS 2021: `_id`, `title`, `text`; the
    judgements are tab-separated query id, document id and score, where a score above 0 is wanted.
    """
    corpus, queries = _file(folder, "corpus.jsonl"), _file(folder, "queries.jsonl")
    wanted = _judgements(_file(folder, *_QRELS))
    problems = Problems(queries)
    questions = []
    for line, row in json_lines(queries, problems):
        identifier, text = _text(row, "_id", line, problems), _text(row, "text", line, problems)
        if identifier and text and identifier in wanted:
            questions.append(Gold(identifier, text, documents=tuple(wanted[identifier])))
    problems.finish(questions)

    def articles() -> Iterator[Article]:
        problems = Problems(corpus)
        for line, row in json_lines(corpus, problems):
            identifier = _text(row, "_id", line, problems)
            title = str(row.get("title") or "")
            # Some corpora have documents of a title alone, and some of nothing at all.
            text = str(row.get("text") or "").strip() or title
            if identifier and text:
                yield Article(identifier, title, text)
        problems.finish(questions)

    return GoldSet(set_name(folder), tuple(questions), articles)


def _file(folder: Path, *names: str) -> Path:
    for name in names:
        for path in (folder / name, folder / f"{name}.xz"):
            if path.is_file():
                return path
    raise GoldError(
        f"{folder}: there is no {names[0]}; a BEIR folder has corpus.jsonl, queries.jsonl and "
        "qrels/test.tsv",
        f"{folder}：缺少 {names[0]}，BEIR 文件夹应包含 corpus.jsonl、queries.jsonl 和 "
        "qrels/test.tsv",
    )


def _judgements(path: Path) -> Mapping[str, list[str]]:
    """The wanted documents of each query."""
    problems = Problems(path)
    wanted: dict[str, list[str]] = {}
    for number, line in numbered_lines(path, problems):
        cells = line.rstrip("\r\n").split("\t")
        if number == 1 and not cells[-1].strip().lstrip("-").isdigit():
            continue  # the header
        if len(cells) != 3 or not cells[2].strip().lstrip("-").isdigit():
            problems.add(
                number,
                "not query id, document id and whole score with tabs between; mend the line",
                "应为用制表符分隔的查询编号、文档编号和整数分值，请修正该行",
            )
        elif int(cells[2]) > 0:
            wanted.setdefault(cells[0], []).append(cells[1])
    problems.finish([Gold("", "")] if wanted else [])
    return wanted


def _text(row: Mapping[str, object], key: str, line: int, problems: Problems) -> str:
    value = row.get(key)
    if isinstance(value, int):
        value = str(value)
    if isinstance(value, str) and value.strip():
        return value
    problems.add(line, f'has no "{key}"; add it', f"缺少“{key}”，请补上")
    return ""


__all__ = ["read_beir"]
