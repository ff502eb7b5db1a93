"""BM25's idf."""

from __future__ import annotations

import math

import pytest

from rag.text import idf


def test_idf_is_that_of_lucene() -> None:
    assert idf(1, 3) == pytest.approx(0.9808, abs=1e-4)  # log(1 + 2.5 / 1.5)
    assert idf(1, 10) == math.log(1 + 9.5 / 1.5)


def test_a_term_of_every_passage_still_weighs_something() -> None:
    assert idf(10, 10) == pytest.approx(0.0465, abs=1e-4)  # log(1 + 0.5 / 10.5)
    assert idf(1_000_000, 1_000_000) > 0
