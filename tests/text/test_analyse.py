"""From text to search terms."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.text import analyse, analyse_folded, fold, is_cjk


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("", []),
        ("，。！ \n", []),
        ("竹", ["竹"]),
        ("龙泉驿", ["龙", "泉", "驿", "龙泉", "泉驿"]),
        ("邛崃，竹编", ["邛", "崃", "邛崃", "竹", "编", "竹编"]),
        ("200余个", ["200", "余", "个", "余个"]),
        ("注册居民15,000名", ["注", "册", "居", "民", "注册", "册居", "居民", "15000", "名"]),
        ("1,234,567", ["1234567"]),
        ("2021,2022", ["2021", "2022"]),
        ("1,23", ["1", "23"]),
        ("10.7万", ["10.7", "万"]),
        ("1.2.3", ["1.2", "3"]),
        ("Ask a Question!", ["ask", "a", "question"]),
        ("don't", ["don", "t"]),
        ("snake_case", ["snake", "case"]),
        ("GDP增长5%", ["gdp", "增", "长", "增长", "5"]),
        ("B2B", ["b", "2", "b"]),
        ("Zürich", ["zürich"]),
        ("Привет мир", ["привет", "мир"]),
        ("กขค", ["ก", "ข", "ค", "กข", "ขค"]),
        ("กำ", ["ก", "ํ", "า", "กํ", "ํา"]),  # NFKC takes sara am apart
        ("ひらカナ", ["ひ", "ら", "カ", "ナ", "ひら", "らカ", "カナ"]),
        ("한국", ["한", "국", "한국"]),
        ("人々", ["人", "々", "人々"]),
        ("𠀀𠀁", ["𠀀", "𠀁", "𠀀𠀁"]),
    ],
)
def test_terms(text: str, terms: list[str]) -> None:
    assert analyse(text) == terms


def test_repetitions_are_kept_in_order() -> None:
    assert analyse("天天") == ["天", "天", "天天"]


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("龍泉驛區黨員先鋒崗", "龙泉驿区党员先锋岗"),
        ("２００余个", "200余个"),
        ("１５，０００名", "15000名"),
        ("ＧＤＰ", "gdp"),
        ("⻓城", "长城"),
        ("\u2f00人", "一人"),
    ],
)
def test_however_it_is_written_the_terms_are_the_same(written: str, plain: str) -> None:
    assert analyse(written) == analyse(plain)


@given(st.text())
def test_analysing_folded_text_is_the_second_half_of_analysing(text: str) -> None:
    assert analyse_folded(fold(text)) == analyse(text)


@given(st.text())
def test_no_term_has_white_space_or_is_empty(text: str) -> None:
    # The store joins terms by spaces and splits them there again.
    terms = analyse(text)
    assert " ".join(terms).split() == terms


@given(st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF), min_size=1))
def test_a_run_of_n_characters_gives_n_unigrams_and_n_minus_1_bigrams(text: str) -> None:
    terms = analyse(text)
    assert [len(term) for term in terms] == [1] * len(text) + [2] * (len(text) - 1)


@pytest.mark.parametrize("text", ["龙", "a龙b", "ひ", "カ", "한", "⻓", "𠀀", "〇"])
def test_chinese_japanese_and_korean_are_cjk(text: str) -> None:
    assert is_cjk(text)


@pytest.mark.parametrize("text", ["", "abc 123", "，。", "กขค", "é"])
def test_other_text_is_not_cjk(text: str) -> None:
    assert not is_cjk(text)


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("竹，编", ["竹", "编"]),  # no bigram across punctuation
        ("竹\n编", ["竹", "编"]),
        ("state-of-the-art", ["state", "of", "the", "art"]),
        ("a, b", ["a", "b"]),
        ("5G网", ["5", "g", "网"]),
        ("COVID19", ["covid", "19"]),
        ("二〇二四", ["二", "〇", "二", "四", "二〇", "〇二", "二四"]),
        ("東京タ", ["东", "京", "タ", "东京", "京タ"]),
    ],
)
def test_a_run_ends_where_the_script_or_the_word_does(text: str, terms: list[str]) -> None:
    assert analyse(text) == terms


@given(st.text(), st.text())
def test_the_terms_of_two_paragraphs_are_the_terms_of_each(one: str, other: str) -> None:
    assert analyse(f"{one}\n\n{other}") == analyse(one) + analyse(other)
