"""What the reader learns from, what chooses its weights, and what it never sees.

Reading questions with answers: `drcd_dev`, `cmrc2018_trial`, `squad2_zh_dev` and `xquad_zh`. Of
the first two a quarter of the articles is held out for the figures and another sixteenth is for
choosing (`split_of`); the translated sets are for training alone. An article of a kept-out part
that stands in another set too, by its title or by a paragraph, is dropped there.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from rag.text import fold
from rag.training.data import read_lines

SPLIT_SETS = ("drcd_dev", "cmrc2018_trial")
TRAINING_SETS = ("squad2_zh_dev", "xquad_zh")
READING_SETS = (*SPLIT_SETS, *TRAINING_SETS)


class Part(StrEnum):
    """What an article is for."""

    TRAINING = "training"
    DEVELOPMENT = "development"
    HELD_OUT = "held out"


@dataclass(frozen=True, slots=True)
class Example:
    """A question with answers that stand in a paragraph; all of it folded but `source`, the set."""

    question: str
    paragraph: str
    answers: tuple[str, ...]
    article: str
    source: str


@dataclass(frozen=True, slots=True)
class ReadingSets:
    """No article or paragraph is in two of them."""

    training: Sequence[Example]
    development: Sequence[Example]
    held_out: Sequence[Example]


def split_of(set_name: str, title: str) -> Part:
    """The part of an article, by its title as it stands in the set's file."""
    if set_name not in SPLIT_SETS:
        return Part.TRAINING
    number = zlib.crc32(title.encode())
    if number % 4 == 0:
        return Part.HELD_OUT
    return Part.DEVELOPMENT if number % 16 == 1 else Part.TRAINING


def read_sets(data: Path) -> ReadingSets:
    """The answerable questions of `READING_SETS`. Raises FileNotFoundError."""
    parts: dict[Part, list[Example]] = {part: [] for part in Part}
    for name in READING_SETS:
        for part, example in _rows(data, name):
            parts[part].append(example)
    held_out = parts[Part.HELD_OUT]
    development = list(_apart(parts[Part.DEVELOPMENT], held_out))
    # Those that were just dropped from development are near to what is held out.
    kept_out = [*held_out, *parts[Part.DEVELOPMENT]]
    return ReadingSets(list(_apart(parts[Part.TRAINING], kept_out)), development, held_out)


def _apart(examples: Iterable[Example], others: Sequence[Example]) -> Iterator[Example]:
    """The examples whose article and paragraph are none of the others'."""
    titles = {other.article for other in others}
    paragraphs = {other.paragraph for other in others}
    for example in examples:
        if example.article not in titles and example.paragraph not in paragraphs:
            yield example


def _rows(data: Path, name: str) -> Iterator[tuple[Part, Example]]:
    for row in map(json.loads, read_lines(data / f"{name}.jsonl.xz")):
        if row.get("answerable", True):
            yield (
                split_of(name, row["title"]),
                Example(
                    question=fold(row["question"]).strip(),
                    paragraph=fold(row["context"]),
                    answers=tuple(fold(answer).strip() for answer in row["answers"]),
                    article=fold(row["title"]),
                    source=name,
                ),
            )


__all__ = [
    "READING_SETS",
    "SPLIT_SETS",
    "TRAINING_SETS",
    "Example",
    "Part",
    "ReadingSets",
    "read_sets",
    "split_of",
]
