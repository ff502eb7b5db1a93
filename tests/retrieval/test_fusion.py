"""Fusion by rank, and how far words cover a query."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.retrieval.fusion import coverage, reciprocal_rank_fusion

rankings = st.lists(st.lists(st.integers(0, 20), unique=True), min_size=1, max_size=4)


def test_each_ranking_adds_its_weight_over_k_plus_rank() -> None:
    scores = reciprocal_rank_fusion((["a", "b"], ["b", "c"]), (1.0, 0.5), k=60)
    assert scores == pytest.approx({"a": 1 / 61, "b": 1 / 62 + 0.5 / 61, "c": 0.5 / 62})
    assert list(scores) == ["b", "a", "c"]


def test_fusion_prefers_a_passage_found_by_both() -> None:
    assert next(iter(reciprocal_rank_fusion(("xa", "ya"), (1.0, 1.0), k=10))) == "a"


def test_a_heavier_ranking_decides() -> None:
    assert list(reciprocal_rank_fusion(("ab", "ba"), (1.0, 2.0))) == ["b", "a"]
    assert list(reciprocal_rank_fusion(("ab", "ba"), (2.0, 1.0))) == ["a", "b"]


def test_equal_scores_keep_the_order_of_the_first_ranking() -> None:
    assert list(reciprocal_rank_fusion(("ab", "ba"), (1.0, 1.0))) == ["a", "b"]
    assert list(reciprocal_rank_fusion(("a", "b"), (1.0, 1.0))) == ["a", "b"]


def test_a_ranking_without_weight_brings_no_candidates() -> None:
    assert list(reciprocal_rank_fusion(("a", "bc"), (1.0, 0.0))) == ["a"]


def test_nothing_found_fuses_to_nothing() -> None:
    assert reciprocal_rank_fusion(([], []), (1.0, 1.0)) == {}


def test_each_ranking_needs_its_weight() -> None:
    with pytest.raises(ValueError, match="zip"):
        reciprocal_rank_fusion(("a", "b"), (1.0,))


@given(rankings)
def test_fusion_keeps_every_key_once_from_best_to_worst(ranked: list[list[int]]) -> None:
    scores = reciprocal_rank_fusion(ranked, [1.0] * len(ranked))
    assert set(scores) == {key for ranking in ranked for key in ranking}
    assert list(scores.values()) == sorted(scores.values(), reverse=True)


@given(st.lists(st.integers(), unique=True), st.floats(0.01, 100))
def test_one_ranking_alone_keeps_its_order(ranking: list[int], weight: float) -> None:
    assert list(reciprocal_rank_fusion([ranking], [weight])) == ranking


def test_coverage_is_the_share_of_the_most_that_bm25_could_give() -> None:
    # One term in 1 of 10 passages: idf = ln(1 + 9.5 / 1.5) = 1.9924, at most 2.2 times that.
    idf = math.log(1 + 9.5 / 1.5)
    assert coverage(idf * 1.1, [1], 10) == pytest.approx(0.5)
    assert coverage(idf * 2.2, [1], 10) == pytest.approx(1.0)


def test_a_term_that_stands_nowhere_lowers_the_coverage() -> None:
    assert coverage(1.0, [1, 0], 10) < coverage(1.0, [1], 10)


def test_nothing_found_or_nothing_asked_covers_nothing() -> None:
    assert coverage(0.0, [1, 2], 10) == 0.0
    assert coverage(0.0, [], 10) == 0.0
    assert coverage(0.0, [], 0) == 0.0


@given(
    st.floats(0, 1000),
    st.lists(st.integers(0, 1000), max_size=8),
)
def test_coverage_is_a_share(best: float, frequencies: list[int]) -> None:
    assert 0.0 <= coverage(best, frequencies, 1000) <= 1.0
