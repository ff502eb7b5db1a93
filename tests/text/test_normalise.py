"""Folding for search, and the way back to the original."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.text import analyse, fold, fold_passage, fold_radicals, fold_with_offsets, simplify

# Everything that has surprised a folder: marks that combine, wide and half-width forms, radicals,
# Hangul parts, ligatures, characters that fold to several, right-to-left marks, emoji.
ODD = (
    "e\u0301가ᄀ\u1161\u11a8ｶﾞﾊﾟ㍿㈱ﬁßİΣς①½㎏"
    "⻓⾦龍臺葉ａＺ１２，。“”\u200d👩‍👧\u3099は\u05b0ש\u0e33ก \t\n"
)
TEXT = st.text(st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from(ODD)))


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("", ""),
        ("Rag ASK", "rag ask"),
        ("ＡＢＣ　１２３", "abc 123"),  # full width
        ("２００余个", "200余个"),
        ("（全文）！", "(全文)!"),
        ("ﬁne ①", "fine 1"),
        ("Straße", "strasse"),
        ("ΣΑΣ", "σασ"),  # the final sigma too
        ("café", "cafe\u0301".replace("e\u0301", "é")),
        ("cafe\u0301", "café"),
        ("ｶﾞｽ", "ガス"),
        ("한국", "한국"),
        ("\u1112\u1161\u11ab", "한"),
        ("㍿", "株式会社"),
        ("龍泉驛區", "龙泉驿区"),
        ("臺灣", "台湾"),
        ("邛崍的竹編", "邛崃的竹编"),
        ("学习", "学习"),
        ("⻓江", "长江"),
        ("⻰泉", "龙泉"),
        ("⾦⽜区", "金牛区"),  # U+2FA6, U+2F5C
        ("⾧", "长"),  # U+2FA7 is the Traditional one
        ("二百五十三人", "二百五十三人"),
        ("〇", "〇"),
        ("廿", "廿"),
    ],
)
def test_text_is_folded(text: str, folded: str) -> None:
    assert fold(text) == folded
    assert fold_passage(text) == folded
    assert fold_with_offsets(text).text == folded


def test_every_character_of_the_kangxi_block_becomes_a_unified_character() -> None:
    block = "".join(map(chr, range(0x2F00, 0x2FD6)))
    folded = fold_radicals(block)
    assert len(folded) == len(block)
    assert all("\u4e00" <= char <= "\u9fff" for char in folded)
    assert folded == unicodedata.normalize("NFKC", block)


def test_the_radicals_of_the_supplement_become_one_character_each() -> None:
    kept = set("⺀⺂⺃⺈⺧")  # single strokes, and parts that stand for no character
    for code in [*range(0x2E80, 0x2E9A), *range(0x2E9B, 0x2EF4)]:
        folded = fold_radicals(chr(code))
        assert len(folded) == 1
        assert (folded == chr(code)) == (chr(code) in kept), f"U+{code:04X}"
        assert folded in kept or "\u3400" <= folded <= "\u9fff", f"U+{code:04X}"


def test_radicals_are_replaced_one_for_one_and_nothing_else_is() -> None:
    assert fold_radicals("⻓ABC長ａ⾦") == "长ABC長ａ金"


def test_simplifying_goes_character_by_character_and_keeps_the_length() -> None:
    assert simplify("龍泉驛區,頭髮與發展") == "龙泉驿区,头发与发展"
    assert simplify("简体中文 abc") == "简体中文 abc"
    assert simplify("") == ""


@given(TEXT)
def test_simplifying_keeps_the_length(text: str) -> None:
    assert len(simplify(text)) == len(text)


@given(TEXT)
def test_folding_with_and_without_offsets_gives_the_same_text(text: str) -> None:
    assert fold_with_offsets(text).text == fold(text)


@given(TEXT)
def test_offsets_go_from_the_start_to_the_end_and_never_back(text: str) -> None:
    folded = fold_with_offsets(text)
    assert len(folded.offsets) == len(folded.text) + 1
    assert list(folded.offsets) == sorted(folded.offsets)
    assert folded.offsets[-1] == len(text)
    assert all(0 <= offset < len(text) for offset in folded.offsets[:-1])


@given(TEXT, st.data())
def test_a_folded_span_maps_to_original_text_that_folds_to_it(
    text: str, data: st.DataObject
) -> None:
    folded = fold_with_offsets(text)
    start = data.draw(st.integers(0, len(folded.text)))
    end = data.draw(st.integers(start, len(folded.text)))
    first, last = folded.original_span(start, end)
    assert 0 <= first <= last <= len(text)
    if start == end:
        assert first == last
    else:
        assert first < last
        assert folded.text[start:end] in fold(text[first:last])


@given(TEXT)
def test_the_whole_folded_text_maps_to_all_but_what_folds_to_nothing(text: str) -> None:
    folded = fold_with_offsets(text)
    if folded.text:
        first, last = folded.original_span(0, len(folded.text))
        assert fold(text[:first]) == ""
        assert last == len(text)


@given(TEXT)
def test_folding_is_deterministic_and_remembered_folds_agree(text: str) -> None:
    assert fold_passage(text) == fold(text) == fold(text)


def test_a_folded_span_maps_back_to_the_original_characters() -> None:
    text = "成都龍泉驛區１２３名"
    folded = fold_with_offsets(text)
    assert folded.text == "成都龙泉驿区123名"
    start = folded.text.index("龙泉")
    assert folded.original_span(start, start + 4) == (2, 6)
    start = folded.text.index("123")
    first, last = folded.original_span(start, start + 3)
    assert text[first:last] == "１２３"


def test_a_folded_span_maps_back_to_the_whole_original_character() -> None:
    text = "①②㍿在"
    folded = fold_with_offsets(text)
    assert folded.text == "12株式会社在"
    assert folded.offsets == (0, 1, 2, 2, 2, 2, 3, 4)
    for start, end in ((2, 3), (3, 5), (5, 6), (2, 6)):
        first, last = folded.original_span(start, end)
        assert text[first:last] == "㍿"


def test_a_letter_and_its_combining_mark_stay_together() -> None:
    text = "cafe\u0301s"
    folded = fold_with_offsets(text)
    assert folded.text == "cafés"
    assert folded.original_span(3, 4) == (3, 5)
    assert folded.original_span(4, 5) == (5, 6)


def test_an_empty_span_maps_to_an_empty_span() -> None:
    folded = fold_with_offsets("㍿在")
    assert folded.original_span(0, 0) == (0, 0)
    assert folded.original_span(5, 5) == (2, 2)
    assert fold_with_offsets("").original_span(0, 0) == (0, 0)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("龍泉驛區建了多少黨員先鋒崗？", "龙泉驿区建了多少党员先锋岗？"),
        ("邛崍市２０２４年的竹編", "邛崃市2024年的竹编"),
        ("ＲＡＧ　ＡＳＫ", "rag ask"),
        ("⻓⾦", "长金"),
        ("１５，０００元", "15000元"),
    ],
)
def test_both_ways_of_writing_give_the_same_terms(one: str, other: str) -> None:
    assert analyse(one) == analyse(other)
