"""The articles that a set brings along and those it is hidden among, ready to be indexed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from rag.errors import ConfigError
from rag.evaluation.adapters import open_set
from rag.evaluation.gold import Article, GoldSet, Problems, json_lines

_JSON_LINES = (".jsonl", ".jsonl.xz")


def gather(
    sets: Sequence[GoldSet], corpus: Sequence[Path], folder: Path, *, limit: int | None = None
) -> list[Path]:
    """Paths to index: the sets' own articles, written into `folder`, and the corpus.

    Of each JSON Lines file of the corpus the first `limit` articles are taken, all without a
    limit; other files and folders are taken whole. Raises ConfigError, GoldError.
    """
    paths = []
    for number, gold_set in enumerate(sets):
        if gold_set.brings_articles:
            rows = map(_row, _distinct(gold_set.articles()))
            paths.append(_written(rows, folder / f"{number}-{gold_set.name}.jsonl"))
    for number, path in enumerate(corpus):
        if not path.exists():
            raise ConfigError(
                f"{path}: there are no such articles; check --corpus",
                f"{path}：没有这些文章，请检查 --corpus",
            )
        if path.name.endswith(_JSON_LINES) and path.is_file():
            taken = islice(_corpus_rows(path), limit)
            paths.append(_written(taken, folder / f"corpus-{number}.jsonl"))
        else:
            paths.append(path)
    return paths


def _corpus_rows(path: Path) -> Iterator[dict[str, object]]:
    """Records as they stand, or the paragraphs of a reading set, each once."""
    problems = Problems(path)
    rows = (row for _, row in json_lines(path, problems))
    first = next(rows, None)
    if first is not None and "context" in first:
        yield from map(_row, open_set(path).articles())
    elif first is not None:
        yield first
        yield from rows


def _row(article: Article) -> dict[str, object]:
    return {"id": article.id, "title": article.title, "text": article.text}


def _distinct(articles: Iterable[Article]) -> Iterator[Article]:
    seen: set[str] = set()
    for article in articles:
        if article.id not in seen:
            seen.add(article.id)
            yield article


def _written(rows: Iterable[dict[str, object]], path: Path) -> Path:
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    return path


__all__ = ["gather"]
