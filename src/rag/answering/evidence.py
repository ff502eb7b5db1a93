"""Which sentence of the hits answers a question, and which span in it is the short answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from rag.answering.kinds import TYPED
from rag.answering.question import Question, Word, place_stem
from rag.answering.shortanswer import ShortAnswer, best_span
from rag.protocols import Embedder
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
_MAX_SENTENCES = 120


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
    typed: bool
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

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

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
            _assess(question, sentence, float(similarity))
            for sentence, similarity in zip(sentences, similarities, strict=True)
        ]
        return sorted(found, key=lambda evidence: -evidence.score)


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
    return 0.9 * share if share >= 0.5 else 0.0


def coverage(words: Sequence[Word], scopes: Sequence[tuple[str, float]]) -> float:
    """Share of the words' weight found in the scopes, each `(text, discount)`; the best counts."""
    total = sum(word.weight for word in words)
    found = sum(
        word.weight * max(discount * match(word.text, text) for text, discount in scopes)
        for word in words
    )
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


def _assess(question: Question, sentence: _Sentence, similarity: float) -> Evidence:
    covered = coverage(question.words, [(sentence.folded, 1.0)])
    around = coverage(
        question.words,
        [(sentence.folded, 1.0), (sentence.before, 0.8), (sentence.context, 0.9)],
    )
    short = best_span(question, sentence.folded, sentence.text)
    typed = short is not None and question.kind in TYPED
    score = (
        _SENTENCE * covered
        + _AROUND * around
        + _SIMILAR * similarity
        + (_TYPED * short.fit if short else 0.0)
        + _RANK / sentence.hit.rank
    )
    if sentence.folded.rstrip('”"* ').endswith("?") or _is_heading(sentence):
        score *= _QUESTION_PENALTY
    return Evidence(
        hit=sentence.hit,
        start=sentence.start,
        end=sentence.end,
        folded=sentence.folded,
        covered=covered,
        around=around,
        similarity=similarity,
        score=score,
        typed=typed,
        short=short,
    )


def _is_heading(sentence: _Sentence) -> bool:
    return sentence.folded in sentence.context.split("\n")


__all__ = ["Evidence", "EvidenceFinder", "coverage", "match"]
