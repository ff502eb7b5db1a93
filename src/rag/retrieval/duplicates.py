"""Reprints: passages of different articles that say the same in the same words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import accumulate, combinations

import numpy as np

from rag.text import fold_passage

_SIMILARITY = 0.8
_COMPARABLE = 0.6  # share of the longer one that the shorter must have
_PROBES = 8
_PROBE = 8  # characters
_FACTOR = 0x9E3779B1
_TABLE_BITS = 18
_NOT_WORDS = re.compile(r"\W+")
_FIGURE = re.compile(r"(?<!\d)\d+")
_BEFORE = 3  # characters that tell which figure it is


def shingles(text: str) -> frozenset[str]:
    """The character trigrams of the folded text without white space and punctuation."""
    bare = _bare(text)
    return frozenset([bare[i : i + 3] for i in range(max(1, len(bare) - 2))])


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
    firsts = list(range(len(texts)))
    for j, i in sharing(texts):
        if firsts[j] != j or firsts[i] != i or (owners and owners[i] == owners[j]):
            continue
        if not worth_comparing(texts[i], texts[j]):
            continue
        for k in {i, j} - cut.keys():
            cut[k] = shingles(texts[k])
        if _same(cut[i], cut[j]) and not _figures_differ(texts[i], texts[j]):
            firsts[j] = i
    return firsts


def sharing(texts: Sequence[str]) -> list[tuple[int, int]]:
    """The pairs `(j, i)`, i < j, in order, that have a piece in common, and maybe some more.

    A glance at all texts at once, where `worth_comparing` would be called for every two: pieces
    by their hash (a polynomial), first looked up in a table of which few places are taken.
    """
    if min(map(len, texts), default=0) < _PROBE:
        return [(j, i) for j in range(len(texts)) for i in range(j)]
    hashes = np.frombuffer("\n".join(texts).encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    for width in (1, 2, 4):  # of one character, two, four, eight
        hashes = hashes[:-width] * np.uint32(pow(_FACTOR, width, 1 << 32)) + hashes[width:]
    starts = list(accumulate((len(text) + 1 for text in texts[:-1]), initial=0))
    probed = [start + at for start, text in zip(starts, texts, strict=True) for at in _probes(text)]
    slots = hashes >> np.uint32(32 - _TABLE_BITS)
    table = np.zeros(1 << _TABLE_BITS, dtype=bool)
    table[slots[probed]] = True
    places = np.flatnonzero(table[slots])
    _, which, counts = np.unique(hashes[places], return_inverse=True, return_counts=True)
    again = counts[which] > 1
    having = np.searchsorted(starts, places[again], side="right") - 1
    holders: dict[int, set[int]] = {}
    for piece, text in zip(which[again].tolist(), having.tolist(), strict=True):
        holders.setdefault(piece, set()).add(text)
    some = (sorted(texts_with_it, reverse=True) for texts_with_it in holders.values())
    return sorted({pair for those in some for pair in combinations(those, 2)})


def _probes(text: str) -> range:
    """Where in a text the pieces begin that are looked for in another."""
    return range(0, max(1, len(text) - _PROBE + 1), max(1, len(text) // _PROBES))


def worth_comparing(a: str, b: str) -> bool:
    """Whether a third of a few pieces of one text stand in the other: cheap, and true of reprints.

    Of 8 characters a piece outlives changes that leave 0.8 of the trigrams with a probability of
    0.55. Neighbouring passages of one article share less.
    """
    short, long = (a, b) if len(a) < len(b) else (b, a)
    if len(short) < _COMPARABLE * len(long):
        return False
    probes = _probes(short)
    common = sum(short[at : at + _PROBE] in long for at in probes)
    return common >= max(1, len(probes) // 3)


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
