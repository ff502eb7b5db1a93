"""BM25 as tantivy counts it (k1 1.2, b 0.75), for stores whose engine counts otherwise.

tantivy keeps the length of a passage in one byte: lengths above 40 are rounded down to the next of
256 steps, as in Lucene's `SmallFloat`. Scores and order are then the same in both stores.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence

from rag.text import idf

K1 = 1.2
B = 0.75
_EXACT = 24


def _step(code: int) -> int:
    """The length that a byte stands for."""
    if code < _EXACT:
        return code
    rest = code - _EXACT
    shift = (rest >> 3) - 1
    return _EXACT + (rest & 7 if shift < 0 else (rest & 7 | 8) << shift)


_STEPS = [_step(code) for code in range(256)]


def rounded(length: int) -> int:
    """The greatest step that isn't above `length`."""
    return _STEPS[bisect_right(_STEPS, length) - 1]


def weights(frequencies: Mapping[str, int], passages: int) -> dict[str, float]:
    """The weight of each term that stands somewhere; `frequencies` count passages."""
    return {term: (1 + K1) * idf(count, passages) for term, count in frequencies.items() if count}


def score(passage: Sequence[str], weight: Mapping[str, float], average: float) -> float:
    """The score of a passage, given as all its terms; `average` is the mean number of terms."""
    norm = K1 * (1 - B + B * rounded(len(passage)) / average)
    counts = Counter(term for term in passage if term in weight)
    return sum(weight[term] * count / (count + norm) for term, count in counts.items())
