"""Recall, reciprocal rank and nDCG of what was found, by trec_eval's code (`ir-measures`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rag.evaluation.gold import Gold
from rag.evaluation.matching import bare, evidence_of, holds
from rag.types import Hit

DEPTH = 20
_MEASURES = {
    "recall@1": "R@1",
    "recall@5": "R@5",
    "recall@20": "R@20",
    "mrr@10": "RR@10",
    "ndcg@10": "nDCG@10",
}


@dataclass(frozen=True, slots=True)
class Judged:
    """One question's ranking, judged: at which ranks (from 1) something new and wanted stands.

    `wanted` is how many such things there are, found or not; 0 when nothing is known.
    """

    relevant_ranks: tuple[int, ...]
    wanted: int

    @property
    def first(self) -> int | None:
        return self.relevant_ranks[0] if self.relevant_ranks else None


def judge(gold: Gold, hits: Sequence[Hit]) -> Judged:
    """Which of the hits the question wants.

    By article where the row names articles: hits of one article count as one, at the rank among
    articles that the best has, and so does a reprint; where any one answer is enough, any one of
    the articles is. Else by passage: a hit is wanted when it holds a fragment of the evidence that
    no better hit holds; fragments that one hit holds together count as one.
    """
    if gold.documents:
        return _judged_by_article(gold, hits)
    groups = evidence_of(gold)
    missing = set(range(len(groups)))
    ranks = []
    for rank, hit in enumerate(hits, start=1):
        text = bare(f"{hit.chunk.context}\n{hit.chunk.text}") if missing else ""
        found = {i for i in missing if holds(groups[i], text)}
        if found:
            ranks.append(rank)
            missing -= found
    return Judged(tuple(ranks), len(ranks) + len(missing))


def _judged_by_article(gold: Gold, hits: Sequence[Hit]) -> Judged:
    wanted, seen = set(gold.documents), set[str]()
    ranks, rank = [], 0
    for hit in hits:
        if hit.document.id in seen:
            continue
        family = {hit.document.id, *(info.id for info in hit.duplicates)}
        seen.add(hit.document.id)
        rank += 1
        if not wanted.isdisjoint(family):
            ranks.append(rank)
            wanted -= wanted if gold.answers else family
    return Judged(tuple(ranks), len(ranks) + len(wanted))


def measure(judged: Mapping[str, Judged]) -> dict[str, dict[str, float]]:
    """Every measure of every question by id; questions of which nothing is known are left out."""
    import ir_measures  # numpy and a C extension, wanted here alone

    qrels, run = [], []
    for key, one in judged.items():
        if not one.wanted:
            continue
        qrels += [ir_measures.Qrel(key, f"wanted {i}", 1) for i in range(one.wanted)]
        at = {rank: f"wanted {i}" for i, rank in enumerate(one.relevant_ranks)}
        run += [
            ir_measures.ScoredDoc(key, at.get(rank, f"other {rank}"), -float(rank))
            for rank in range(1, DEPTH + 1)
        ]
    names = {text: name for name, text in _MEASURES.items()}
    parsed = [ir_measures.parse_measure(text) for text in names]
    values: dict[str, dict[str, float]] = {}
    if qrels:
        for metric in ir_measures.iter_calc(parsed, qrels, run):
            values.setdefault(metric.query_id, {})[names[str(metric.measure)]] = float(metric.value)
    return values


__all__ = ["DEPTH", "Judged", "judge", "measure"]
