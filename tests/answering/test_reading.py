"""Where a reader's answer takes the rules' place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from rag.answering import EvidenceFinder, Question
from rag.answering.reading import Reading, passages_of
from rag.answering.shortanswer import ShortAnswer
from rag.assembly import segment
from rag.types import Hit
from tests.answering.articles import hit
from tests.answering.told_reader import ToldReader

Analyse = Callable[[str], Question]
TEXT = (
    "蓝溪村的石桥由老工匠带人修成。人们把这座石桥叫作望乡桥。石桥全长六十二步,"
    "因为山洪年年冲断木桥,村里改建了石桥。"
)


@pytest.fixture
def hits() -> list[Hit]:
    return [hit(TEXT)]


def test_the_readers_span_is_the_short_answer(
    analyse: Analyse, finder: EvidenceFinder, hits: list[Hit]
) -> None:
    question = analyse("人们把石桥叫作什么桥?")
    evidence = finder.find(question, hits)
    read, margin = Reading(ToldReader(("望乡桥", 0.9)), segment).refine(question, evidence)
    assert read[0].short is not None
    assert read[0].short.text == "望乡桥"
    assert read[0].text[read[0].short.start : read[0].short.end] == "望乡桥"
    assert margin == pytest.approx(4.0)


def test_the_sentence_of_the_span_comes_first_and_none_is_lost(
    analyse: Analyse, finder: EvidenceFinder, hits: list[Hit]
) -> None:
    question = analyse("人们把石桥叫作什么桥?")
    evidence = finder.find(question, hits)
    read, _ = Reading(ToldReader(("老工匠", 0.99)), segment).refine(question, evidence)
    assert "老工匠" in read[0].text
    assert {item.start for item in read} == {item.start for item in evidence}


def test_why_is_answered_by_the_whole_clause(
    analyse: Analyse, finder: EvidenceFinder, hits: list[Hit]
) -> None:
    question = analyse("村里为什么改建石桥?")
    evidence = finder.find(question, hits)
    read, _ = Reading(ToldReader(("山洪", 0.9)), segment).refine(question, evidence)
    assert read[0].short is not None
    assert read[0].short.text == "因为山洪年年冲断木桥"


def test_without_a_span_everything_stays(
    analyse: Analyse, finder: EvidenceFinder, hits: list[Hit]
) -> None:
    question = analyse("石桥有多长?")
    evidence = finder.find(question, hits)
    assert Reading(ToldReader(), segment).refine(question, evidence) == (tuple(evidence), None)
    assert Reading(ToldReader(), segment).refine(question, []) == ((), None)


def test_neighbouring_sentences_are_read_as_one_text(
    analyse: Analyse, finder: EvidenceFinder, hits: list[Hit]
) -> None:
    question = analyse("人们把石桥叫作什么桥?")
    passages = passages_of(question, finder.find(question, hits), ToldReader())
    assert [passage.text for passage in passages] == [TEXT]


def test_only_what_fits_is_read_the_best_sentence_always(
    analyse: Analyse, finder: EvidenceFinder, hits: list[Hit]
) -> None:
    question = analyse("人们把石桥叫作什么桥?")
    evidence = finder.find(question, hits)
    passages = passages_of(question, evidence, ToldReader(room=5))
    assert [passage.text for passage in passages] == [evidence[0].text]


def test_a_reader_that_does_not_lead_leaves_the_rules_their_answer(
    analyse: Analyse, finder: EvidenceFinder, hits: list[Hit]
) -> None:
    question = analyse("石桥全长多少步?")
    first, *others = finder.find(question, hits)
    ruled = replace(first, short=ShortAnswer(0, 2, first.text[:2], 0.4))
    evidence = [ruled, *others]
    reading = Reading(ToldReader(("山洪", 0.9)), segment, leading=False)
    assert reading.refine(question, evidence)[0] == tuple(evidence)


def test_a_reader_that_does_not_lead_never_changes_the_sentence(
    analyse: Analyse, finder: EvidenceFinder, hits: list[Hit]
) -> None:
    question = analyse("人们把石桥叫作什么桥?")
    evidence = [replace(item, short=None) for item in finder.find(question, hits)]
    reading = Reading(ToldReader(("老工匠", 0.9), ("望乡桥", 0.1)), segment, leading=False)
    read, _ = reading.refine(question, evidence)
    assert [item.start for item in read] == [item.start for item in evidence]
    assert read[0].short is None or read[0].short.text in read[0].text
