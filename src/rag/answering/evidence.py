"""Which sentence of the hits answers a question, and which span in it is the short answer.

Two readings: every sentence by the letters of the question's words, then the best few again by
meaning (vectors of sentences and words) and by the span they offer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rag.answering.kinds import TYPED, Kind
from rag.answering.matching import Pattern
from rag.answering.question import Question, Segmenter, is_stop
from rag.answering.sentences import Sentence, is_heading, sentences_of
from rag.answering.shortanswer import ShortAnswer, best_span
from rag.answering.tables import Alike, Cell, CellFinder
from rag.protocols import Embedder, Vectors
from rag.text import CELLS, Span, fold_passage
from rag.types import Hit

# Weights of the parts of a sentence's score; set by hand on questions of our own (see
# tests/data and eval/gold), for a later model to learn.
_COVERED = 0.5
_AROUND = 0.3
_SIMILAR = 0.25
_TYPED = 0.2
_RANK = 0.06
_CAUSAL = 0.15
_SAYS_LITTLE = 0.35
_ROW_PENALTY = 0.9  # a table's row says less than a sentence where none of its cells was asked for
_OTHER_COLUMN = 0.5
_ASKED_CELL = 0.2  # what counts a cell that was asked for
_HEADING = 0.9  # what counts a word in the heading of the cell that was asked for
# What counts a word that stands before the sentence, or in title and heading.
_BEFORE = 0.8
_CONTEXT = 0.9
_LOOK_BACK = 3  # sentences
_REREAD = 8  # sentences that are read by meaning too
# A word counts in part where the sentence has one of its meaning: this share of their cosine.
_SOFT = 0.8
_SOFT_FROM = 0.45
_CACHED_WORDS = 20_000
_CAUSE = re.compile(
    "因为|由于|得益于|依托|凭借|原因|理由|源于|缘于|有赖于|because|due to|thanks to|reason"
)

Matches = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Evidence:
    """A sentence of a hit, how well it covers the question, and the short answer in it.

    `start` and `end` are offsets in the document's text. `covered` and `around` are shares of
    the question's weight found in the sentence and in it with what stands around it. In a row of
    a table `cell` is the one that was asked for, if one was, and `head` the row that names the
    columns.
    """

    hit: Hit
    start: int
    end: int
    folded: str
    covered: float
    around: float
    similarity: float
    score: float
    short: ShortAnswer | None
    cell: Cell | None = None
    head: Span | None = None

    @property
    def text(self) -> str:
        """The sentence, verbatim."""
        offset = self.hit.chunk.start
        return self.hit.chunk.text[self.start - offset : self.end - offset]


class EvidenceFinder:
    """Scores sentences by the weight of the question's words they hold, and by their vectors."""

    def __init__(
        self, embedder: Embedder, segment: Segmenter, places: frozenset[str] = frozenset()
    ) -> None:
        self._embedder = embedder
        self._segment = segment
        self._places = places
        self._cache: dict[str, Vectors] = {}

    def find(self, question: Question, hits: Sequence[Hit]) -> list[Evidence]:
        """The best sentences of `hits`, best first; none for a question without content words."""
        if not question.words:
            return []
        sentences, literal, around = _first_reading(question, hits, self._alike)
        if not sentences:
            return []
        weights = np.array([word.weight for word in question.words])
        ranks = np.array([sentence.hit.rank for sentence in sentences])
        first = (_COVERED * literal + _AROUND * around) @ weights / weights.sum() + _RANK / ranks
        first += [_ASKED_CELL * (sentence.cell is not None) for sentence in sentences]
        chosen = np.argsort(-first, kind="stable")[:_REREAD]
        few = [sentences[i] for i in chosen]
        cut = [self._segment(sentence.folded) for sentence in few]
        similar, close = self._meaning(question, few, cut)
        covered = np.maximum(literal[chosen], close) @ weights / weights.sum()
        surrounded = np.maximum(around[chosen], close) @ weights / weights.sum()
        found = [
            self._assess(question, few[i], cut[i], covered[i], surrounded[i], similar[i])
            for i in range(len(few))
        ]
        return sorted(found, key=lambda evidence: -evidence.score)

    def _alike(self, text: str, others: Sequence[str]) -> dict[str, float]:
        if not others:
            return {}
        cosines = self._vectors(others) @ self._embedder.embed_query(text)
        return dict(zip(others, map(float, cosines), strict=True))

    def _meaning(
        self, question: Question, sentences: Sequence[Sentence], cut: Sequence[Sequence[Span]]
    ) -> tuple[Vectors, Matches]:
        """How near in meaning each sentence comes to the question, and to each of its words.

        Shapes `(sentences,)` and `(sentences, words)`. Names are left out of the second: two
        districts are near in meaning and not the same.
        """
        columns = [i for i, word in enumerate(question.words) if not word.entity]
        asked = [question.words[i].text for i in columns]
        words = [
            [sentence.folded[start:end] for start, end in spans if end - start > 1]
            for sentence, spans in zip(sentences, cut, strict=True)
        ]
        others = dict.fromkeys(word for group in words for word in group if not is_stop(word))
        number = {word: i for i, word in enumerate(others)}
        # Of all at once: the call costs more than the words.
        vectors = self._vectors([*(s.meaning for s in sentences), *asked, *others])
        rows, columns_end = len(sentences), len(sentences) + len(asked)
        query = self._embedder.embed_query(question.text)
        similar: Vectors = np.clip(vectors[:rows] @ query, 0.0, 1.0)
        cosines = vectors[rows:columns_end] @ vectors[columns_end:].T
        close = np.zeros((rows, len(question.words)))
        for row, group in enumerate(words):
            inside = [number[word] for word in group if word in number]
            if inside and columns:
                close[row, columns] = cosines[:, inside].max(axis=1)
        return similar, np.where(close >= _SOFT_FROM, _SOFT * close, 0.0)

    def _vectors(self, words: Sequence[str]) -> Vectors:
        """Vectors of words and sentences, remembered: the same ones come again and again."""
        cache = self._cache
        missing = list(dict.fromkeys(word for word in words if word not in cache))
        if len(cache) + len(missing) > _CACHED_WORDS:
            # A new dictionary: another thread may still be reading the old one.
            cache, missing = {}, list(dict.fromkeys(words))
            self._cache = cache
        if missing:
            cache.update(zip(missing, self._embedder.embed_passages(missing), strict=True))
        return np.stack([cache[word] for word in words])

    def _assess(
        self,
        question: Question,
        sentence: Sentence,
        spans: Sequence[Span],
        covered: float,
        around: float,
        similarity: float,
    ) -> Evidence:
        cell, short = sentence.cell, None
        # Of several columns without the right one, any figure may be the wrong one.
        if cell is not None or sentence.folded.count(CELLS) < 2:
            short = best_span(question, sentence.folded, sentence.text, spans, self._places, cell)
        score = (
            _COVERED * covered
            + _AROUND * around
            + _SIMILAR * similarity
            + _typed_score(question, short)
            + (_ASKED_CELL if cell is not None else 0.0)
            + _RANK / sentence.hit.rank
        )
        if question.kind is Kind.REASON and _CAUSE.search(sentence.folded):
            score += _CAUSAL
        asks = sentence.folded.rstrip('”"* ').endswith("?")
        heads = cell is None and is_heading(sentence.text, sentence.hit.chunk)
        if asks or heads:
            score *= _SAYS_LITTLE
        elif CELLS in sentence.text and cell is None:
            # A row of several columns, none of them the place's, may well be another place's.
            several = sentence.text.count(CELLS) > 1 and question.places
            score *= _OTHER_COLUMN if several else _ROW_PENALTY
        return Evidence(
            hit=sentence.hit,
            start=sentence.start,
            end=sentence.end,
            folded=sentence.folded,
            covered=float(covered),
            around=float(around),
            similarity=float(similarity),
            score=float(score),
            short=short,
            cell=cell,
            head=sentence.head,
        )


