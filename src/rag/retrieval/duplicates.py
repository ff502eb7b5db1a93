"""Reprints: passages of different articles that say the same in the same words."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag.text import fold_passage

_SIMILARITY = 0.8
_COMPARABLE = 0.6  # share of the longer one that the shorter must have
_PROBES = 8
_PROBE = 8  # characters
_NOT_WORDS = re.compile(r"\W+")
_FIGURE = re.compile(r"(?<!\d)\d+")
_BEFORE = 3  # characters that tell which figure it is


def shingles(text: str) -> frozenset[str]:
    """The character trigrams of the folded text without white space and punctuation."""
    bare = _bare(text)
    return frozenset(bare[i : i + 3] for i in range(max(1, len(bare) - 2)))


def _bare(text: str) -> str:
    return _NOT_WORDS.sub("", fold_passage(text))


def containment(a: frozenset[str], b: frozenset[str]) -> float:
    """Share of the smaller set that the larger one has too.

    Broder, "On the resemblance and containment of documents", 1997.
    """
    return len(a & b) / max(1, min(len(a), len(b)))


def first_of_each(texts: Sequence[str], owners: Sequence[str] = ()) -> list[int]:
    """For each text the position of the first one that it repeats; its own where it is new.

    Texts of one owner (neighbouring passages of one article overlap) aren't compared.
    """
    cut: dict[int, frozenset[str]] = {}
    firsts: list[int] = []
    for j, own in enumerate(texts):
        first = j
        for i in dict.fromkeys(firsts):
            if (owners and owners[i] == owners[j]) or not _worth_comparing(texts[i], own):
                continue
            for k in {i, j} - cut.keys():
                cut[k] = shingles(texts[k])
            if _same(cut[i], cut[j]) and not _figures_differ(texts[i], own):
                first = i
                break
        firsts.append(first)
    return firsts


def _worth_comparing(a: str, b: str) -> bool:
    """Whether any of a few pieces of one text stands in the other: cheap, and true of reprints."""
    short, long = (a, b) if len(a) < len(b) else (b, a)
    if len(short) < _COMPARABLE * len(long):
        return False
    step = max(1, len(short) // _PROBES)
    ends = range(0, max(1, len(short) - _PROBE + 1), step)
    return any(short[at : at + _PROBE] in long for at in ends)


def _same(a: frozenset[str], b: frozenset[str]) -> bool:
    # A short passage inside a long one is no reprint of it: lengths must be comparable.
    if min(len(a), len(b)) < _COMPARABLE * max(len(a), len(b)):
        return False
    return containment(a, b) >= _SIMILARITY


def _figures_differ(a: str, b: str) -> bool:
    """Whether the same words stand before another number: notices cut from one template."""
    here, there = _figures(a), _figures(b)
    return any(here[before].isdisjoint(there[before]) for before in here.keys() & there.keys())


def _figures(text: str) -> dict[str, set[str]]:
    bare = _bare(text)
    figures: dict[str, set[str]] = {}
    for match in _FIGURE.finditer(bare):
        if match.start() >= _BEFORE:
            before = bare[match.start() - _BEFORE : match.start()]
            figures.setdefault(before, set()).add(match.group())
    return figures
