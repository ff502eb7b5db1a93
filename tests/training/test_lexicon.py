"""The lexicon from glosses and aligned sentences."""

from __future__ import annotations

import pytest

from rag.training.lexicon import from_glosses, from_translations, lexicon_lines


def test_short_and_early_glosses_weigh_more() -> None:
    weights = from_glosses(
        [
            ("国王", ["king", "see 王[wang2]"]),
            ("王", ["Wang (surname)", "king"]),
            ("狮子王", ["lion king"]),
            ("abc", ["king"]),
        ]
    )
    assert weights["king"] == pytest.approx({"国王": 1.0, "王": 1 / 1.3, "狮子王": 2**-1.5})


def test_alignment_prefers_what_occurs_together_always() -> None:
    pairs = [
        (["king", "sleep"], ["国王", "睡"]),
        (["king", "eat"], ["国王", "吃"]),
        (["dog", "sleep"], ["狗", "睡"]),
        (["dog", "eat"], ["狗", "吃"]),
    ]
    counts = from_translations(pairs, {})
    for word, term in {"king": "国王", "dog": "狗", "sleep": "睡", "eat": "吃"}.items():
        assert max(counts[word], key=counts[word].__getitem__) == term


def test_what_the_glosses_know_decides_where_sentences_cannot() -> None:
    counts = from_translations([(["king", "sleep"], ["国王", "睡"])], {"king": {"国王": 1.0}})
    assert counts["king"] == pytest.approx({"国王": counts["king"]["国王"]})
    assert "国王" not in counts.get("sleep", {})


def test_a_line_has_the_root_of_each_terms_share_best_first() -> None:
    lines = lexicon_lines(
        {"king": {"国王": 1.0, "王": 0.5, "辟": 0.01}}, {"king": {"王": 3.5}, "eat": {"吃": 2.0}}
    )
    assert lines == ["eat\t吃 1.00", "king\t王 1.00 国王 0.50"]
