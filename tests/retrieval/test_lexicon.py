"""English words as Chinese terms."""

from __future__ import annotations

from pathlib import Path

import pytest

from rag.assembly import bundled_lexicon
from rag.retrieval.lexicon import Lexicon, english_words, stem, weighed, word_score


@pytest.fixture
def lexicon(tmp_path: Path) -> Lexicon:
    path = tmp_path / "lexicon.tsv"
    path.write_text("king\t国王 1.00 王 0.50\nriver\t河 1.00\n", encoding="utf-8")
    return Lexicon(path)


@pytest.mark.parametrize(
    ("forms", "common"),
    [
        ("king kings", "king"),
        ("defeat defeats defeated defeating", "defeat"),
        ("city cities", "citi"),
        ("stop stopped stopping", "stop"),
        ("glass", "glass"),
        ("gas", "gas"),
    ],
)
def test_forms_of_a_word_have_one_stem(forms: str, common: str) -> None:
    assert {stem(form) for form in forms.split()} == {common}


def test_function_words_are_left_out_and_marks_on_letters_dropped() -> None:
    assert english_words("Who was the king of Möngke's 12 cities?") == [
        "king",
        "mongk",
        "12",
        "citi",
    ]


def test_each_word_has_its_terms_and_an_unknown_one_stands_for_itself(lexicon: Lexicon) -> None:
    assert lexicon.translate("Which kings of Zork?") == [
        [("国王", 1.0), ("王", 0.5)],
        [("zork", 1.0)],
    ]


@pytest.mark.parametrize("question", ["国王是谁?", "Which king 国王?", "Zork of Yxx?", "", "?!"])
def test_what_is_not_english_or_unknown_is_not_translated(lexicon: Lexicon, question: str) -> None:
    assert lexicon.translate(question) == []


def test_a_word_counts_once_by_its_best_term() -> None:
    words = weighed(
        [[("国王", 1.0), ("王", 0.5)], [("河", 1.0)]], {"国王": 4.0, "王": 10.0, "河": 1.0}
    )
    assert words[0] == [("王", 5.0), ("国王", 4.0)]
    assert word_score("国王在河边", words) == 6.0
    assert word_score("王在山上", words) == 5.0
    assert word_score("山上", words) == 0.0


def test_the_bundled_lexicon_knows_common_words_and_names() -> None:
    best = [terms[0] for terms in bundled_lexicon().translate("Suriname university sunspots")]
    assert best == [("苏里南", 1.0), ("大学", 1.0), ("太阳黑子", 1.0)]
