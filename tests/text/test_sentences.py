"""Where sentences and clauses begin and end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.text import clause_spans, sentence_spans

texts = st.text(
    st.one_of(st.sampled_from("中文。！？；…”」'\".,:，： \n\u3000aB1—"), st.characters())
)


def sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in sentence_spans(text)]


def clauses(text: str) -> list[str]:
    return [text[start:end] for start, end in clause_spans(text, 0, len(text))]


@given(texts)
def test_sentences_are_trimmed_in_order_and_do_not_overlap(text: str) -> None:
    at = 0
    for start, end in sentence_spans(text):
        assert at <= start < end <= len(text)
        assert text[start:end] == text[start:end].strip()
        at = end


@given(texts)
def test_nothing_but_white_space_lies_between_sentences(text: str) -> None:
    assert "".join("".join(sentences(text)).split()) == "".join(text.split())


@given(texts)
def test_clauses_lose_nothing_but_white_space(text: str) -> None:
    assert "".join("".join(clauses(text)).split()) == "".join(text.split())


@given(texts, st.data())
def test_clauses_stay_inside_the_span_they_are_asked_for(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    at = start
    for left, right in clause_spans(text, start, end):
        assert at <= left < right <= end
        at = right


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \n\u3000", []),
        ("没有句号", ["没有句号"]),
        ("第一句。第二句！第三句？", ["第一句。", "第二句！", "第三句？"]),
        ("真的？！是的。", ["真的？！", "是的。"]),
        ("一是修路；二是架桥。", ["一是修路；", "二是架桥。"]),
        ("标题\n\n　　正文。 ", ["标题", "正文。"]),
        ("他等了很久……终于来了。", ["他等了很久……", "终于来了。"]),
        ("竹编、瓷胎……，都是手艺。", ["竹编、瓷胎……，都是手艺。"]),
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("It ended. 然后散会。", ["It ended.", "然后散会。"]),
    ],
)
def test_sentences_end_at_end_marks_and_line_ends(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("他说：“建好了。”大家鼓掌。", ["他说：“建好了。”", "大家鼓掌。"]),
        ("「好！」她说。", ["「好！」", "她说。"]),
        ("（完工。）之后验收。", ["（完工。）", "之后验收。"]),
        ("『走吧？』」他笑。", ["『走吧？』」", "他笑。"]),
        ('He said "It works." Then he left.', ['He said "It works."', "Then he left."]),
        ("(It rained.) We stayed.", ["(It rained.)", "We stayed."]),
    ],
)
def test_closing_quotes_stay_with_their_sentence(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Dr. Wang met Mr. Li.",
        "The U.S. Army came.",
        "See No. 5 below.",
        "Acme Inc. Chengdu was there.",
        "Acme Co. Chengdu was there.",
        "Growth was 3.5 percent.",
        "比上年增长3.5%。",
        "Version 1.2.3 is out.",
        "Visit www.example.org today.",
        "It cost e.g. 5 yuan.",
    ],
)
def test_a_point_that_ends_no_sentence_parts_nothing(text: str) -> None:
    assert sentences(text) == [text]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("一句话", ["一句话"]),
        ("先修路，后架桥；再种树。", ["先修路，", "后架桥；", "再种树。"]),
        ("地点：邛崃", ["地点：", "邛崃"]),
        ("他来了——终于", ["他来了——", "终于"]),
        ("In spring, rain; then: sun", ["In spring,", " rain;", " then:", " sun"]),
    ],
)
def test_clauses_end_at_commas_semicolons_colons_and_dashes(text: str, expected: list[str]) -> None:
    assert clauses(text) == expected


def test_a_comma_inside_a_number_parts_nothing() -> None:
    assert clauses("居民15,000名,增加") == ["居民15,000名,", "增加"]


def test_a_colon_inside_a_time_parts_nothing() -> None:
    assert clauses("时间:8:30,地点") == ["时间:", "8:30,", "地点"]
    assert clauses("时间：8：30，地点") == ["时间：", "8：30，", "地点"]


def test_a_comma_after_a_number_parts_the_clause() -> None:
    assert clauses("in 2019, he came") == ["in 2019,", " he came"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("“等等……”他说。", ["“等等……”他说。"]),
        ("《去哪儿？》是书名。", ["《去哪儿？》", "是书名。"]),
        ("占地3.5亩。共2.08公里。", ["占地3.5亩。", "共2.08公里。"]),
        ("J. K. Rowling wrote it.", ["J. K. Rowling wrote it."]),
        ("Mrs. Li lives at St. Mary.", ["Mrs. Li lives at St. Mary."]),
        ("In 2019. 2020 came.", ["In 2019.", "2020 came."]),
    ],
)
def test_dots_decimals_and_initials_are_told_from_ends(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


@given(texts)
def test_no_sentence_crosses_a_line_end(text: str) -> None:
    assert not any("\n" in sentence for sentence in sentences(text))


def test_clauses_are_offsets_into_the_whole_text() -> None:
    assert clause_spans("前文。甲，乙。后文", 3, 7) == [(3, 5), (5, 7)]
