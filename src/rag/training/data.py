"""The shared data, and which of it training may see.

Kept out of the embedding model's training (`reader_data` says what the reader sees):
`cmrc2018_trial`, `drcd_dev`, every `xquad_*` and a seeded sample
of 20,000 news articles (the distractors among which passages are looked for). `squad2_zh_dev` is
kept out as well: all of its articles are articles of XQuAD, in another translation, so excluding
by article leaves nothing (`shared_articles` shows it, and a test holds it).
"""

from __future__ import annotations

import json
import lzma
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rag.text import fold, sentence_spans

DISTRACTORS = 20_000
_SPLIT_SEED = 20230
TRAINING_FILES = ("news.jsonl.xz", "cedict_zh_en.tsv.xz", "tatoeba_en_zh.tsv.xz")
KEPT_OUT_FILES = ("cmrc2018_trial", "drcd_dev", "squad2_zh_dev", "xquad_")


@dataclass(frozen=True, slots=True)
class Article:
    """A news article, folded; `title` may be empty."""

    id: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Question:
    """A question of a reading-comprehension set with the paragraph that answers it."""

    id: str
    title: str
    text: str
    paragraph: str
    answerable: bool


@dataclass(frozen=True, slots=True)
class Corpus:
    """What training may see, all of it folded.

    `dictionary` pairs a Simplified headword with its English glosses, `translations` an English
    sentence with a Chinese one; `held_out` are the translations that only measure progress.
    """

    news: Sequence[Article]
    dictionary: Sequence[tuple[str, Sequence[str]]]
    translations: Sequence[tuple[str, str]]
    held_out: Sequence[tuple[str, str]]


def read_lines(path: Path) -> Iterator[str]:
    """The lines of an xz file, without their ends. Raises FileNotFoundError."""
    with lzma.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield line.rstrip("\n")


def read_news(data: Path) -> tuple[list[Article], list[Article]]:
    """The news for training and the articles kept out, disjoint, the same on every machine."""
    articles = [
        Article(row["id"], fold(row["title"]), fold(row["text"]))
        for row in map(json.loads, read_lines(data / "news.jsonl.xz"))
    ]
    kept_out = kept_out_ids([article.id for article in articles])
    # A reprint of an article that was kept out would bring it back in.
    openings = {article.text[:60] for article in articles if article.id in kept_out}
    training = [
        article
        for article in articles
        if article.id not in kept_out and article.text[:60] not in openings
    ]
    return training, [article for article in articles if article.id in kept_out]


def kept_out_ids(ids: Sequence[str]) -> set[str]:
    """The seeded sample that training never sees; of a small file at most half."""
    size = min(DISTRACTORS, len(ids) // 2)
    return set(random.Random(_SPLIT_SEED).sample(sorted(ids), size))


def read_corpus(data: Path) -> Corpus:
    """Everything that training may see; opens `TRAINING_FILES` and no other file."""
    training, _ = read_news(data)
    translations, held_out = read_translations(data)
    return Corpus(
        news=training,
        dictionary=list(read_dictionary(data)),
        translations=translations,
        held_out=held_out,
    )


def read_translations(data: Path) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """The sentence pairs for training and those held out, the same on every machine."""
    translations = list(dict.fromkeys(_translations(data)))
    random.Random(_SPLIT_SEED).shuffle(translations)
    held_out = min(1000, len(translations) // 10)
    return translations[held_out:], translations[:held_out]


def read_dictionary(data: Path) -> Iterator[tuple[str, Sequence[str]]]:
    """Folded headwords, each with its glosses."""
    for line in read_lines(data / "cedict_zh_en.tsv.xz"):
        fields = line.split("\t")
        if len(fields) == 3:
            yield fold(fields[0]), fields[2].split("/")


def _translations(data: Path) -> Iterator[tuple[str, str]]:
    for line in read_lines(data / "tatoeba_en_zh.tsv.xz"):
        fields = line.split("\t")
        if len(fields) >= 2:
            yield fold(fields[0]), fold(fields[1])


def read_questions(path: Path) -> list[Question]:
    """The questions of a reading-comprehension file, as they are (not folded)."""
    return [
        Question(row["id"], row["title"], row["question"], row["context"], row["answerable"])
        for row in map(json.loads, read_lines(path))
    ]


def shared_articles(questions: Sequence[Question], others: Sequence[Question]) -> set[str]:
    """Titles of `questions` whose article is also in `others`, known by the ids they share."""
    ids = {other.id for other in others}
    return {question.title for question in questions if question.id in ids}


def passages(text: str, *, size: int = 400) -> list[str]:
    """`text` in runs of whole sentences of at most `size` characters; longer sentences are cut."""
    runs: list[str] = []
    start = end = 0
    for left, right in sentence_spans(text):
        if right - start > size and end > start:
            runs.append(text[start:end].strip())
            start = left
        end = right
    runs.append(text[start:end].strip())
    return [run[at : at + size] for run in runs for at in range(0, len(run), size)]
