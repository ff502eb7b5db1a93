"""Measure an embedding model: alone, beside BM25, and together with it.

    python -m rag.training.evaluate MODEL --data ../shared/data [--development] [--json FILE]

The reported sets are kept out of training and of every choice; `--development` measures on the
slices that choices are made on: questions made from news articles that training never saw,
the same questions in English through the dictionary, and held-out translations.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from rag.embedders import bundled_model_path, open_embedder
from rag.protocols import Embedder
from rag.text import fold
from rag.training.bm25 import Lexical, lexical_search
from rag.training.data import (
    Question,
    passages,
    read_corpus,
    read_news,
    read_questions,
)
from rag.training.pairs import PairMaker, read_glosses

Matrix = NDArray[np.float32]
REPORTED = ("cmrc2018", "drcd", "xquad_en_zh", "xquad_zh_zh")
DEVELOPMENT = ("news_questions", "news_english", "translations")
LEXICAL_DEPTH = 100


@dataclass(frozen=True, slots=True)
class Task:
    """Questions, passages, and for each question the number of its passage."""

    name: str
    questions: Sequence[str]
    passages: Sequence[str]
    right: Sequence[int]


@dataclass(frozen=True, slots=True)
class Figures:
    """Recall at 1, 5 and 20."""

    at_1: float
    at_5: float
    at_20: float


def reported_tasks(data: Path, names: Sequence[str] = REPORTED) -> list[Task]:
    """The tasks whose figures are reported; paragraphs stand among 20,000 news passages."""
    files = {
        "cmrc2018": ("cmrc2018_trial", "cmrc2018_trial", True),
        "drcd": ("drcd_dev", "drcd_dev", True),
        "xquad_en_zh": ("xquad_en", "xquad_zh", False),
        "xquad_zh_zh": ("xquad_zh", "xquad_zh", False),
    }
    distractors = news_passages(data) if any(files[name][2] for name in names) else []
    tasks = []
    for name in names:
        asked, searched, among = files[name]
        questions = read_questions(data / f"{asked}.jsonl.xz")
        texts = {row.id: row.paragraph for row in read_questions(data / f"{searched}.jsonl.xz")}
        tasks.append(reading_task(name, questions, texts, distractors if among else ()))
    return tasks


def news_passages(data: Path) -> list[str]:
    """The first passage of each news article that is kept out of training."""
    return [passages(article.text)[0] for article in read_news(data)[1]]


def reading_task(
    name: str, questions: Sequence[Question], texts: Mapping[str, str], others: Sequence[str]
) -> Task:
    """A task from a reading-comprehension set; `texts` gives the paragraph by question id."""
    answerable = [question for question in questions if question.answerable]
    paragraphs = list(dict.fromkeys(texts[question.id] for question in answerable))
    number = {paragraph: i for i, paragraph in enumerate(paragraphs)}
    return Task(
        name,
        [question.text for question in answerable],
        [*paragraphs, *others],
        [number[texts[question.id]] for question in answerable],
    )


def development_tasks(data: Path, tokenizer: Tokenizer, *, size: int = 2000) -> list[Task]:
    """The tasks that choices are made on, from nothing that is reported."""
    corpus = read_corpus(data)
    _, articles = read_news(data)
    glosses = read_glosses(corpus.dictionary)
    maker = PairMaker(corpus, glosses, tokenizer, seed=99)
    texts = [passages(article.text)[0] for article in articles]
    chance = random.Random(99)
    chosen = chance.sample(range(len(texts)), min(size, len(texts)))
    chinese = [maker.question(texts[i], chance) for i in chosen]
    english = [maker.in_english(question, chance) for question in chinese]
    hidden = [maker.disguise(question, chance) for question in chinese]
    pairs = corpus.held_out
    return [
        Task("news_questions", hidden, texts, chosen),
        Task("news_english", english, texts, chosen),
        Task("translations", [en for en, _ in pairs], [zh for _, zh in pairs], range(len(pairs))),
    ]


def ranks(scores: Matrix, right: Sequence[int]) -> NDArray[np.int64]:
    """The rank, from 1, of each row's right column; ties count against it."""
    wanted = scores[np.arange(len(right)), list(right)]
    better: NDArray[np.int64] = (scores >= wanted[:, None]).sum(axis=1)
    return np.maximum(better, 1)


