"""English words of a question as weighted Chinese terms, so that words are found word by word."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

from rag.text import fold, is_cjk

# A term and how good a translation it is: 1 for the best one of its word.
Translations = Sequence[tuple[str, float]]

_WORD = re.compile(r"[a-z]+|\d+")
_STOP = frozenset(
    "a an the of in on at to for from by with and or is are was were be been being do does did has "
    "have had how many much what which who whom whose when where why it its this that these those "
    "there their they he she you we i me my your our us his her him them as into about than then "
    "so if not no please tell can could would will s t etc sth sb one oneself someone "
    "something".split()
)
_SUFFIXES = (
    ("ies", "y"),
    ("ying", "y"),
    ("ied", "y"),
    ("sses", "ss"),
    ("ing", ""),
    ("ed", ""),
    ("es", ""),
    ("s", ""),
)
_SHORTEST = 3


def english_words(text: str) -> list[str]:
    """The stems of the words and the numbers of English text, without function words, in order."""
    plain = unicodedata.normalize("NFD", fold(text))
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    return [stem(word) for word in _WORD.findall(plain) if word not in _STOP]


def stem(word: str) -> str:
    """What inflected forms of a word have in common: king for kings, defeat for defeated."""
    for suffix, instead in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= _SHORTEST:
            if not word.endswith("ss"):
                word = word.removesuffix(suffix) + instead
            break
    if len(word) > _SHORTEST and word[-1] == word[-2] and word[-1] not in "ls":
        word = word[:-1]  # stopped, stop
    if len(word) > _SHORTEST and word[-1] in "ey":
        word = word[:-1] + ("i" if word[-1] == "y" else "")
    return word


class Lexicon:
    """A file of lines `stem TAB term weight term weight ...`, opened at the first question."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @cached_property
    def _lines(self) -> Mapping[str, str]:
        lines = self._path.read_text("utf-8").splitlines()
        return {stem: terms for stem, _, terms in (line.partition("\t") for line in lines)}

    def translate(self, question: str) -> list[Translations]:
        """For each word of an English question its Chinese terms, best first.

        A word that the lexicon lacks stands for itself. Empty when the question isn't English or
        the lexicon knows none of its words.
        """
        if is_cjk(question):
            return []
        words = list(dict.fromkeys(english_words(question)))
        if not any(word in self._lines for word in words):
            return []
        return [self._terms(word) for word in words]

    def _terms(self, word: str) -> Translations:
        fields = self._lines.get(word, f"{word} 1").split(" ")
        return [
            (term, float(weight)) for term, weight in zip(fields[::2], fields[1::2], strict=True)
        ]


def weighed(words: Sequence[Translations], rarities: Mapping[str, float]) -> list[Translations]:
    """The terms of each word with weight times rarity, highest first."""
    return [
        sorted(
            ((term, weight * rarities[term]) for term, weight in terms), key=lambda item: -item[1]
        )
        for terms in words
    ]


def word_score(text: str, words: Sequence[Translations]) -> float:
    """Sum over `weighed` words of the best of their terms that stand in the text.

    Each word counts once, so that a word of many translations weighs no more than another
    (Pirkola, "The effects of query structure and dictionary setups in dictionary-based
    cross-language information retrieval", SIGIR 1998).
    """
    return sum(next((score for term, score in terms if term in text), 0.0) for terms in words)
