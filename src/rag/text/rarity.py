"""How much a search term tells by being rare."""

from __future__ import annotations

import math


def idf(frequency: int, passages: int) -> float:
    """BM25's inverse document frequency of a term that stands in `frequency` of `passages`.

    Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009, in the
    form of Lucene (and tantivy), which adds 1 within the logarithm and so is never negative.
    """
    return math.log(1 + (passages - frequency + 0.5) / (frequency + 0.5))
