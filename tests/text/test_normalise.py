"""What search sees, and the way back to what people see."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.text import fold, fold_radicals, fold_with_offsets, simplify

# Characters that do something under folding, and plain ones between them.
_LIVELY = "龙龍泉驛Ａ１２％ﬁ㎏①Ⅳ½ßİΣ\u0301\u3099がカﾞﾊﾟ가ᄀᆨㄱㅏㄳﾡￂ⻓⼀㈱№ e\n，。"
texts = st.text(st.one_of(st.sampled_from(_LIVELY), st.characters()), max_size=40)


@given(texts)
def test_the_map_leads_to_the_same_folded_text(text: str) -> None:
    assert fold_with_offsets(text).text == fold(text)


@given(texts)
def test_offsets_have_one_entry_more_than_the_folded_text_and_never_decrease(text: str) -> None:
    folded = fold_with_offsets(text)
    assert len(folded.offsets) == len(folded.text) + 1
    assert folded.offsets[0] == 0
    assert folded.offsets[-1] == len(text)
    assert list(folded.offsets) == sorted(folded.offsets)


@given(texts, st.data())
def test_the_original_span_covers_what_was_folded_into_the_folded_span(
    text: str, data: st.DataObject
) -> None:
    folded = fold_with_offsets(text)
    start = data.draw(st.integers(0, len(folded.text)))
    end = data.draw(st.integers(start, len(folded.text)))
    left, right = folded.original_span(start, end)
    assert 0 <= left <= right <= len(text)
    assert folded.text[start:end] in fold(text[left:right])


def test_every_character_that_composes_with_the_one_before_it_is_folded_with_it() -> None:
    composing = {
        unicodedata.decomposition(chr(code)).split()[-1]
        for code in range(sys.maxunicode + 1)
        if unicodedata.decomposition(chr(code))
    }
    second = {chr(int(digits, 16)) for digits in composing if not digits.startswith("<")}
    second |= {chr(code) for code in range(0x1160, 0x1200)}  # Hangul composes by arithmetic
    before = ("a", "가", "ᄀ", "か", "क", "\U00016d63")
    wrong = [
        (first, hex(ord(char)))
        for char in map(chr, range(sys.maxunicode + 1))
        if (unicodedata.normalize("NFKC", char)[0] in second or unicodedata.combining(char))
        for first in before
        if fold_with_offsets(first + char).text != fold(first + char)
    ]
    assert wrong == []


def test_a_folded_span_maps_back_to_the_whole_original_character() -> None:
    folded = fold_with_offsets("重㎏了")
    assert folded.text == "重kg了"
    assert folded.offsets == (0, 1, 1, 2, 3)
    assert folded.original_span(1, 2) == (1, 2)
    assert folded.original_span(2, 3) == (1, 2)
    assert folded.original_span(0, 2) == (0, 2)


def test_a_letter_maps_back_together_with_its_combining_mark() -> None:
    folded = fold_with_offsets("cafe\u0301吧")
    assert folded.text == "café吧"
    assert folded.original_span(3, 4) == (3, 5)


def test_an_empty_folded_span_maps_to_an_empty_original_one() -> None:
    folded = fold_with_offsets("Ａ㎏Ｂ")
    assert folded.original_span(1, 1) == (1, 1)
    assert folded.original_span(4, 4) == (3, 3)


def test_ascii_keeps_its_offsets() -> None:
    folded = fold_with_offsets("Chengdu")
    assert (folded.text, folded.offsets) == ("chengdu", (0, 1, 2, 3, 4, 5, 6, 7))


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("", ""),
        ("WenYuan", "wenyuan"),
        ("Straße", "strasse"),
        ("２０２３年，１５％", "2023年,15%"),
        ("ＡＢＣ（甲）", "abc(甲)"),
        ("龍泉驛區黨員先鋒崗", "龙泉驿区党员先锋岗"),
        ("邛崍的竹編", "邛崃的竹编"),
        ("⻓城⻋站⻢路", "长城车站马路"),
        ("\u2f00\u2f08\u2f83", "一人自"),
        ("ｶﾞ", "ガ"),
        ("ﬁve ½", "five 1⁄2"),
        ("①②", "12"),
    ],
)
def test_folding_unifies_the_ways_to_write_the_same(text: str, folded: str) -> None:
    assert fold(text) == folded
    assert fold_with_offsets(text).text == folded


def test_chinese_numerals_stay_as_they_are() -> None:
    assert fold("一百二十三个，〇五年，廿年，兩萬") == "一百二十三个,〇五年,廿年,两万"


@given(st.text(st.characters(min_codepoint=0x3400, max_codepoint=0x9FFF)))
def test_simplifying_keeps_the_length(text: str) -> None:
    assert len(simplify(text)) == len(text)


def test_simplifying_looks_at_each_character_alone() -> None:
    # A phrase table would read 乾隆 otherwise than 餅乾; offsets need one for one.
    assert simplify("頭髮發現") == "头发发现"
    assert simplify("乾") == simplify("乾隆")[0] == simplify("餅乾")[1]


def test_simplified_text_comes_back_unchanged() -> None:
    text = "龙泉驿区建立200余个党员先锋岗"
    assert simplify(text) is text


@given(st.text(st.characters(min_codepoint=0x2E80, max_codepoint=0x2FFF)))
def test_radicals_are_folded_one_for_one(text: str) -> None:
    assert len(fold_radicals(text)) == len(text)


def test_every_kangxi_radical_becomes_an_ideograph() -> None:
    radicals = "".join(map(chr, range(0x2F00, 0x2FD6)))
    assert all("\u3400" <= char <= "\u9fff" for char in fold_radicals(radicals))


def test_text_without_radicals_comes_back_unchanged() -> None:
    text = "长城, ½, Ａ"
    assert fold_radicals(text) is text


def test_the_radicals_of_the_supplement_become_one_character_each() -> None:
    kept = set("⺀⺂⺃⺈⺧")  # single strokes, and parts that stand for no character
    for code in [*range(0x2E80, 0x2E9A), *range(0x2E9B, 0x2EF4)]:
        folded = fold_radicals(chr(code))
        assert len(folded) == 1
        assert (folded == chr(code)) == (chr(code) in kept), f"U+{code:04X}"
        assert folded in kept or "\u3400" <= folded <= "\u9fff", f"U+{code:04X}"


def test_a_simplified_span_leads_back_to_traditional_and_full_width_characters() -> None:
    text = "成都龍泉驛區１２３名"
    folded = fold_with_offsets(text)
    assert folded.text == "成都龙泉驿区123名"
    assert folded.original_span(2, 6) == (2, 6)
    first, last = folded.original_span(6, 9)
    assert text[first:last] == "１２３"


def test_any_part_of_an_expanded_character_leads_back_to_all_of_it() -> None:
    text = "①②㍿在"
    folded = fold_with_offsets(text)
    assert folded.text == "12株式会社在"
    for start, end in ((2, 3), (3, 5), (5, 6), (2, 6)):
        first, last = folded.original_span(start, end)
        assert text[first:last] == "㍿"


@given(texts)
def test_only_what_folds_to_nothing_lies_outside_the_whole(text: str) -> None:
    folded = fold_with_offsets(text)
    first, last = folded.original_span(0, len(folded.text))
    assert fold(text[:first] + text[last:]) == ""


@given(texts)
def test_simplifying_any_text_keeps_its_length(text: str) -> None:
    assert len(simplify(text)) == len(text)
