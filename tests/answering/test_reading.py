"""Where a reader's answer takes the rules' place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from rag.answering import EvidenceFinder, Question
from rag.answering.reading import (
    Proposal,
    Read,
    Reading,
    chunks_of,
    expected_best,
    passages_of,
)
from rag.protocols import ReadSpan
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
    done = Reading(ToldReader(("望乡桥", 0.9))).refine(question, evidence)
    read = done.evidence
    assert read[0].short is not None
    assert read[0].short.text == "望乡桥"
    assert read[0].text[read[0].short.start : read[0].short.end] == "望乡桥"
    assert done.margin == pytest.approx(4.0)
    assert done.probability == pytest.approx(0.9)


def test_the_sentence_of_the_span_comes_first_and_none_is_lost(
    analyse: Analyse, finder: EvidenceFinder, hits: list[Hit]
) -> None:
    question = analyse("人们把石桥叫作什么桥?")
    evidence = finder.find(question, hits)
    read = Reading(ToldReader(("老工匠", 0.99))).refine(question, evidence).evidence
    assert "老工匠" in read[0].text
    assert {item.start for item in read} == {item.start for item in evidence}


@pytest.mark.parametrize("span", ["望乡桥小传", "。"])
def test_neither_a_heading_nor_marks_are_an_answer(
    analyse: Analyse, finder: EvidenceFinder, span: str
) -> None:
    question = analyse("人们把石桥叫作什么桥?")
    found = hit(f"望乡桥小传\n{TEXT}")
    found = replace(found, chunk=replace(found.chunk, context="望乡桥小传"))
    evidence = finder.find(question, [found])
    reader = ToldReader((span, 0.99), ("望乡桥", 0.4))
    # Of a text that a reader gives, this one takes the first place: the heading.
    assert Reading(reader, whole=True).refine(question, evidence) == Read(tuple(evidence))


def test_a_date_is_no_number_of_things(analyse: Analyse, finder: EvidenceFinder) -> None:
    question = analyse("蓝溪村修了多少座石桥?")
    evidence = finder.find(question, [hit("二〇二五年初,蓝溪村修了三座石桥。")])
    told = Reading(ToldReader(("二〇二五年初", 0.99), ("三", 0.2))).refine(question, evidence)
    assert told.evidence[0].short is not None
    assert told.evidence[0].short.text == "三座"


def test_why_is_answered_by_the_whole_clause(
    analyse: Analyse, finder: EvidenceFinder, hits: list[Hit]
) -> None:
    question = analyse("村里为什么改建石桥?")
    evidence = finder.find(question, hits)
    read = Reading(ToldReader(("山洪", 0.9))).refine(question, evidence).evidence
    assert read[0].short is not None
    assert read[0].short.text == "因为山洪年年冲断木桥"


def test_without_a_span_everything_stays(
    analyse: Analyse, finder: EvidenceFinder, hits: list[Hit]
) -> None:
    question = analyse("石桥有多长?")
    evidence = finder.find(question, hits)
    assert Reading(ToldReader()).refine(question, evidence) == Read(tuple(evidence))
    assert Reading(ToldReader()).refine(question, []) == Read(())


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


def test_whole_chunks_are_read_the_best_always(
    analyse: Analyse, finder: EvidenceFinder, hits: list[Hit]
) -> None:
    question = analyse("人们把石桥叫作什么桥?")
    evidence = finder.find(question, hits)
    reader = ToldReader(("望乡桥", 0.9), room=1)
    Reading(reader, whole=True).refine(question, evidence)
    assert reader.asked == [(question.text, (evidence[0].hit.chunk.text,))]
    assert [one.text for one in chunks_of(question, evidence, ToldReader(room=9999))] == list(
        dict.fromkeys(item.hit.chunk.text for item in evidence)
    )


def test_a_figure_is_given_with_its_unit(analyse: Analyse, finder: EvidenceFinder) -> None:
    question = analyse("蓝溪村修了多少座石桥?")
    found = finder.find(question, [hit("蓝溪村去年修了37座石桥。")])
    evidence = [replace(item, short=None) for item in found]
    read = Reading(ToldReader(("37", 0.9))).refine(question, evidence).evidence
    assert read[0].short is not None
    assert read[0].short.text == "37座"


def test_a_list_is_left_to_the_rules(
    analyse: Analyse, finder: EvidenceFinder, hits: list[Hit]
) -> None:
    question = analyse("石桥有哪些叫法?")
    evidence = finder.find(question, hits)
    assert Reading(ToldReader(("望乡桥", 0.9))).refine(question, evidence) == Read(tuple(evidence))


def test_several_readings_of_one_answer_outweigh_another_one(
    analyse: Analyse, finder: EvidenceFinder, hits: list[Hit]
) -> None:
    question = analyse("人们把石桥叫作什么桥?")
    item = next(one for one in finder.find(question, hits) if len(one.text) >= 9)

    def proposal(start: int, end: int, probability: float) -> Proposal:
        span = ReadSpan(0, start, end, item.text[start:end], probability, 0.0)
        return Proposal(span, item, start, end)

    # 3 characters beside 4: F1 is 6/7. Expected overlap of 0.4 : 0.31 : 0.29 is 0.4 for the first,
    # 0.31 + 0.29 * 6/7 = 0.559 for the second and 0.29 + 0.31 * 6/7 = 0.556 for the third.
    other, short, long = proposal(0, 2, 0.4), proposal(5, 8, 0.31), proposal(5, 9, 0.29)
    assert expected_best([other, short, long]) is short
    assert expected_best([other, short]) is other