def figures(found: NDArray[np.int64]) -> Figures:
    """Recall at 1, 5 and 20 from the ranks of the right passages."""
    return Figures(*(round(float((found <= k).mean()), 4) for k in (1, 5, 20)))


def dense_scores(embedder: Embedder, task: Task) -> Matrix:
    """Similarities, shape (questions, passages)."""
    rows = embedder.embed_passages(task.passages)
    asked = np.stack([embedder.embed_query(question) for question in task.questions])
    scores: Matrix = asked @ rows.T
    return scores


def fuse_by_score(lexical: Lexical, dense: Matrix, *, share: float) -> Matrix:
    """Cosine plus BM25, where BM25 counts for as much as it covers the question.

    BM25 is divided by the most that the question's terms could score (Bruch, Gai and Ingber 2023,
    "An Analysis of Fusion Functions for Hybrid Retrieval", call this the theoretical maximum).
    The best passage's quotient is the question's coverage: about 0.45 where words match, under
    0.1 for an English question to Chinese passages, which the cosine must then decide.
    `share` is the cosine's: score = share * cosine + coverage * quotient.
    """
    quotient = lexical.scores / np.maximum(lexical.bounds, 1e-9)[:, None]
    coverage = quotient.max(axis=1, keepdims=True)
    fused: Matrix = np.float32(share) * dense + coverage * quotient
    return fused


def fuse_by_rank(lexical: Lexical, dense: Matrix, *, weight: float, k: float = 10.0) -> Matrix:
    """Weighted reciprocal ranks (Cormack, Clarke and Buettcher 2009) of the best 100 of each."""
    fused = np.zeros_like(dense)
    for scores, share in ((lexical.scores, 1.0), (dense, weight)):
        best = np.argsort(-scores, axis=1, kind="stable")[:, :LEXICAL_DEPTH]
        gain = np.broadcast_to(
            share / (k + 1 + np.arange(best.shape[1], dtype=np.float32)), best.shape
        ) * (np.take_along_axis(scores, best, axis=1) > 0)
        np.put_along_axis(fused, best, np.take_along_axis(fused, best, axis=1) + gain, axis=1)
    return fused


FUSIONS: Mapping[str, Callable[[Lexical, Matrix], Matrix]] = {
    "hybrid (score)": lambda lexical, dense: fuse_by_score(lexical, dense, share=0.02),
    "hybrid (rank)": lambda lexical, dense: fuse_by_rank(lexical, dense, weight=0.05),
}


def measure(embedder: Embedder, task: Task) -> dict[str, Figures]:
    """Figures of BM25 alone, the model alone, and both fused."""
    lexical = lexical_search(
        [fold(question) for question in task.questions],
        [fold(passage) for passage in task.passages],
        depth=LEXICAL_DEPTH,
    )
    dense = dense_scores(embedder, task)
    results = {
        "bm25": figures(ranks(lexical.scores, task.right)),
        "dense": figures(ranks(dense, task.right)),
    }
    for name, fuse in FUSIONS.items():
        results[name] = figures(ranks(fuse(lexical, dense), task.right))
    return results


def main() -> None:
    """Read the command line, measure, print a table."""
    parser = argparse.ArgumentParser(description="Measure an embedding model")
    parser.add_argument("model", help="a model folder or name")
    parser.add_argument("--data", type=Path, required=True, help="folder of the shared data")
    parser.add_argument("--development", action="store_true", help="measure what choices rest on")
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    options = parser.parse_args()
    embedder = open_embedder(options.model)
    if options.development:
        # The bundled model's, whatever is measured: every model gets the same questions.
        path = bundled_model_path() / "tokenizer.json"
        tasks = development_tasks(options.data, Tokenizer.from_file(str(path)))
    else:
        tasks = reported_tasks(options.data)
    table = {task.name: measure(embedder, task) for task in tasks}
    for name, rows in table.items():
        for way, row in rows.items():
            sys.stdout.write(
                f"{name:16} {way:15} R@1 {row.at_1:.3f}  R@5 {row.at_5:.3f}  R@20 {row.at_20:.3f}\n"
            )
    if options.json:
        plain = {
            name: {way: asdict(row) for way, row in rows.items()} for name, rows in table.items()
        }
        options.json.write_text(
            json.dumps({"fingerprint": embedder.fingerprint, **plain}, indent=1)
        )


if __name__ == "__main__":
    main()
