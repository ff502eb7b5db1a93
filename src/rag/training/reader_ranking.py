"""Fit the weights by which `rag.answering.reading` chooses among the reader's spans.

    python -m rag.training.reader_ranking --data ../shared/data

On the reader's development articles, whose paragraphs stand among the news that training keeps
out: one half of the articles fits, the other measures. The weights maximise the expected F1 of
the spans under a softmax over each question's spans. Printed, to be written into `WEIGHTS`.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from rag.answering import EvidenceFinder, QuestionAnalyser
from rag.answering.reading import FEATURES, WEIGHTS, Reading
from rag.assembly import (
    backend_of,
    embedder_of,
    indexer_of,
    place_list,
    reading_of,
    retriever_of,
    segment,
)
from rag.config import AnsweringSettings, IndexSettings, Settings
from rag.evaluation.reading import exact_match, f1
from rag.training.data import read_news
from rag.training.reader_data import Example, read_sets

_NEWS = 20_000
_STEPS = 300
_STRENGTH = 0.01  # pulls the weights towards those they begin with


@dataclass(frozen=True, slots=True)
class Choice:
    """A question's spans: features `(spans, features)`, F1 and exact match of each."""

    article: str
    features: np.ndarray
    f1: np.ndarray
    exact: np.ndarray


def choices(settings: Settings, examples: Sequence[Example], every: int) -> list[Choice]:
    """What the whole system finds for each question; questions without spans are left out."""
    embedder = embedder_of(settings)
    store = backend_of(settings, embedder).open()
    retriever = retriever_of(settings, embedder, store)
    analyser = QuestionAnalyser(
        segment, store.document_frequencies, store.stats().chunks, place_list()
    )
    finder = EvidenceFinder(embedder, segment, place_list())
    reading = reading_of(settings)
    assert isinstance(reading, Reading)
    found = []
    for example in [example for example in examples if example.answers][::every]:
        question = analyser.analyse(example.question)
        hits = retriever.retrieve(example.question, top_k=settings.retrieval.top_k)
        evidence = finder.find(question, hits)
        proposals = reading.proposals(question, evidence)
        if not proposals:
            continue
        texts = [proposal.text for proposal in proposals]
        found.append(
            Choice(
                example.article,
                np.array([reading.features(question, each, evidence[0]) for each in proposals]),
                np.array([f1(example.answers, text) for text in texts]),
                np.array([exact_match(example.answers, text) for text in texts]),
            )
        )
    store.close()
    return found


def fit(chosen: Sequence[Choice]) -> list[float]:
    """The weights, the first of which stays 1."""
    start = torch.tensor(WEIGHTS)
    weights = start.clone().requires_grad_()
    optimiser = torch.optim.Adam([weights], lr=0.03)
    rows = [(torch.tensor(c.features).float(), torch.tensor(c.f1).float()) for c in chosen]
    for _ in range(_STEPS):
        gains = [(torch.softmax(x @ weights, 0) * y).sum() for x, y in rows]
        loss = -torch.stack(gains).mean() + _STRENGTH * ((weights - start) ** 2).mean()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    fitted = weights.detach()
    return [round(float(weight), 2) for weight in fitted]


def figures(chosen: Sequence[Choice], weights: Sequence[float]) -> str:
    """Exact match and F1 of the spans chosen by `weights`, and F1 of the best spans there are."""
    best = [int((choice.features @ np.array(weights)).argmax()) for choice in chosen]
    exact = np.mean([choice.exact[i] for choice, i in zip(chosen, best, strict=True)])
    overlap = np.mean([choice.f1[i] for choice, i in zip(chosen, best, strict=True)])
    most = np.mean([choice.f1.max() for choice in chosen])
    return f"EM {100 * exact:.1f} F1 {100 * overlap:.1f} (of {100 * most:.1f})"


def main() -> None:
    """Fit on one half, measure on the other, both ways, then fit on all."""
    parser = argparse.ArgumentParser(description="Fit the weights of answering.reading")
    parser.add_argument("--data", type=Path, required=True, help="folder of the shared data")
    parser.add_argument("--reader", default="default", help="as answering.reader")
    parser.add_argument("--every", type=int, default=1, help="use each so many-th question")
    options = parser.parse_args()
    sets = read_sets(options.data)
    with tempfile.TemporaryDirectory() as name:
        settings = Settings(
            index=IndexSettings(dir=Path(name) / "index"),
            answering=AnsweringSettings(reader=options.reader),
        )
        _, news = read_news(options.data)
        texts = [article.text[: settings.chunking.size] for article in news[:_NEWS]]
        texts += dict.fromkeys(example.paragraph for example in sets.development)
        file = Path(name) / "articles.jsonl"
        lines = (json.dumps({"id": str(i), "text": text}) for i, text in enumerate(texts))
        file.write_text("\n".join(lines), encoding="utf-8")
        indexer_of(settings).index([file])
        found = choices(settings, sets.development, options.every)
    articles = sorted({choice.article for choice in found})
    halves = [[c for c in found if (articles.index(c.article) % 2) == side] for side in (0, 1)]
    for fitted, measured in (halves, halves[::-1]):
        print(f"before {figures(measured, WEIGHTS)}; after {figures(measured, fit(fitted))}")  # noqa: T201
    for feature, weight in zip(FEATURES, fit(found), strict=True):
        print(f"{weight:7.2f}  {feature}")  # noqa: T201


if __name__ == "__main__":
    main()
