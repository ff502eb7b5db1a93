"""A question and a text as the words that the bundled reader reads, with some numbers for each.

The numbers say how a word matches the other side, what patterns know about it (figures, dates,
names ...), and where it stands. The network was trained on exactly these: what changes here, or
in `spans`, `kinds` and `runs`, makes the reader worse until it is trained again.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from rag.answering.kinds import Kind, kind_of
from rag.answering.question import Segmenter
from rag.answering.runs import LEVELS, match_levels
from rag.answering.spans import candidates
from rag.text import Span, sentence_spans

FEATURES = 33
RAREST = 11.0  # of a word in no article of the sample
_TYPES = (
    Kind.QUANTITY, Kind.DATE, Kind.PERSON, Kind.PLACE, Kind.ORGANISATION, Kind.NAME, Kind.LIST,
)  # fmt: skip
# Whole lists and quotations are no words; their ends cut none.
_UNCUT = frozenset({Kind.LIST, Kind.NAME})
_LEVEL_WEIGHT = np.array([0.0, 0.15, 1.0, 1.3, 1.5])
_SIGNS = re.compile(r"\d+(?:[.,]\d+)*|[a-z]+|[\u4e00-\u9fff]+|\s+|.", re.S)
_HAN = re.compile("[\u4e00-\u9fff]+")
_ASKED = re.compile(
    "为什么|为何|什么时候|什么|哪一?[个些年里家位种国座项部次条所名支]?|谁|多少|几|何时|何地|何|怎样|怎么样?|如何|多[大久长高远]"
)

Numbers = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Described:
    """The words of a question, then those of a text; `spans` are the latter's places in it."""

    words: list[str]
    asked: int
    spans: list[Span]
    features: Numbers
    kind: Kind


def describe(
    question: str, text: str, segment: Segmenter, rarity: Mapping[str, float]
) -> Described:
    """Both folded. `features` has shape `(words, FEATURES)`."""
    kind = kind_of(question, "zh")
    known = {each: list(candidates(each, text, text)) for each in _TYPES}
    if kind not in known:
        known[kind] = list(candidates(kind, text, text))
    cuts = {
        edge
        for each, spans in known.items()
        if each not in _UNCUT or each is kind
        for span in spans
        for edge in span
    }
    asked, spans = cut_words(question, segment), cut_words(text, segment, cuts)
    words = [question[a:b] for a, b in asked] + [text[a:b] for a, b in spans]
    features = np.zeros((len(words), FEATURES), np.float32)
    count = len(asked)
    _matches(features[:count], asked, match_levels(question, text))
    _matches(features[count:], spans, match_levels(text, question))
    _shapes(features, words, count, rarity)
    _question_word(features[:count], question, asked)
    _places(features[count:], question, text, spans)
    _types(features[count:], len(text), spans, known, kind)
    return Described(words, count, spans, features, kind)


def cut_words(text: str, segment: Segmenter, cuts: Collection[int] = ()) -> list[Span]:
    """Words, cut further where the kind of sign changes and at `cuts`; none of white space."""
    found: list[Span] = []
    ordered = sorted(cuts)
    for start, end in segment(text):
        edges = {start, end, *ordered[bisect_right(ordered, start) : bisect_left(ordered, end)]}
        if _HAN.fullmatch(text, start, end) is None:
            for match in _SIGNS.finditer(text, start, end):
                edges.update(match.span())
        places = sorted(edges)
        found += [(a, b) for a, b in pairwise(places) if text[a:b].strip()]
    return found


def _matches(features: Numbers, spans: Sequence[Span], levels: Sequence[int]) -> None:
    most = LEVELS - 1
    for row, (a, b) in zip(features, spans, strict=True):
        own = levels[a:b]
        row[:4] = max(own) / most, sum(own) / len(own) / most, own[0] / most, own[-1] / most


def _shapes(
    features: Numbers, words: Sequence[str], count: int, rarity: Mapping[str, float]
) -> None:
    asked, told = set(words[:count]), set(words[count:])
    for i, (row, word) in enumerate(zip(features, words, strict=True)):
        rare = rarity.get(word, RAREST) / RAREST
        shared = word in (told if i < count else asked)
        row[4:12] = (
            rare, shared, shared * rare, word.isdigit(), word.isascii() and word.isalpha(),
            not any(c.isalnum() for c in word), len(word) == 1, min(len(word), 8) / 4,
        )  # fmt: skip


def _question_word(features: Numbers, question: str, spans: Sequence[Span]) -> None:
    match = _ASKED.search(question)
    if match is None:
        return
    first, last = match.span()
    for row, (a, b) in zip(features, spans, strict=True):
        row[12:15] = a < last and b > first, 0 <= first - b < 3, 0 <= a - last < 3


def _places(features: Numbers, question: str, text: str, spans: Sequence[Span]) -> None:
    """How the sentence matches, and whether what stands beside the question word stands here."""
    weight = _LEVEL_WEIGHT[np.array(match_levels(text, question), dtype=int)] if text else []
    total = np.concatenate(([0.0], np.cumsum(weight)))
    share, number = np.zeros(len(text) + 1), np.zeros(len(text) + 1, int)
    for i, (a, b) in enumerate(sentence_spans(text)):
        share[a:b], number[a:b] = (total[b] - total[a]) / (1 + len(question)), i
    match = _ASKED.search(question)
    before = question[: match.start()] if match else ""
    after = question[match.end() :].rstrip("?") if match else ""
    for row, (a, b) in zip(features, spans, strict=True):
        row[15:17] = share[a], number[a] == 0
        row[27:31] = (
            bool(before[-1:]) and text[max(0, a - 1) : a] == before[-1:],
            len(before) > 1 and text[max(0, a - 2) : a] == before[-2:],
            bool(after[:1]) and after[:1] in text[max(a, b - 3) : b + 1],
            len(after) > 1 and after[:2] in text[max(a, b - 3) : b + 2],
        )


def _types(
    features: Numbers,
    length: int,
    spans: Sequence[Span],
    known: Mapping[Kind, Sequence[Span]],
    kind: Kind,
) -> None:
    """Whether a word is inside, begins or ends what a pattern knows."""
    marks = {each: np.zeros((3, length + 1), np.float32) for each in {*known, kind}}
    for each, found in known.items():
        for a, b in found:
            marks[each][0, a:b] = marks[each][1, a] = marks[each][2, b] = 1
    start = np.array([a for a, _ in spans], dtype=int)
    end = np.array([b for _, b in spans], dtype=int)
    own, every = marks[kind], np.stack([marks[each] for each in _TYPES])
    features[:, 17:20] = np.stack([own[0, start], own[1, start], own[2, end]], axis=1)
    features[:, 20:27] = every[:, 0, start].T
    features[:, 31] = every[:, 1, start].max(0)
    features[:, 32] = every[:, 2, end].max(0)


__all__ = ["FEATURES", "RAREST", "Described", "cut_words", "describe"]
