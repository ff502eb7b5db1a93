"""The citation gate: a sentence of a language model stands only with the sentence it rests on.

Every figure, date, quotation and name of a clause must stand in one sentence of a cited passage,
near the clause's other words and about the same place and year; the clause's remaining words
must be covered by it. Where the cited passages don't hold a sentence, all are searched; where
none does, it is marked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rag.answering.additions import unheard
from rag.answering.attribution import misattributed, strangers
from rag.answering.binding import exchanged, misplaced
from rag.answering.claims import Claim, ClaimReader
from rag.answering.likeness import Closeness
from rag.answering.passages import Passage, PassageReader, Unit
from rag.answering.question import Segmenter
from rag.answering.substitution import substituted
from rag.answering.support import Support, support_of
from rag.protocols import Embedder
from rag.types import Hit

# Least share of a sentence's words that what it rests on must have; set on the first part of
# tests/data/gate.jsonl.
_COVERED = 0.5
# What takes from it: likeness to what it rests on above this, and each fact that is right.
_ALIKE, _FACT, _FACTS = 0.5, 0.06, 2
_LEAST = 0.28
_MOST_UNITS = 3  # sentences that one sentence of the answer may rest on


@dataclass(frozen=True, slots=True)
class Finding:
    """What the gate found about one sentence: the units it rests on, in the order of its clauses.

    `claims` is False for a sentence that says nothing about the subject: it needs no citation.
    `coverage` is the share of its words that the units have.
    """

    supported: bool
    units: tuple[Unit, ...] = ()
    unsupported_terms: tuple[str, ...] = ()
    coverage: float = 0.0
    claims: bool = True

    @property
    def partly(self) -> bool:
        """Whether all but some facts of a sentence is supported."""
        return not self.supported and bool(self.unsupported_terms) and self.coverage >= _COVERED


class CitationGate:
    """Checks sentences against the passages of one answer. Safe to use from several threads."""

    def __init__(
        self, segment: Segmenter, places: frozenset[str], embedder: Embedder | None = None
    ) -> None:
        self._claims = ClaimReader(segment, places)
        self._passages = PassageReader(self._claims)
        self._closeness = Closeness(embedder)
        self._segment = segment

    def read(self, hits: Sequence[Hit]) -> list[Passage]:
        """The hits as numbered passages, ready to be checked against."""
        return self._passages.read(hits)

    def check(self, sentence: str, cited: Iterable[int], passages: Sequence[Passage]) -> Finding:
        """Whether the cited passages support a sentence (without markers), else whether any do."""
        claim = self._claims.read(sentence)
        if not any(clause.claims for clause in claim.clauses):
            return Finding(True, claims=False)
        wanted = set(cited)
        named = [passage for passage in passages if passage.number in wanted]
        found = self._against(claim, named)
        if found.supported or len(named) == len(passages):
            return found
        everywhere = self._against(claim, passages)
        return everywhere if everywhere.supported or not named else found

    def _against(self, claim: Claim, passages: Sequence[Passage]) -> Finding:
        if not passages:
            return Finding(False)
        found: list[Support] = list(support_of(claim, passages, self._closeness))
        missing = dict.fromkeys(term for support in found for term in support.missing)
        weight = sum(support.weight for support in found)
        coverage = sum(support.weight * support.coverage for support in found) / (weight or 1.0)
        if not weight and not missing:
            coverage = 1.0  # nothing but facts, and all are there
        units = dict.fromkeys(unit for support in found for unit in support.units)
        missing = missing or dict.fromkeys(self._rearranged(claim, passages, tuple(units)))
        hollow = any(support.hollow for support in found)
        return Finding(
            supported=not missing and not hollow and self._covers(coverage, claim, tuple(units)),
            units=tuple(units)[:_MOST_UNITS],
            unsupported_terms=tuple(missing),
            coverage=coverage,
        )

    def _covers(self, coverage: float, claim: Claim, units: Sequence[Unit]) -> bool:
        """Whether units have enough of a sentence's words.

        Less will do where its facts are right and it means what they do: a paraphrase.
        """
        if coverage >= _COVERED or coverage < _LEAST or not units:
            return coverage >= _COVERED
        texts = [unit.folded for unit in units]
        alike = max(
            self._closeness.cosine(claim.folded.text, text) for text in (*texts, " ".join(texts))
        )
        facts = sum(len(c.figures) + len(c.days) + len(c.quotes) for c in claim.clauses)
        return coverage >= _COVERED - max(0.0, alike - _ALIKE) - _FACT * min(facts, _FACTS)

    def _rearranged(
        self, claim: Claim, passages: Sequence[Passage], chosen: Sequence[Unit]
    ) -> Iterator[str]:
        """What stands in the passages, but not so: exchanged, displaced or made more of."""
        units = [unit for passage in passages for unit in passage.units]
        yield from exchanged(claim, units)
        yield from misplaced(claim, units)
        yield from misattributed(claim, units)
        yield from strangers(claim, units)
        yield from substituted(claim, units, self._segment, self._closeness)
        yield from unheard(claim, chosen)


__all__ = ["CitationGate", "Finding"]
