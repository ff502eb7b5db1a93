"""Which sentence of the hits answers a question, and which span in it is the short answer.

Two readings: every sentence by the letters of the question's words, then the best few again by
meaning (vectors of sentences and words) and by the span they offer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rag.answering.entities import place_stem
from rag.answering.kinds import TYPED, Kind
from rag.answering.question import Question, Segmenter, is_stop
from rag.answering.shortanswer import ShortAnswer, best_span
from rag.protocols import Embedder, Vectors
from rag.text import Span, fold, fold_passage, sentence_spans
from rag.types import Chunk, Hit

# Weights of the parts of a sentence's score; set by hand on questions of our own (see
# tests/data and eval/gold), for a later model to learn.
_COVERED = 0.5
_AROUND = 0.3
_SIMILAR = 0.25
_TYPED = 0.2
_RANK = 0.06
_CAUSAL = 0.15
_SAYS_LITTLE = 0.35
_ROW_PENALTY = 0.9  # a table's row without its header says less than a sentence
_OTHER_COLUMN = 0.5
_CELLS = " | "  # what loaders put between the cells of a row
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
    the question's weight found in the sentence and in it with what stands around it.
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

    @property
    def text(self) -> str:
        """The sentence, verbatim."""
        offset = self.hit.chunk.start
        return self.hit.chunk.text[self.start - offset : self.end - offset]


@dataclass(frozen=True, slots=True)
class _Sentence:
    hit: Hit
    start: int
    end: int
    text: str
    folded: str
    header: tuple[str, ...] = ()  # the cells of the table's first row, for a row of a table


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
        sentences, literal, around = _first_reading(question, hits)
        if not sentences:
            return []
        weights = np.array([word.weight for word in question.words])
        ranks = np.array([sentence.hit.rank for sentence in sentences])
        first = (_COVERED * literal + _AROUND * around) @ weights / weights.sum() + _RANK / ranks
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

    def _meaning(
        self, question: Question, sentences: Sequence[_Sentence], cut: Sequence[Sequence[Span]]
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
        vectors = self._vectors([*(s.text for s in sentences), *asked, *others])
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
        sentence: _Sentence,
        spans: Sequence[Span],
        covered: float,
        around: float,
        similarity: float,
    ) -> Evidence:
        within = _column(question, sentence)
        short = best_span(question, sentence.folded, sentence.text, spans, self._places, within)
        score = (
            _COVERED * covered
            + _AROUND * around
            + _SIMILAR * similarity
            + _typed_score(question, short)
            + _RANK / sentence.hit.rank
        )
        if question.kind is Kind.REASON and _CAUSE.search(sentence.folded):
            score += _CAUSAL
        asks = sentence.folded.rstrip('”"* ').endswith("?")
        if asks or is_heading(sentence.text, sentence.hit.chunk):
            score *= _SAYS_LITTLE
        elif _CELLS in sentence.text:
            # A row of several columns, none of them the place's, may well be another place's.
            several = sentence.text.count(_CELLS) > 1 and question.places and within is None
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
        )


def _typed_score(question: Question, short: ShortAnswer | None) -> float:
    if short is not None:
        return _TYPED * short.fit
    return -_TYPED / 2 if question.kind in TYPED else 0.0


def _first_reading(
    question: Question, hits: Sequence[Hit]
) -> tuple[list[_Sentence], Matches, Matches]:
    """Each sentence once, with how far it has each word, alone and with what is around it."""
    words = [_Pattern.of(word.text) for word in question.words]
    sentences: list[_Sentence] = []
    rows: list[list[float]] = []
    around: list[list[float]] = []
    seen: set[tuple[str, int]] = set()
    for hit in hits:
        context = fold_passage(hit.chunk.context)
        framed = [_CONTEXT * word.match(context) for word in words]
        before: list[list[float]] = []
        for sentence in _sentences(hit):
            row = [word.match(sentence.folded) for word in words]
            place = (hit.document.id, sentence.end)
            if place not in seen:
                seen.add(place)
                sentences.append(sentence)
                rows.append(row)
                columns = zip(row, framed, *before[-_LOOK_BACK:], strict=True)
                around.append([max(column) for column in columns])
            before.append([_BEFORE * value for value in row])
    return sentences, np.array(rows), np.array(around)


def _sentences(hit: Hit) -> Iterator[_Sentence]:
    text = hit.chunk.text
    folded = fold_passage(text)
    aligned = len(folded) == len(text)  # folding a chunk at once is cheaper, where it keeps offsets
    header: tuple[str, ...] = ()
    for start, end in sentence_spans(text):
        piece = text[start:end]
        own = folded[start:end] if aligned else fold(piece)
        in_table = _CELLS in piece
        yield _Sentence(
            hit=hit,
            start=hit.chunk.start + start,
            end=hit.chunk.start + end,
            text=piece,
            folded=own,
            header=header if in_table else (),
        )
        header = (header or tuple(own.split(_CELLS))) if in_table else ()


def _column(question: Question, sentence: _Sentence) -> Span | None:
    """The span of the cell under the header that names the question's place; None without one."""
    stems = [place_stem(place) for place in question.places]
    cells = sentence.folded.split(_CELLS)
    for i, name in enumerate(sentence.header[: len(cells)]):
        if i and any(stem in name for stem in stems):
            start = sum(len(cell) + len(_CELLS) for cell in cells[:i])
            return start, start + len(cells[i])
    return None


@dataclass(frozen=True, slots=True)
class _Pattern:
    """A folded word prepared for matching."""

    word: str
    stem: str
    pairs: tuple[str, ...]

    @classmethod
    def of(cls, word: str) -> _Pattern:
        long = len(word) > 2 and not word.isascii()
        pairs = tuple(word[i : i + 2] for i in range(len(word) - 1)) if long else ()
        return cls(word, place_stem(word), pairs)

    def match(self, text: str) -> float:
        if self.word in text:
            return 1.0
        if self.stem != self.word and self.stem in text:
            return 0.95
        if not self.pairs:
            english = self.word.isascii() and len(self.word) > 3
            return 0.9 if english and self.word.rstrip("s") in text else 0.0
        share = sum(pair in text for pair in self.pairs) / len(self.pairs)
        return (0.8 if len(self.word) > 3 else 0.6) * share if share >= 0.5 else 0.0


def match(word: str, text: str) -> float:
    """How far `text` has `word`, from 0 to 1; both folded.

    A place counts without its suffix too; a longer Chinese word in part, by its bigrams; an
    English word without its plural.
    """
    return _Pattern.of(word).match(text)


def is_heading(text: str, chunk: Chunk) -> bool:
    """Whether a sentence of a chunk is its title or a heading: it names things and says nothing."""
    return text in chunk.context.split("\n")


__all__ = ["Evidence", "EvidenceFinder", "is_heading", "match"]
