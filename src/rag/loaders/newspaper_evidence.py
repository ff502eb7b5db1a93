"""What the words and the line widths of a page tell; pure formulas."""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence

Words = Counter[str]


def words_of(texts: Iterable[str]) -> Counter[str]:
    """Pairs of neighbouring Chinese characters, which serve as words."""
    counts: Counter[str] = Counter()
    for text in texts:
        for run in re.findall("[\u3400-\u9fff]+", text):
            counts.update(map("".join, itertools.pairwise(run)))
    return counts


def likeness(part: Words, article: Words, sections: Sequence[Words]) -> float:
    """The cosine of their words, weighted by tf-idf over the sections of the page.

    Words that occur once in a section say nothing about it.
    """
    spread = Counter(word for section in sections for word in section)
    vectors = [
        {
            word: math.log(count) * math.log((len(sections) + 1) / spread[word])
            for word, count in each.items()
            if count > 1
        }
        for each in (part, article)
    ]
    left, right = vectors
    norm = math.hypot(*left.values()) * math.hypot(*right.values())
    shared = left.keys() & right.keys()
    return sum(left[word] * right[word] for word in shared) / norm if norm else 0.0


def evidence(words: Words, ours: Words, theirs: Words) -> float:
    """The logarithm of how much likelier `words` are under `ours` than under `theirs`.

    Multinomial naive Bayes with add-a-half smoothing.
    """
    size = len(ours.keys() | theirs.keys()) / 2 or 1.0
    our_total, their_total = ours.total() + size, theirs.total() + size
    return sum(
        math.log((ours[word] + 0.5) / our_total) - math.log((theirs[word] + 0.5) / their_total)
        for word in words
    )


def steps_of(groups: Sequence[Sequence[float]], *, price: float) -> list[int]:
    """Before which groups the mean of the numbers changes for good.

    The cut into segments with the least sum of squared deviations, each segment costing
    `price` more (optimal partitioning by dynamic programming; Jackson et al., 2005).
    """
    sums = [(0.0, 0.0, 0)]
    for group in groups:
        total, squares, count = sums[-1]
        sums.append((total + sum(group), squares + sum(x * x for x in group), count + len(group)))
    best, start = [0.0], [0]
    for end in range(1, len(sums)):
        options = []
        for at in range(end):
            total = sums[end][0] - sums[at][0]
            squares = sums[end][1] - sums[at][1]
            deviations = squares - total * total / (sums[end][2] - sums[at][2])
            options.append((best[at] + deviations + price, at))
        cost, at = min(options)
        best.append(cost)
        start.append(at)
    steps: list[int] = []
    at = start[-1]
    while at > 0:
        steps.insert(0, at)
        at = start[at]
    return steps
