"""When the articles don't say."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rag.answering import EvidenceFinder, Judge, Question, Verdict
from rag.answering.abstention import (
    EMPTY_QUESTION,
    ENTITY_MISMATCH,
    LOW_CONFIDENCE,
    NOTHING_FOUND,
)
from rag.assembly import bundled_confidence
from rag.assistant import Assistant
from rag.types import Document, Hit
from tests.answering.articles import hit, not_yet

Analyse = Callable[[str], Question]


@pytest.mark.parametrize(
    ("question", "named"),
    [
        ("双流区建了多少党员先锋岗?", "双流"),
        ("双流建了多少党员先锋岗?", "双流"),
        ("雙流區建了多少黨員先鋒崗？", "双流"),
        ("青白江区新投放了多少惠蓉贷?", "青白江"),
        ("2019年龙泉驿区新投放了多少惠蓉贷?", "2019"),
        ("２０１９年邛崃村均集体经济收入增长了多少?", "2019"),
        ("周志强在檀阴社区担任什么职务?", "周志强"),
        ("“九九归一”行动是龙泉驿区的什么品牌?", "九九归一"),
        ("How many volunteers does the museum in Liverpool have?", "liverpool"),
    ],
)
def test_a_place_year_person_or_quotation_that_is_not_there_is_declined(
    assistant: Assistant, question: str, named: str
) -> None:
    answer = assistant.ask(question)
    assert (answer.answered, answer.reason) == (False, ENTITY_MISMATCH)
    assert named in answer.text.lower()
    assert answer.hits


@pytest.mark.parametrize(
    "question",
    [
        "红烧肉要炖多久才软烂?",
        "珠穆朗玛峰有多高?",
        "简云久今年多少岁?",
        "刘洪的联系电话是多少?",
        "龙泉驿区的区长是谁?",
        not_yet("蓝溪村的石桥是什么颜色的?", why="a sentence that shares the words answers"),
        "How do I change a flat bicycle tyre?",
    ],
)
def test_what_no_article_says_is_declined_with_a_reason(
    assistant: Assistant, question: str
) -> None:
    answer = assistant.ask(question)
    assert not answer.answered, answer.text
    assert answer.reason in {NOTHING_FOUND, LOW_CONFIDENCE, ENTITY_MISMATCH}


@pytest.mark.parametrize("question", ["", "   ", "?", "？？？", "多少?", "what is it?", "请问呢"])
def test_an_empty_question_is_declined_as_empty(assistant: Assistant, question: str) -> None:
    answer = assistant.ask(question)
    assert (answer.answered, answer.reason) == (False, EMPTY_QUESTION)
    assert answer.confidence == 0
    assert answer.citations == ()


def test_a_declined_answer_has_a_sentence_hits_and_no_short_answer(assistant: Assistant) -> None:
    answer = assistant.ask("双流区建了多少党员先锋岗?")
    assert answer.short_answer is None
    assert answer.citations == ()
    assert "双流区" in answer.text
    assert any("党员先锋岗" in found.chunk.text for found in answer.hits)
    assert "200余个" not in answer.text


def test_the_same_question_about_the_right_district_is_answered(assistant: Assistant) -> None:
    assert assistant.ask("龙泉驿区建了多少党员先锋岗?").short_answer == "200余个"


def test_a_year_in_the_sentence_decides_between_two_sentences(assistant: Assistant) -> None:
    for year, share in (("2023", "40%"), ("2024", "60%")):
        answer = assistant.ask(f"{year}年邛崃市村均集体经济收入同比增长多少?")
        assert answer.short_answer == share


def judged(
    finder: EvidenceFinder, question: Question, hits: list[Hit], *, threshold: float = 0.4
) -> Verdict:
    """The verdict where each hit is a document."""
    documents = {found.document.id: Document(found.document, found.chunk.text) for found in hits}
    judge = Judge(finder, documents.get, confidence=bundled_confidence(), threshold=threshold)
    return judge.assess(question, hits)


def test_without_hits_nothing_is_found(finder: EvidenceFinder, analyse: Analyse) -> None:
    verdict = judged(finder, analyse("蓝溪村修了几座石桥?"), [])
    assert (verdict.answerable, verdict.reason, verdict.confidence) == (False, NOTHING_FOUND, 0)


def test_a_hit_that_shares_no_word_is_nothing_found(
    finder: EvidenceFinder, analyse: Analyse
) -> None:
    verdict = judged(finder, analyse("蓝溪村修了几座石桥?"), [hit("Zebras eat grass.")])
    assert not verdict.answerable
    assert verdict.reason in {NOTHING_FOUND, LOW_CONFIDENCE, ENTITY_MISMATCH}


def test_confidence_below_the_threshold_is_declined(
    finder: EvidenceFinder, analyse: Analyse
) -> None:
    question = analyse("修了几座石桥?")
    hits = [hit("村里修了37座石桥。")]
    sure = judged(finder, question, hits, threshold=0.0)
    assert (sure.answerable, sure.reason) == (True, None)
    declined = judged(finder, question, hits, threshold=1.0)
    assert (declined.answerable, declined.reason) == (False, LOW_CONFIDENCE)
    assert declined.confidence == sure.confidence


def test_a_mismatch_names_what_is_missing_and_is_not_confident(
    finder: EvidenceFinder, analyse: Analyse
) -> None:
    verdict = judged(
        finder, analyse("双流区建了多少党员先锋岗?"), [hit("龙泉驿区建立200余个党员先锋岗。")]
    )
    assert (verdict.reason, verdict.missing) == (ENTITY_MISMATCH, "双流区")
    assert verdict.confidence < 0.4


def test_a_place_that_the_document_is_about_counts(
    finder: EvidenceFinder, analyse: Analyse
) -> None:
    about = "邛崃市位于成都西南。" + "邛崃市有好山好水。" * 40 + "去年新建石桥37座。"
    assert judged(finder, analyse("邛崃新建石桥多少座?"), [hit(about)]).answerable


def test_a_place_that_the_document_names_once_and_far_away_does_not_count(
    finder: EvidenceFinder, analyse: Analyse
) -> None:
    about = "邛崃市学习了双流区的做法。" + "邛崃市有好山好水。" * 40 + "去年新建石桥37座。"
    verdict = judged(finder, analyse("双流区新建石桥多少座?"), [hit(about)])
    assert not verdict.answerable


def test_a_place_in_the_title_counts(finder: EvidenceFinder, analyse: Analyse) -> None:
    hits = [hit("去年新建石桥37座。", title="双流区交通年报")]
    assert judged(finder, analyse("双流区新建石桥多少座?"), hits).answerable


@pytest.mark.parametrize(("year", "answerable"), [("2024", True), ("2023", False), ("2025", False)])
def test_last_year_counts_from_the_date_of_the_article(
    finder: EvidenceFinder, analyse: Analyse, year: str, answerable: bool
) -> None:
    hits = [hit("去年，双流区新建石桥37座。", date="2025-03-01")]
    verdict = judged(finder, analyse(f"{year}年双流区新建石桥多少座?"), hits)
    assert verdict.answerable is answerable


def test_the_next_sentence_answers_where_the_best_is_about_another_place(
    finder: EvidenceFinder, analyse: Analyse
) -> None:
    hits = [
        hit("龙泉驿区建立200余个党员先锋岗。"),
        hit("双流区今年也新建了30个党员先锋岗。", rank=2),
    ]
    verdict = judged(finder, analyse("双流区建了多少党员先锋岗?"), hits)
    assert verdict.answerable
    assert verdict.evidence[0].short is not None
    assert verdict.evidence[0].short.text == "30个"


@pytest.mark.parametrize(
    "question",
    [
        "龙泉驿区建了多少党员先锋岗?",
        "成都市龙泉驿区的东华村有多少汽车企业?",
        "四川省龙泉驿区建了多少党员先锋岗?",
    ],
)
def test_a_place_named_with_what_it_belongs_to_is_the_same_place(
    finder: EvidenceFinder, analyse: Analyse, question: str
) -> None:
    text = "成都市龙泉驿区建立200余个党员先锋岗。龙泉驿区东华村聚集汽车企业1600余家。"
    assert judged(finder, analyse(question), [hit(text)]).answerable


def test_an_english_answer_declines_in_english(assistant: Assistant) -> None:
    answer = assistant.ask("How do I change a flat bicycle tyre?")
    assert "documents" in answer.text
