"""How far a text has a word: whole, as a place without its suffix, in part."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from rag.answering.entities import place_stem


@dataclass(frozen=True, slots=True)
class Pattern:
    """A folded word prepared for matching."""

    word: str
    stem: str
    pairs: tuple[str, ...]
    number: re.Pattern[str] | None  # 57 isn't in 574

    @classmethod
    def of(cls, word: str) -> Pattern:
        long = len(word) > 2 and not word.isascii()
        pairs = tuple(word[i : i + 2] for i in range(len(word) - 1)) if long else ()
        number = _number(word) if word[:1].isdigit() or word[-1:].isdigit() else None
        return cls(word, place_stem(word), pairs, number)

    def match(self, text: str) -> float:
        if self.word in text and (not self.number or self.number.search(text)):
            return 1.0
        if self.stem != self.word and self.stem in text:
            return 0.95
        if not self.pairs:
            english = self.word.isascii() and len(self.word) > 3
            return 0.9 if english and self.word.rstrip("s") in text else 0.0
        share = sum(pair in text for pair in self.pairs) / len(self.pairs)
        return (0.8 if len(self.word) > 3 else 0.6) * share if share >= 0.5 else 0.0


@lru_cache(maxsize=1024)
def _number(word: str) -> re.Pattern[str]:
    left = r"(?<!\d)(?<!\d\.)" if word[0].isdigit() else ""
    right = r"(?!\.?\d)" if word[-1].isdigit() else ""
    return re.compile(left + re.escape(word) + right)


def match(word: str, text: str) -> float:
    """How far `text` has `word`, from 0 to 1; both folded.

    A place counts without its suffix too; a longer Chinese word in part, by its bigrams; an
    English word without its plural.
    """
    return _pattern(word).match(text)


@lru_cache(maxsize=8192)
def _pattern(word: str) -> Pattern:
    return Pattern.of(word)


__all__ = ["Pattern", "match"]
