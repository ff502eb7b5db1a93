"""Retrieval: BM25 and dense search, fused by rank, reprints shown once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rag.protocols import Candidates, Embedder, PassageStore
from rag.retrieval.duplicates import first_of_each
from rag.retrieval.fusion import coverage, reciprocal_rank_fusion
from rag.text import analyse, analyse_folded, fold
from rag.types import Chunk, DocumentInfo, Hit

_SCORE_SPREAD = 0.1
_ENOUGH_COVERAGE = 0.2


class HybridRetriever:
    """Finds the chunks of one store that a query is about."""

    def __init__(
        self,
        store: PassageStore,
        embedder: Embedder,
        *,
        candidates: int = 50,
        dense_weight: float = 0.05,
        adaptive: bool = True,
    ) -> None:
        self._store = store
        self._embedder = embedder
        self._candidates = candidates
        self._dense_weight = dense_weight
        self._adaptive = adaptive

    def retrieve(self, query: str, *, top_k: int) -> tuple[Hit, ...]:
        """The best `top_k` distinct passages, best first; ranks count from 1."""
        terms = list(dict.fromkeys(analyse(query)))
        found = self._store.search(
            terms, self._embedder.embed_query(query), limit=max(top_k, self._candidates)
        )
        scores = reciprocal_rank_fusion(
            ([c.key for c in found.lexical], [c.key for c in found.dense]),
            self._weights(terms, found),
        )
        # Twice as many as asked for, so that reprints don't leave the answer short.
        keys = list(scores)[: 2 * top_k]
        passages = self._store.passages(keys)
        keys = [key for key in keys if key in passages]
        groups = _grouped(keys, passages, found)
        return _explained(list(groups.items())[:top_k], scores, passages, found, terms)

    def _weights(self, terms: Sequence[str], found: Candidates) -> tuple[float, float]:
        """Weights of word and vector search: words decide as far as they cover the query."""
        if not self._adaptive:
            return 1.0, self._dense_weight
        best = found.lexical[0].score if found.lexical else 0.0
        covered = coverage(
            best, self._store.document_frequencies(terms), self._store.stats().chunks
        )
        lexical = min(1.0, covered / _ENOUGH_COVERAGE)
        return lexical, max(self._dense_weight, 1.0 - lexical)


def _grouped(
    keys: Sequence[int], passages: Mapping[int, tuple[Chunk, DocumentInfo]], found: Candidates
) -> dict[int, list[DocumentInfo]]:
    """Each distinct passage with the other documents that carry it."""
    scores = [{c.key: c.score for c in ranking} for ranking in (found.lexical, found.dense)]

    def comparable(i: int, j: int) -> bool:
        """Reprints have nearly the same words, so nearly the same scores for any query."""
        pairs = [(s[keys[i]], s[keys[j]]) for s in scores if keys[i] in s and keys[j] in s]
        return all(abs(a - b) <= _SCORE_SPREAD * max(abs(a), abs(b)) for a, b in pairs)

    firsts = first_of_each([passages[key][0].text for key in keys], comparable)
    groups: dict[int, list[DocumentInfo]] = {}
    for key, first in zip(keys, firsts, strict=True):
        owner = keys[first]
        group = groups.setdefault(owner, [])
        info = passages[key][1]
        if info.id != passages[owner][1].id and info not in group:
            group.append(info)
    return groups


def _explained(
    groups: Sequence[tuple[int, list[DocumentInfo]]],
    scores: Mapping[int, float],
    passages: Mapping[int, tuple[Chunk, DocumentInfo]],
    found: Candidates,
    terms: Sequence[str],
) -> tuple[Hit, ...]:
    lexical = {c.key: (rank, c.score) for rank, c in enumerate(found.lexical, start=1)}
    dense = {c.key: (rank, c.score) for rank, c in enumerate(found.dense, start=1)}
    hits = []
    for rank, (key, duplicates) in enumerate(groups, start=1):
        chunk, info = passages[key]
        lexical_rank, lexical_score = lexical.get(key, (None, None))
        dense_rank, dense_score = dense.get(key, (None, None))
        hits.append(
            Hit(
                rank=rank,
                score=scores[key],
                chunk=chunk,
                document=info,
                lexical_rank=lexical_rank,
                dense_rank=dense_rank,
                lexical_score=lexical_score,
                dense_score=dense_score,
                matched_terms=_matched(terms, chunk),
                duplicates=tuple(duplicates),
            )
        )
    return tuple(hits)


def _matched(terms: Sequence[str], chunk: Chunk) -> tuple[str, ...]:
    """The query's terms that stand in the chunk; a character only where no longer term has it."""
    present = set(analyse_folded(fold(f"{chunk.context}\n{chunk.text}")))
    matched = [term for term in terms if term in present]
    inside = {c for term in matched if len(term) > 1 for c in term}
    return tuple(term for term in matched if len(term) > 1 or term not in inside)