def _typed_score(question: Question, short: ShortAnswer | None) -> float:
    if short is not None:
        return _TYPED * short.fit
    return -_TYPED / 2 if question.kind in TYPED else 0.0


def _first_reading(
    question: Question, hits: Sequence[Hit], alike: Alike
) -> tuple[list[Sentence], Matches, Matches]:
    """Each sentence once, with how far it has each word, alone and with what is around it."""
    words = [Pattern.of(word.text) for word in question.words]
    found = [(hit, list(sentences_of(hit))) for hit in hits]
    tables = [s.row for _, group in found for s in group if s.row]
    titles = fold_passage("\n".join(hit.document.title for hit in hits))
    cells = CellFinder(question, tables, titles, alike)
    sentences: list[Sentence] = []
    rows: list[list[float]] = []
    around: list[list[float]] = []
    seen: set[tuple[str, int]] = set()
    for hit, group in found:
        context = fold_passage(hit.chunk.context)
        framed = [_CONTEXT * word.match(context) for word in words]
        before: list[list[float]] = []
        for sentence in group:
            row = [word.match(sentence.folded) for word in words]
            if sentence.row is not None:
                cell = cells.find(sentence.row, context)
                sentence = replace(sentence, cell=cell)
                heading = cell.heading if cell else ""
                row = [max(r, _HEADING * w.match(heading)) for r, w in zip(row, words, strict=True)]
            place = (hit.document.id, sentence.end)
            empty = sentence.cell is not None and not sentence.cell.says
            if place not in seen and not empty:  # an empty cell says that nobody says it
                seen.add(place)
                sentences.append(sentence)
                rows.append(row)
                columns = zip(row, framed, *before[-_LOOK_BACK:], strict=True)
                around.append([max(column) for column in columns])
            before.append([_BEFORE * value for value in row])
    return sentences, np.array(rows), np.array(around)


__all__ = ["Evidence", "EvidenceFinder"]
