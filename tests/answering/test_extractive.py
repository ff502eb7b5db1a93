"""Answers in the articles' own words, with quotations that can be looked up."""

from __future__ import annotations

import re

import pytest

from rag.assistant import Assistant
from rag.types import Answer
from tests.answering.articles import not_yet


def assert_quotations_are_exact(assistant: Assistant, answer: Answer) -> None:
    assert answer.citations
    for citation in answer.citations:
        document = assistant.document(citation.document.id)
        assert document is not None
        assert citation.quote == document.text[citation.start : citation.end]
    markers = [citation.marker for citation in answer.citations]
    assert markers == list(range(1, len(markers) + 1))
    assert {int(marker) for marker in re.findall(r"\[(\d+)\]", answer.text)} == set(markers)


@pytest.mark.parametrize(
    ("question", "short", "quoted"),
    [
        ("龙泉驿区建了多少党员先锋岗?", "200余个", "200余个党员先锋岗"),
        ("龙泉驿区新投放了多少惠蓉贷?", "18亿元", "惠蓉贷18亿元"),
        ("邛崃减免了多少税费?", "9.2亿元", "减免税费9.2亿元"),
        ("改进了涂装工艺的工程师是谁?", "简云久", "主管工程师简云久"),
        ("东华村归哪个街道?", "柏合街道", "地处柏合街道"),
        ("龙泉驿区的营商服务品牌叫什么名字?", "驿站办", "“驿站办”"),
        ("檀阴社区的党组织书记是谁?", "刘洪", "书记刘洪"),
        ("邛崃哪几年获评县域经济发展先进县?", "2021年、2022年", "2021年、2022年"),
        ("安平区图书馆2024年新购图书多少册?", "１２０００冊", "新購圖書１２０００冊"),
        ("安平區圖書館的館長是誰?", "林美惠", "館長林美惠"),
        ("图书馆读者服务志工共有多少名?", "８６名", "志工共有８６名"),
        ("安平区图书馆志工有多少名?", "８６名", "志工共有８６名"),
        ("蓝溪村为什么改建石桥?", "山洪", "因为山洪年年冲断木桥"),
        ("How many volunteers are in the team?", "45", "45 volunteers"),
        not_yet(
            "How many volunteers does the Harbour Museum have?",
            "45",
            "45 volunteers",
            why="a year is taken for a number of people",
        ),
        ("When did the Harbour Museum open?", "1998", "opened in 1998"),
        ("Who leads the team of volunteers?", "Jane Holloway", "director, Jane"),
        not_yet(
            "Who is the director of the Harbour Museum?",
            "Jane Holloway",
            "director, Jane",
            why="a town is taken for a person",
        ),
        ("What does a ticket for adults cost?", "12 dollars", "costs 12 dollars"),
    ],
)
def test_an_answer_has_its_short_answer_and_an_exact_quotation(
    assistant: Assistant, question: str, short: str, quoted: str
) -> None:
    answer = assistant.ask(question)
    assert answer.answered, answer.reason
    assert short in (answer.short_answer or "")
    assert any(quoted in citation.quote for citation in answer.citations)
    assert answer.reason is None
    assert_quotations_are_exact(assistant, answer)


def test_the_text_says_the_short_answer_first_and_quotes_with_a_marker(
    assistant: Assistant,
) -> None:
    answer = assistant.ask("龙泉驿区建了多少党员先锋岗?")
    assert answer.text.startswith("200余个")
    assert answer.citations[0].quote.strip() in answer.text
    assert "[1]" in answer.text
    assert answer.generator == "extractive"


def test_a_short_answer_broken_over_lines_is_one_line(assistant: Assistant) -> None:
    answer = assistant.ask("Who leads the team of volunteers?")
    assert "\n" not in (answer.short_answer or "")


@pytest.mark.parametrize(
    "question",
    [
        "龙泉驿区和邛崃市分别新投放了多少惠蓉贷?",
        "龙泉驿和邛崃各自新投放了多少惠蓉贷?",
        "龙泉驿和邛崃各投放了多少惠蓉贷?",
        "龍泉驛區和邛崍市分別新投放了多少惠蓉貸？",
    ],
)
def test_two_places_make_two_labelled_parts_with_a_citation_each(
    assistant: Assistant, question: str
) -> None:
    answer = assistant.ask(question)
    first, second = answer.text.splitlines()
    assert first.startswith("龙泉驿")
    assert second.startswith("邛崃")
    assert "18亿元" in first
    assert "26.54亿元" in second
    assert len(answer.citations) == 2
    assert [citation.document.title for citation in answer.citations] == [
        "龙泉驿区建强产业链",
        "邛崃市激活县域经济",
    ]
    assert_quotations_are_exact(assistant, answer)


def test_a_part_that_no_article_answers_is_said_to_be_missing(assistant: Assistant) -> None:
    answer = assistant.ask("龙泉驿区和双流区分别新投放了多少惠蓉贷?")
    assert answer.answered
    first, second = answer.text.splitlines()
    assert "18亿元" in first
    assert second.startswith("双流区")
    assert "没有" in second
    assert "18亿元" not in second
    assert len(answer.citations) == 1
    assert_quotations_are_exact(assistant, answer)


def test_two_places_that_no_article_names_are_declined(assistant: Assistant) -> None:
    answer = assistant.ask("双流区和青白江区分别新投放了多少惠蓉贷?")
    assert not answer.answered
    assert answer.short_answer is None


def test_two_questions_in_one_are_both_answered(assistant: Assistant) -> None:
    answer = assistant.ask("龙泉驿区建了多少党员先锋岗?组建了多少支攻坚队?")
    assert "200余个" in (answer.short_answer or "")
    assert "60余支" in (answer.short_answer or "")
    assert_quotations_are_exact(assistant, answer)


def test_a_sentence_that_answers_two_parts_is_cited_once(assistant: Assistant) -> None:
    answer = assistant.ask("邛崃2024年投放了多少惠蓉贷?邛崃减免了多少税费?")
    assert "26.54亿元" in (answer.short_answer or "")
    assert "9.2亿元" in (answer.short_answer or "")
    assert len({(c.document.id, c.start) for c in answer.citations}) == len(answer.citations)
    assert_quotations_are_exact(assistant, answer)


def test_a_reason_may_take_several_sentences_of_one_article(assistant: Assistant) -> None:
    answer = assistant.ask("蓝溪村为什么改建石桥?")
    assert 1 <= len(answer.citations) <= 3
    assert {citation.document.title for citation in answer.citations} == {"蓝溪村修桥记"}


def test_confidence_is_a_probability(assistant: Assistant) -> None:
    for question in ("龙泉驿区建了多少党员先锋岗?", "双流区建了多少党员先锋岗?", ""):
        assert 0 <= assistant.ask(question).confidence <= 1
