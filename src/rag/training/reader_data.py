"""What the reader learns from, and which of it is kept for choosing.

Reading questions: `squad2_zh_dev` and `xquad_zh`. The two sets share their articles, so the split
is by article: `DEVELOPMENT` of the articles of SQuAD, with all their paragraphs in both sets, are
never trained on. `cmrc2018_trial` and `drcd_dev` are never opened here.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rag.text import fold
from rag.training.data import read_lines

DEVELOPMENT = 7
_SPLIT_SEED = 11
READING_FILES = ("squad2_zh_dev", "xquad_zh")


@dataclass(frozen=True, slots=True)
class Example:
    """A question on a paragraph, both folded; no answers where the paragraph has none."""

    question: str
    paragraph: str
    answers: tuple[str, ...]
    article: str


@dataclass(frozen=True, slots=True)
class ReadingSets:
    """Training and development examples; `development` are articles that training never sees."""

    squad: Sequence[Example]
    xquad: Sequence[Example]
    development: Sequence[Example]


Row = Mapping[str, object]


def read_sets(data: Path) -> ReadingSets:
    """Opens `READING_FILES` and no other file. Raises FileNotFoundError."""
    squad, chinese = (_rows(data, name) for name in READING_FILES)
    titles = {str(row["id"]): str(row["title"]) for row in squad}
    # Articles have other names in the two sets; the ids of shared questions tell which is which.
    twins = {row["title"]: titles[str(row["id"])] for row in chinese if row["id"] in titles}
    kept_out = development_articles(sorted(set(titles.values())))
    return ReadingSets(
        squad=[_example(row) for row in squad if row["title"] not in kept_out],
        xquad=[_example(row) for row in chinese if twins.get(row["title"]) not in kept_out],
        development=[_example(row) for row in squad if row["title"] in kept_out],
    )


def development_articles(titles: Sequence[str]) -> frozenset[str]:
    """The seeded choice of articles that are kept for choosing."""
    shuffled = list(titles)
    random.Random(_SPLIT_SEED).shuffle(shuffled)
    return frozenset(shuffled[:DEVELOPMENT])


def _rows(data: Path, name: str) -> list[Row]:
    return [json.loads(line) for line in read_lines(data / f"{name}.jsonl.xz")]


def _example(row: Row) -> Example:
    answers = row["answers"]
    assert isinstance(answers, list)
    return Example(
        question=fold(str(row["question"])),
        paragraph=fold(str(row["context"])),
        answers=tuple(fold(answer).strip() for answer in answers),
        article=str(row["title"]),
    )


__all__ = [
    "DEVELOPMENT",
    "READING_FILES",
    "Example",
    "ReadingSets",
    "development_articles",
    "read_sets",
]
