"""Which sentence of the hits answers a question, and which span in it is the short answer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from rag.answering.kinds import TYPED, Kind
from rag.answering.question import Question, Segmenter, Word, is_stop, place_stem
from rag.answering.shortanswer import ShortAnswer, best_span
from rag.protocols import Embedder, Vectors
from rag.text import fold, sentence_spans
from rag.types import Hit

# Weights of the parts of a sentence's score; set by hand on questions of our own (see
# tests/data), a later model learns them.
_SENTENCE = 0.5
_AROUND = 0.3
_SIMILAR = 0.25
_TYPED = 0.2
_RANK = 0.06
_QUESTION_PENALTY = 0.35
_ROW_PENALTY = 0.9
_MAX_SENTENCES = 120
_CAUSAL = 0.15
_CAUSE = re.compile(
    "因为|由于|得益于|依托|凭借|原因|理由|源于|缘于|有赖于|because|due to|thanks to|reason"
)
# How many sentences are read again with the meaning of words, not their letters alone.
_REREAD = 16
_SOFT = 0.8
_SOFT_FROM = 0.45
_CACHED_WORDS = 50_000


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
    before: str  # folded: what the chunk says before, nearest sentences only
    context: str  # folded: title and heading


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
        """The sentences of `hits`, best first; none for a question without content words."""
        if not question.words:
            return []
        sentences = list(_sentences(hits))[:_MAX_SENTENCES]
        if not sentences:
            return []
        asked = self._embedder.embed_query(question.text)
        vectors = self._embedder.embed_passages([sentence.text for sentence in sentences])
        similarities = np.clip(vectors @ asked, 0.0, 1.0)
        found = [
            self._assess(question, sentence, float(similarity), {})
            for sentence, similarity in zip(sentences, similarities, strict=True)
        ]
        order = sorted(range(len(found)), key=lambda i: -found[i].score)
        related = self._related(question, [sentences[i] for i in order[:_REREAD]])
        reread = [
            self._assess(question, sentences[i], float(similarities[i]), close)
            for i, close in zip(order, related, strict=False)
        ]
        rest = [found[i] for i in order[_REREAD:]]
        return sorted(reread + rest, key=lambda evidence: -evidence.score)

    def _related(
        self, question: Question, sentences: Sequence[_Sentence]
    ) -> list[dict[str, float]]:
        """For each sentence: how near each of the question's words comes to one of its words.

        Names are left out: two districts are near in meaning and not the same.
        """
        asked = [word.text for word in question.words if not word.entity]
        cut = [self._words(sentence.folded) for sentence in sentences]
        vocabulary = list(dict.fromkeys([*asked, *(word for words in cut for word in words)]))
        if not asked or not vocabulary:
            return [{} for _ in sentences]
        vectors = self._vectors(vocabulary)
        row = {word: i for i, word in enumerate(vocabulary)}
        similar = vectors[: len(asked)] @ vectors.T
        return [
            {
                word: float(similar[i, [row[other] for other in words]].max()) if words else 0.0
                for i, word in enumerate(asked)
            }
            for words in cut
        ]

    def _words(self, folded: str) -> list[str]:
        words = [folded[start:end] for start, end in self._segment(folded)]
        return [word for word in words if len(word) > 1 and not is_stop(word)]

    def _vectors(self, words: Sequence[str]) -> Vectors:
        """Vectors of single words, remembered: the same ones come again and again."""
        cache = self._cache
        missing = [word for word in words if word not in cache]
        if missing:
            if len(cache) + len(missing) > _CACHED_WORDS:
                cache = self._cache = {}
                missing = list(words)
            cache.update(zip(missing, self._embedder.embed_passages(missing), strict=True))
        return np.stack([cache[word] for word in words])

    def _assess(
        self,
        question: Question,
        sentence: _Sentence,
        similarity: float,
        close: Mapping[str, float],
    ) -> Evidence:
        here = (sentence.folded, 1.0)
        around = [here, (sentence.before, 0.8), (sentence.context, 0.9)]
        covered = coverage(question.words, [here], close)
        surrounded = coverage(question.words, around, close)
        short = best_span(question, sentence.folded, sentence.text, self._segment, self._places)
        score = (
            _SENTENCE * covered
            + _AROUND * surrounded
            + _SIMILAR * similarity
            + _typed_score(question, short)
            + _RANK / sentence.hit.rank
        )
        if question.kind is Kind.REASON and _CAUSE.search(sentence.folded):
            score += _CAUSAL
        if sentence.folded.rstrip('”"* ').endswith("?") or _is_heading(sentence):
            score *= _QUESTION_PENALTY
        elif " | " in sentence.text:
            score *= _ROW_PENALTY  # a row without its header says less than a sentence
        return Evidence(
            hit=sentence.hit,
            start=sentence.start,
            end=sentence.end,
            folded=sentence.folded,
            covered=covered,
            around=surrounded,
            similarity=similarity,
            score=score,
            short=short,
        )


def _typed_score(question: Question, short: ShortAnswer | None) -> float:
    if short is not None:
        return _TYPED * short.fit
    return -_TYPED / 2 if question.kind in TYPED else 0.0


def match(word: str, text: str) -> float:
    """How far `text` has `word`, from 0 to 1; both folded.

    A place counts without its suffix too; a longer Chinese word in part, by its bigrams.
    """
    if word in text:
        return 1.0
    stem = place_stem(word)
    if stem != word and stem in text:
        return 0.95
    if word.isascii():
        return 0.9 if len(word) > 3 and word.rstrip("s") in text else 0.0
    if len(word) < 3:
        return 0.0
    pairs = [word[i : i + 2] for i in range(len(word) - 1)]
    share = sum(pair in text for pair in pairs) / len(pairs)
    return (0.8 if len(word) > 3 else 0.6) * share if share >= 0.5 else 0.0


def coverage(
    words: Sequence[Word],
    scopes: Sequence[tuple[str, float]],
    close: Mapping[str, float] = MappingProxyType({}),
) -> float:
    """Share of the words' weight found in the scopes, each `(text, discount)`; the best counts.

    `close` gives a word's similarity to the nearest word of the sentence: a word that isn't there
    counts in part where another of its meaning is.
    """
    total = sum(word.weight for word in words)
    found = 0.0
    for word in words:
        literal = max(discount * match(word.text, text) for text, discount in scopes)
        near = close.get(word.text, 0.0)
        found += word.weight * max(literal, _SOFT * near if near >= _SOFT_FROM else 0.0)
    return found / total if total else 0.0


def _sentences(hits: Sequence[Hit]) -> Iterator[_Sentence]:
    seen: set[tuple[str, int]] = set()
    for hit in hits:
        context = fold(hit.chunk.context)
        before = ""
        for start, end in sentence_spans(hit.chunk.text):
            text = hit.chunk.text[start:end]
            folded = fold(text)
            place = (hit.document.id, hit.chunk.start + end)
            if place not in seen:
                seen.add(place)
                yield _Sentence(
                    hit, hit.chunk.start + start, hit.chunk.start + end, text, folded,
                    before, context,
                )  # fmt: skip
            before = (before + folded)[-160:]


def _is_heading(sentence: _Sentence) -> bool:
    return sentence.folded in sentence.context.split("\n")


__all__ = ["Evidence", "EvidenceFinder", "coverage", "match"]
