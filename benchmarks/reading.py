"""Exact match and F1 of short answers: given the paragraph, and after finding it among others.

    python -m benchmarks.reading --questions CMRC.jsonl.xz DRCD.jsonl.xz --distractors NEWS.jsonl.xz

The paragraphs of each reading set stand among the first passages of 20,000 news articles, as in
`benchmarks.retrieval`. Nothing is declined. `best sentence`: the sentence, taken whole, that holds
most of the question's weight in BM25's first passage; `rules`: the whole system without a reader;
`reader`: the whole system; `given paragraph`: the whole system on passages of that paragraph alone.
`--held-out` asks only about the articles that the bundled reader was not trained or chosen on.
EM and F1 are those of CMRC 2018 (`rag.evaluation.reading`).
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.data import machine, rows
from benchmarks.retrieval import write_articles
from rag.answering import EvidenceFinder, Question
from rag.answering.evidence import Evidence
from rag.answering.shortanswer import best_clause
from rag.assembly import (
    analyser_of,
    backend_of,
    embedder_of,
    indexer_of,
    judge_of,
    place_list,
    segment,
)
from rag.config import AnsweringSettings, IndexSettings, Settings
from rag.evaluation.reading import exact_match, f1
from rag.retrieval import HybridRetriever
from rag.training.reader_data import Part, split_of
from rag.types import Hit

Row = Mapping[str, Any]
Answerer = Callable[[Question, Sequence[Hit]], str]


class Bench:
    """One reading set among the distractors."""

    def __init__(self, settings: Settings) -> None:
        embedder = embedder_of(settings)
        self.store = backend_of(settings, embedder).open()
        retrieval = settings.retrieval
        self.retriever = HybridRetriever(
            self.store, embedder, candidates=retrieval.candidates,
            dense_weight=retrieval.dense_weight, adaptive=retrieval.adaptive,
        )  # fmt: skip
        self.lexical = HybridRetriever(
            self.store, embedder, candidates=retrieval.candidates, dense_weight=0.0, adaptive=False
        )
        self.analyser = analyser_of(self.store)
        self.top_k = retrieval.top_k
        self.finder = EvidenceFinder(embedder, segment, place_list())
        self.judges = {
            name: judge_of(_undecided(settings, reader), embedder, self.store)
            for name, reader in (("rules", "rules"), ("reader", settings.answering.reader))
        }

    def systems(self) -> dict[str, Callable[[Row], str]]:
        """Each way of answering a row of the set."""
        return {
            "BM25 + best sentence": self._best_sentence,
            "rules": lambda row: self._answer("rules", row["question"], self._hits(row)),
            "reader": lambda row: self._answer("reader", row["question"], self._hits(row)),
            "rules, given paragraph": lambda row: self._answer(
                "rules", row["question"], self._given(row)
            ),
            "reader, given paragraph": lambda row: self._answer(
                "reader", row["question"], self._given(row)
            ),
        }

    def _hits(self, row: Row) -> Sequence[Hit]:
        return self.retriever.retrieve(row["question"], top_k=self.top_k)

    def _given(self, row: Row) -> Sequence[Hit]:
        """Passages of the right paragraph that the search finds, in its order."""
        found = self.retriever.retrieve(row["question"], top_k=100)
        own = [hit for hit in found if hit.document.id == row["paragraph_id"]]
        return [replace(hit, rank=rank) for rank, hit in enumerate(own, start=1)]

    def _answer(self, judge: str, question: str, hits: Sequence[Hit]) -> str:
        verdict = self.judges[judge].assess(self.analyser.analyse(question), hits)
        return _said(verdict.question, verdict.evidence)

    def _best_sentence(self, row: Row) -> str:
        hits = self.lexical.retrieve(row["question"], top_k=1)
        evidence = self.finder.find(self.analyser.analyse(row["question"]), hits)
        return max(evidence, key=lambda item: item.covered).text if evidence else ""


def _undecided(settings: Settings, reader: str) -> Settings:
    answering = AnsweringSettings(reader=reader, threshold=0.0)
    return settings.model_copy(update={"answering": answering})


def _said(question: Question, evidence: Sequence[Evidence]) -> str:
    if not evidence:
        return ""
    best = evidence[0]
    return (best.short or best_clause(question, best.text, best.folded)).text


def measure(bench: Bench, asked: Sequence[Row]) -> Iterable[tuple[str, float, float, float]]:
    """For each system its name, EM and F1 in per cent, and the median milliseconds a question."""
    for name, answer in bench.systems().items():
        scores, times = [], []
        for row in asked:
            started = time.process_time()
            said = answer(row)
            times.append(time.process_time() - started)
            scores.append((exact_match(row["answers"], said), f1(row["answers"], said)))
        exact, overlap = 100 * np.mean(scores, axis=0)
        yield name, float(exact), float(overlap), 1000 * float(np.median(times))


def _held_out(path: Path, row: Row) -> bool:
    return split_of(path.name.split(".")[0], str(row["title"])) is Part.HELD_OUT


def main() -> None:
    """Print a Markdown table for each set."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--questions", type=Path, nargs="+", required=True)
    parser.add_argument("--distractors", type=Path, required=True)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--limit", type=int, help="ask only so many questions, spread evenly")
    parser.add_argument("--held-out", action="store_true", help="the reader's held-out articles")
    parser.add_argument("--reader", default="default", help="as answering.reader")
    options = parser.parse_args()
    print(f"{machine()}\n")
    for path in options.questions:
        with tempfile.TemporaryDirectory() as name:
            settings = Settings(
                index=IndexSettings(dir=Path(name) / "index"),
                answering=AnsweringSettings(reader=options.reader),
            )
            articles = Path(name) / "articles.jsonl"
            size = settings.chunking.size
            write_articles(path, path, options.distractors, options.count, size, articles)
            indexer_of(settings).index([articles])
            asked = [row for row in rows(path) if row.get("answerable", True)]
            if options.held_out:
                asked = [row for row in asked if _held_out(path, row)]
            if options.limit:
                asked = asked[:: max(1, len(asked) // options.limit)]
            print(f"{path.name}: {len(asked)} questions\n")
            print("| system | EM | F1 | CPU ms |\n| --- | ---: | ---: | ---: |")
            for system, exact, overlap, spent in measure(Bench(settings), asked):
                print(f"| {system} | {exact:.1f} | {overlap:.1f} | {spent:.1f} |", flush=True)
            print()


if __name__ == "__main__":
    main()
