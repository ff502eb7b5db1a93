"""How far words and texts are alike, and which parts of a sentence belong to a figure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np

from rag.answering.matching import match
from rag.answering.names import stem
from rag.answering.numbers import Figure
from rag.answering.passages import Unit
from rag.answering.question import is_stop
from rag.protocols import Embedder, Vectors

# Cosines between a sentence and its translation, and between two that have nothing in common.
_SAME, _OTHER = 0.6, 0.1
# From which cosine on a word counts for another one, by which factor, and how much at most.
_SOFT_FROM, _SOFT, _SOFT_MOST = 0.35, 1.5, 0.8
_CACHED = 5000  # vectors
_PARTED = re.compile(r"[、和与及;]|,(?!\d{3})|\band\b")


class Closeness:
    """How near two texts are in meaning; needed where they are in different languages."""

    def __init__(self, embedder: Embedder | None) -> None:
        self._embedder = embedder
        self._cache: dict[str, Vectors] = {}

    def between(self, text: str, other: str) -> float:
        """From 0 to 1; 0 without a model."""
        if self._embedder is None:
            return 0.0
        return float(np.clip((self.cosine(text, other) - _OTHER) / (_SAME - _OTHER), 0.0, 1.0))

    def cosine(self, text: str, other: str) -> float:
        """Of their vectors; 0 without a model."""
        if self._embedder is None:
            return 0.0
        return float(self._vector(text) @ self._vector(other))

    def of_word(self, word: str, text: str) -> float:
        """What an English word counts in a text that has one of its meaning: talk, discuss."""
        best = max((self.cosine(word, other) for other in _stems(text)), default=0.0)
        return min(_SOFT_MOST, _SOFT * best) if best >= _SOFT_FROM else 0.0

    def _vector(self, text: str) -> Vectors:
        assert self._embedder is not None
        known = self._cache.get(text)
        if known is None:
            if len(self._cache) >= _CACHED:
                self._cache = {}  # a new one: another thread may be reading the old one
            known = self._cache[text] = self._embedder.embed_passages([text])[0]
        return known


@lru_cache(maxsize=4096)
def _stems(folded: str) -> tuple[str, ...]:
    words = re.findall(r"[a-z][a-z'’]+[a-z]", folded)
    return tuple(dict.fromkeys(stem(word) for word in words if not is_stop(word)))


def next_words(folded: str, at: int) -> list[str]:
    """The stems of the few words after a figure, function words left out."""
    words = re.findall(r"[a-z][a-z'’]*[a-z]", re.split(r"[,.;:]", folded[at:], maxsplit=1)[0])
    return [stem(word) for word in words if not is_stop(word)][:3]


def parts_of(unit: Unit, figure: Figure, claimed: Sequence[Figure]) -> tuple[str, list[str]]:
    """The part of a unit that a figure stands in, and the other parts that have figures.

    Commas and enumeration marks part them; parts whose figures are claimed too are left out.
    """
    text = unit.folded
    cuts = [0, *(m.start() for m in _PARTED.finditer(text)), len(text)]
    mine, rivals = "", []
    for start, end in pairwise(cuts):
        if start <= figure.start < end:
            mine = text[start:end]
            continue
        inside = [other for other in unit.figures if start <= other.start < end]
        if inside and not any(one.agrees(other) for one in claimed for other in inside):
            rivals.append(text[start:end])
    return mine, rivals


@lru_cache(maxsize=32_768)  # each word is looked for in the same sentences again and again
def has_in_part(word: str, folded: str) -> float:
    """As `match`; of two words that the vocabulary joins, each counts: 帮助企业."""
    found = match(word, folded)
    if found or len(word) < 4:
        return found
    return (match(word[:2], folded) + match(word[2:], folded)) / 2


def weight_of(word: str) -> float:
    """A longer Chinese word says more; a single character says little."""
    if word.isascii():
        return 1.0
    return 0.5 if len(word) == 1 else min(len(word), 4) / 2


__all__ = ["Closeness", "has_in_part", "next_words", "parts_of", "weight_of"]
