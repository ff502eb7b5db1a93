from __future__ import annotations

import numpy as np

from rag.training.bm25 import Lexical, lexical_search
from rag.training.evaluate import Figures, figures, fuse_by_rank, fuse_by_score, ranks


def test_the_rank_counts_better_passages_and_ties_against_it() -> None:
    scores = np.array([[0.9, 0.5, 0.1], [0.2, 0.2, 0.1]], dtype=np.float32)
    assert ranks(scores, [1, 0]).tolist() == [2, 2]


def test_recall_is_the_share_of_ranks_within_the_limit() -> None:
    assert figures(np.array([1, 3, 6, 30])) == Figures(0.25, 0.5, 0.75)


def test_bm25_prefers_the_passage_with_the_rare_word() -> None:
    found = lexical_search(["邛崃竹编"], ["成都的竹编", "邛崃竹编", "成都"], depth=10)
    assert found.scores[0].argmax() == 1
    assert found.scores[0, 2] == 0
    assert found.scores[0, 1] < found.bounds[0]


def test_fusion_prefers_a_passage_found_by_both() -> None:
    lexical = Lexical(np.array([[2.0, 1.9, 0.0]], np.float32), np.array([4.0], np.float32))
    dense = np.array([[0.1, 0.9, 0.9]], dtype=np.float32)
    assert fuse_by_score(lexical, dense, share=0.2).argmax() == 1
    assert fuse_by_rank(lexical, dense, weight=1.0).argmax() == 1
