"""The product's own words, in both languages."""

from __future__ import annotations

import pytest

from rag.answering import phrases
from rag.errors import Lang

REASONS = ["nothing_found", "low_confidence", "entity_mismatch", "empty_question"]


@pytest.mark.parametrize("reason", REASONS)
def test_each_reason_has_a_sentence_in_both_languages(reason: str) -> None:
    zh = phrases.declined("zh", reason, "双流区")
    en = phrases.declined("en", reason, "Bath")
    assert zh.endswith("。")
    assert en.endswith(".")
    assert "{" not in zh + en
    assert en.isascii() or "“" in en


def test_a_mismatch_names_what_is_missing() -> None:
    assert "双流区" in phrases.declined("zh", "entity_mismatch", "双流区")
    assert "Bath" in phrases.declined("en", "entity_mismatch", "Bath")


def test_short_answer_comes_before_the_quotation_and_its_marker() -> None:
    text = phrases.supported("zh", "", "37座", [("村里修了37座石桥。", 1)])
    assert text.startswith("37座")
    assert text.index("37座") < text.index("村里修了37座石桥。") < text.index("[1]")


def test_english_text_has_short_answer_quotation_and_marker() -> None:
    text = phrases.supported("en", "", "45", [("She leads 45 volunteers.", 2)])
    assert text.startswith("45")
    assert text.index("She leads 45 volunteers.") < text.index("[2]")


@pytest.mark.parametrize(("lang", "end"), [("zh", "。"), ("en", ".")])
def test_a_sentence_that_is_its_own_short_answer_is_said_once(lang: Lang, end: str) -> None:
    text = phrases.supported(lang, "", "以商招商", [(f"以商招商{end}", 1)])
    assert text.count("以商招商") == 1
    assert "[1]" in text


def test_line_breaks_of_a_quotation_become_spaces() -> None:
    assert "one two" in phrases.supported("en", "", "x", [("one\n two", 1)])


def test_a_label_stands_first() -> None:
    assert phrases.supported("zh", "邛崃：", "3家", [("有3家企业。", 1)]).startswith("邛崃：")
    assert phrases.part_missing("zh", "邛崃：").startswith("邛崃：")
    assert phrases.part_missing("en", "Bath: ").startswith("Bath: ")


def test_short_answers_are_joined_each_once() -> None:
    assert phrases.joined("zh", ["18亿元", "26.54亿元"]) == "18亿元；26.54亿元"
    assert phrases.joined("en", ["18", "26", "18"]) == "18; 26"
