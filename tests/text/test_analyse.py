"""Search terms, worked out by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.text import analyse, analyse_folded, fold, is_cjk


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("", []),
        (" \n，。!?——", []),
        ("竹", ["竹"]),
        ("竹编", ["竹", "编", "竹编"]),
        ("竹编厂", ["竹", "编", "厂", "竹编", "编厂"]),
        ("竹，编", ["竹", "编"]),  # no bigram across punctuation
        ("竹\n编", ["竹", "编"]),
        ("党员200余个", ["党", "员", "党员", "200", "余", "个", "余个"]),
        ("二百余", ["二", "百", "余", "二百", "百余"]),
        ("The Garden opens", ["the", "garden", "opens"]),
        ("don't stop", ["don", "t", "stop"]),
        ("state-of-the-art", ["state", "of", "the", "art"]),
        ("snake_case", ["snake", "case"]),
        ("café", ["café"]),
        ("15,000 people", ["15000", "people"]),
        ("1,234,567", ["1234567"]),
        ("1,23", ["1", "23"]),
        ("2024,2025", ["2024", "2025"]),
        ("a, b", ["a", "b"]),
        ("3.14%", ["3.14"]),
        ("1.2.3", ["1.2", "3"]),
        ("5G网", ["5", "g", "网"]),
        ("COVID19", ["covid", "19"]),
        ("ไทย", ["ไ", "ท", "ย", "ไท", "ทย"]),
        ("東京タワー", ["东", "京", "タ", "ワ", "ー", "东京", "京タ", "タワ", "ワー"]),
        ("서울", ["서", "울", "서울"]),
        ("二〇二四", ["二", "〇", "二", "四", "二〇", "〇二", "二四"]),
        ("𠮷野", ["𠮷", "野", "𠮷野"]),
        ("竹竹竹", ["竹", "竹", "竹", "竹竹", "竹竹"]),
        ("Привет, мир", ["привет", "мир"]),
    ],
)
def test_text_is_cut_into_terms(text: str, terms: list[str]) -> None:
    assert analyse(text) == terms


@given(st.text())
def test_terms_are_those_of_the_folded_text(text: str) -> None:
    assert analyse(text) == analyse_folded(fold(text))


@given(st.text())
def test_a_term_is_never_empty_and_holds_no_white_space(text: str) -> None:
    # The store takes terms joined by single spaces.
    terms = analyse(text)
    assert " ".join(terms).split() == terms
    assert " ".join(terms).split(" ") == (terms or [""])


@given(st.text(), st.text())
def test_terms_of_lines_are_the_terms_of_each(one: str, other: str) -> None:
    assert analyse(f"{one}\n\n{other}") == analyse(one) + analyse(other)


@pytest.mark.parametrize("text", ["竹", "abc竹", "タ", "한", "𠮷", "〇", "⻓"])
def test_chinese_japanese_and_korean_are_recognised(text: str) -> None:
    assert is_cjk(text)


@pytest.mark.parametrize("text", ["", "abc", "ไทย", "12，。", "Привет", "é"])
def test_other_scripts_are_not_cjk(text: str) -> None:
    assert not is_cjk(text)
