"""Recall of the whole retrieval path, beside BM25 alone and dense search alone.

    python -m benchmarks.retrieval --questions CMRC.jsonl.xz --distractors NEWS.jsonl.xz

The paragraphs of a reading set stand among the first passages of 20,000 news articles; a question
counts as found when a passage of its paragraph is among the first k.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from benchmarks.data import rows
from rag.assembly import backend_of, bundled_lexicon, embedder_of, indexer_of
from rag.config import IndexSettings, Settings
from rag.protocols import Embedder, PassageStore
from rag.retrieval import HybridRetriever

_DEPTH = 20
# Weights of the vector search: none, the default, so great that words don't count.
_SYSTEMS = {"BM25 alone": 0.0, "hybrid": None, "dense alone": 1e6}


def write_articles(
    questions: Path, paragraphs: Path, distractors: Path, count: int, size: int, out: Path
) -> None:
    """One JSON Lines file of paragraphs, each once, and of cut news articles."""
    seen: set[str] = set()
    with out.open("w", encoding="utf-8") as file:
        asked = {row["id"] for row in rows(questions) if row.get("answerable", True)}
        for row in rows(paragraphs):
            if row["id"] in asked and row["paragraph_id"] not in seen:
                seen.add(row["paragraph_id"])
                article = {"id": row["paragraph_id"], "text": row["context"]}
                file.write(json.dumps(article, ensure_ascii=False) + "\n")
        for row in islice(rows(distractors), count):
            article = {"id": row["id"], "text": row["text"][:size]}
            file.write(json.dumps(article, ensure_ascii=False) + "\n")


def recall(
    store: PassageStore, embedder: Embedder, weight: float | None, asked: Sequence[tuple[str, str]]
) -> dict[int, float]:
    """Recall at 1, 5 and 20 of `(question, document id)` pairs."""
    default = Settings().retrieval
    retriever = HybridRetriever(
        store,
        embedder,
        candidates=default.candidates,
        dense_weight=default.dense_weight if weight is None else weight,
        adaptive=weight is None,
        lexicon=bundled_lexicon(),
    )
    ranks = []
    for question, wanted in asked:
        hits = retriever.retrieve(question, top_k=_DEPTH)
        ranks.append(next((hit.rank for hit in hits if hit.document.id == wanted), _DEPTH + 1))
    return {k: sum(rank <= k for rank in ranks) / len(ranks) for k in (1, 5, 20)}


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--questions", type=Path, required=True)
    parser.add_argument("--paragraphs", type=Path, help="the same set in another language")
    parser.add_argument("--distractors", type=Path, required=True)
    parser.add_argument("--count", type=int, default=20_000)
    options = parser.parse_args()
    paragraphs = options.paragraphs or options.questions
    with tempfile.TemporaryDirectory() as name:
        settings = Settings(index=IndexSettings(dir=Path(name) / "index"))
        articles = Path(name) / "articles.jsonl"
        size = settings.chunking.size
        write_articles(
            options.questions, paragraphs, options.distractors, options.count, size, articles
        )
        indexer_of(settings).index([articles])
        embedder = embedder_of(settings)
        store = backend_of(settings, embedder).open()
        owner = {row["id"]: row["paragraph_id"] for row in rows(paragraphs)}
        asked = [
            (row["question"], owner[row["id"]])
            for row in rows(options.questions)
            if row.get("answerable", True)
        ]
        stats = store.stats()
        print(f"{len(asked)} questions, {stats.documents} documents, {stats.chunks} passages\n")
        print("| system | R@1 | R@5 | R@20 |\n| --- | ---: | ---: | ---: |")
        for system, weight in _SYSTEMS.items():
            found = recall(store, embedder, weight, asked)
            print(f"| {system} | " + " | ".join(f"{found[k]:.4f}" for k in (1, 5, 20)) + " |")


if __name__ == "__main__":
    main()
