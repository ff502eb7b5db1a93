"""Which sentence of the hits answers."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rag.answering import EvidenceFinder, Question
from rag.answering.matching import match
from tests.answering.articles import hit

Analyse = Callable[[str], Question]


@pytest.mark.parametrize(
    ("question", "text", "sentence"),
    [
        (
            "龙泉驿区建了多少党员先锋岗?",
            "龙泉驿区发放惠蓉贷18亿元。龙泉驿区建立200余个党员先锋岗。邛崃市修了37座桥。",
            "龙泉驿区建立200余个党员先锋岗。",
        ),
        (
            "蓝溪村修了几座石桥?",
            "石桥很美，蓝溪村的人都喜欢。蓝溪村修了37座石桥。",
            "蓝溪村修了37座石桥。",
        ),
        (
            "檀阴社区的书记是谁?",
            "檀阴社区的书记是谁？檀阴社区党组织书记刘洪说，大家都来了。",
            "檀阴社区党组织书记刘洪说，大家都来了。",
        ),
        (
            "How many volunteers does the museum have?",
            "The museum likes its volunteers. The museum has 45 volunteers.",
            "The museum has 45 volunteers.",
        ),
    ],
)
def test_the_sentence_that_answers_comes_first(
    finder: EvidenceFinder, analyse: Analyse, question: str, text: str, sentence: str
) -> None:
    assert finder.find(analyse(question), [hit(text)])[0].text.strip() == sentence


def test_evidence_comes_best_first(finder: EvidenceFinder, analyse: Analyse) -> None:
    text = "今天有雨。石桥很老。蓝溪村修了37座石桥。集市很热闹。"
    found = finder.find(analyse("蓝溪村修了几座石桥?"), [hit(text)])
    scores = [item.score for item in found]
    assert scores == sorted(scores, reverse=True)
    assert len(found) == 4


def test_offsets_point_at_the_sentence_in_the_document(
    finder: EvidenceFinder, analyse: Analyse
) -> None:
    text = "集市很熱鬧。\n\n藍溪村在２０２３年修了３７座石橋。"
    for item in finder.find(analyse("蓝溪村修了几座石桥?"), [hit(text)]):
        assert item.text == text[item.start : item.end]


def test_shares_stay_between_nothing_and_all(finder: EvidenceFinder, analyse: Analyse) -> None:
    text = "今天有雨。蓝溪村修了37座石桥。"
    for item in finder.find(analyse("蓝溪村修了几座石桥?"), [hit(text)]):
        assert 0 <= item.covered <= item.around <= 1
        assert 0 <= item.similarity <= 1


def test_what_stands_before_a_sentence_counts_around_it(
    finder: EvidenceFinder, analyse: Analyse
) -> None:
    question = analyse("蓝溪村修了几座石桥?")
    best = finder.find(question, [hit("蓝溪村很美。村里修了37座石桥。")])[0]
    assert best.text == "村里修了37座石桥。"
    assert best.around > best.covered


def test_the_title_counts_around_a_sentence(finder: EvidenceFinder, analyse: Analyse) -> None:
    question = analyse("蓝溪村修了几座石桥?")
    titled = finder.find(question, [hit("修了37座石桥。", title="蓝溪村修桥记")])[0]
    untitled = finder.find(question, [hit("修了37座石桥。")])[0]
    assert titled.around > untitled.around
    assert titled.covered == untitled.covered


def test_of_equal_sentences_the_higher_ranked_hit_is_better(
    finder: EvidenceFinder, analyse: Analyse
) -> None:
    low = hit("蓝溪村修了37座石桥。", rank=2, title="乙")
    high = hit("蓝溪村修了37座石桥。", rank=1, title="甲")
    found = finder.find(analyse("蓝溪村修了几座石桥?"), [high, low])
    assert [item.hit.document.title for item in found] == ["甲", "乙"]


def test_overlapping_hits_give_each_sentence_once(finder: EvidenceFinder, analyse: Analyse) -> None:
    same = hit("蓝溪村修了37座石桥。")
    assert len(finder.find(analyse("蓝溪村修了几座石桥?"), [same, same])) == 1


def test_a_table_answers_from_the_column_of_the_place(
    finder: EvidenceFinder, analyse: Analyse
) -> None:
    table = "项目 | 龙泉驿区 | 邛崃市\n惠蓉贷 | 18亿元 | 26.54亿元\n税费 | 3亿元 | 9.2亿元"
    best = finder.find(analyse("邛崃市发放了多少惠蓉贷?"), [hit(table)])[0]
    assert best.short is not None
    assert best.short.text == "26.54亿元"


def test_nothing_is_found_without_words_or_hits(finder: EvidenceFinder, analyse: Analyse) -> None:
    assert finder.find(analyse("?"), [hit("蓝溪村修了37座石桥。")]) == []
    assert finder.find(analyse("蓝溪村修了几座石桥?"), []) == []


@pytest.mark.parametrize(
    ("word", "text", "least", "most"),
    [
        ("龙泉驿区", "龙泉驿区建岗", 1.0, 1.0),
        ("龙泉驿区", "龙泉驿建岗", 0.9, 0.99),
        ("双流区", "龙泉驿区建岗", 0.0, 0.0),
        ("volunteers", "a volunteer came", 0.5, 0.99),
        ("museum", "a gallery", 0.0, 0.0),
        ("党员先锋岗", "党员的先锋岗", 0.3, 0.99),
    ],
)
def test_a_word_matches_whole_or_in_part(word: str, text: str, least: float, most: float) -> None:
    assert least <= match(word, text) <= most
