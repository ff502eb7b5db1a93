"""Each measure on values worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rag.evaluation.citing import Citing, facts, judge_citations
from rag.evaluation.gold import Gold
from rag.evaluation.matching import has_right_short_answer, is_right
from rag.evaluation.ranking import Judged, judge, measure
from rag.evaluation.reading import exact_match, f1, longest_common_run, segments
from rag.evaluation.selective import (
    area_under_risk_coverage,
    expected_calibration_error,
    risk_coverage,
)
from rag.evaluation.statistics import (
    interval,
    mcnemar,
    resample_weights,
    sign_flip,
    weighted_mean,
)
from tests.evaluation.making import answer, hit

BRIDGES = Gold("1", "修了几座桥？", answers=("37座",), evidence=("修了37座石桥",))
ONCE_FOUR = np.ones((1, 4))


# reading, as the CMRC 2018 script has it


def test_segments_are_chinese_characters_and_words_without_punctuation() -> None:
    assert segments("《红楼梦》, Chapter 12!") == ["红", "楼", "梦", ",", "chapter", "12", "!"]
    assert segments("3.5%，约1,200人") == ["3.5", "%", "约", "1,200", "人"]
    assert segments("9-5") == ["95"]


@pytest.mark.parametrize(
    ("answers", "said", "wanted"),
    [
        (["37座"], "37座", 1.0),
        (["37座"], "37座。", 1.0),  # the full stop is on the script's list
        (["37座"], "37座!", 0.0),  # an ASCII exclamation mark isn't
        (["A-B"], "ab", 1.0),
        (["三十七座", "37座"], "37座", 1.0),
        (["37座"], "37 座", 0.0),
    ],
)
def test_an_exact_match_is_but_for_case_and_listed_punctuation(
    answers: list[str], said: str, wanted: float
) -> None:
    assert exact_match(answers, said) == wanted


def test_f1_counts_the_longest_common_run() -> None:
    # Wanted 北 京 大 学; said 在 北 京 上 大 学: the longest run is 2 of 4 and of 6.
    assert f1(["北京大学"], "在北京上大学") == pytest.approx(
        2 * (2 / 6) * (2 / 4) / (2 / 6 + 2 / 4)
    )
    # A bag of characters would find all four and give 0.8.
    assert f1(["北京大学"], "在北京上大学") == pytest.approx(0.4)
    assert f1(["上海", "北京大学"], "北京大学") == 1.0
    assert f1(["上海"], "北京") == 0.0
    assert f1(["上海"], "") == 0.0


def test_a_common_run_is_of_whole_segments() -> None:
    assert longest_common_run("abcde", "xbcdy") == 3
    assert longest_common_run([], "abc") == 0
    assert longest_common_run(segments("1200人"), segments("200人")) == 1


# right or wrong


def test_an_answer_is_right_when_it_says_it_and_cites_the_evidence() -> None:
    assert is_right(BRIDGES, answer("37座", ("a", "村里修了37座石桥。")))
    assert is_right(BRIDGES, answer("３７ 座", ("a", "村里修了 37 座石橋。")))
    assert not is_right(BRIDGES, answer("37座", ("a", "村里有37座桥。")))
    assert not is_right(BRIDGES, answer("20座", ("a", "村里修了37座石桥。"), text="20座"))
    assert not is_right(BRIDGES, answer(None))


def test_all_parts_are_needed_where_the_row_says_so() -> None:
    both = Gold("1", "哪两个品牌？", answers_all=("吉利", "沃尔沃"))
    assert is_right(both, answer("吉利和沃尔沃"))
    assert not is_right(both, answer("吉利"))
    assert not has_right_short_answer(both, answer("吉利"))


def test_a_row_that_names_articles_wants_one_of_them_cited() -> None:
    gold = Gold("1", "几座？", answers=("37座",), documents=("a",))
    assert is_right(gold, answer("37座", ("a", "修了37座。")))
    assert not is_right(gold, answer("37座", ("b", "修了37座。")))
    reprint = (hit(1, "b", "村里修了37座。", duplicates=("a",)),)
    assert is_right(gold, answer("37座", ("b", "修了37座。"), hits=reprint))


def test_what_can_not_be_answered_must_be_declined() -> None:
    gold = Gold("1", "几座？", answerable=False)
    assert is_right(gold, answer(None))
    assert not is_right(gold, answer("37座"))


def test_a_short_answer_may_be_part_of_an_accepted_one() -> None:
    gold = Gold("1", "几座？", answers=("37座石桥",))
    assert has_right_short_answer(gold, answer("37座"))
    assert has_right_short_answer(gold, answer("一共37座石桥"))
    assert not has_right_short_answer(gold, answer("座"))
    assert not has_right_short_answer(gold, answer(None))


# ranking


def test_by_passage_each_fragment_counts_where_it_is_first_found() -> None:
    gold = Gold("1", "?", answers=("x",), evidence=("甲乙", "丙丁"))
    hits = (
        hit(1, "a", "无关"),
        hit(2, "a", "有甲 乙"),
        hit(3, "b", "又是甲乙"),
        hit(4, "b", "丙丁"),
    )
    assert judge(gold, hits) == Judged((2, 4), 2)
    assert judge(gold, hits[:3]) == Judged((2,), 2)


def test_fragments_in_one_passage_count_as_one() -> None:
    gold = Gold("1", "?", answers=("x",), evidence=("甲乙", "丙丁"))
    assert judge(gold, (hit(1, "a", "甲乙丙丁"),)) == Judged((1,), 1)


def test_without_evidence_any_accepted_answer_is_looked_for() -> None:
    gold = Gold("1", "?", answers=("三十七", "37"))
    assert judge(gold, (hit(1, "a", "没有"), hit(2, "b", "37座"))) == Judged((2,), 1)


def test_by_article_passages_of_one_article_count_once() -> None:
    gold = Gold("1", "?", answers=("x",), documents=("b",))
    hits = (hit(1, "a"), hit(2, "a"), hit(3, "b"), hit(4, "b"))
    assert judge(gold, hits) == Judged((2,), 1)


def test_any_article_is_enough_where_any_answer_is_and_all_are_wanted_elsewhere() -> None:
    hits = (hit(1, "a"), hit(2, "c"))
    assert judge(Gold("1", "?", answers=("x",), documents=("a", "b")), hits) == Judged((1,), 1)
    assert judge(Gold("1", "?", documents=("a", "b")), hits) == Judged((1,), 2)


def test_a_reprint_of_a_wanted_article_is_as_good() -> None:
    gold = Gold("1", "?", answers=("x",), documents=("b",))
    assert judge(gold, (hit(1, "a", duplicates=("b",)),)) == Judged((1,), 1)


def test_ranking_measures_on_hand_worked_ranks() -> None:
    found = measure({"q": Judged((2, 4), 3), "none": Judged((), 1), "unknown": Judged((), 0)})
    assert found["q"]["recall@1"] == 0.0
    assert found["q"]["recall@5"] == pytest.approx(2 / 3)
    assert found["q"]["mrr@10"] == 0.5
    gain = 1 / math.log2(3) + 1 / math.log2(5)
    ideal = 1 + 1 / math.log2(3) + 1 / math.log2(4)
    assert found["q"]["ndcg@10"] == pytest.approx(gain / ideal)
    assert set(found["none"].values()) == {0.0}
    assert "unknown" not in found


def test_a_rank_beyond_ten_counts_for_recall_at_20_alone() -> None:
    assert measure({"q": Judged((15,), 1)})["q"] == {
        "recall@1": 0.0, "recall@5": 0.0, "recall@20": 1.0, "mrr@10": 0.0, "ndcg@10": 0.0,
    }  # fmt: skip


# citations


def test_citation_precision_and_recall_on_two_quotations() -> None:
    gold = Gold("1", "?", answers=("x",), evidence=("甲乙", "丙丁", "戊己"))
    given = answer("x", ("a", "有甲乙和丙丁"), ("b", "无关的话"))
    assert judge_citations(gold, given, frozenset()) == Citing(0.5, 2 / 3, None)


def test_a_quotation_from_another_article_is_no_evidence_where_articles_are_named() -> None:
    gold = Gold("1", "?", answers=("37座",), documents=("a",))
    wrong = answer("37座", ("b", "修了37座。"))
    assert judge_citations(gold, wrong, frozenset()) == Citing(0.0, 0.0, 1.0)
    elsewhere = answer("37座", ("a", "村里有桥。"))
    assert judge_citations(gold, elsewhere, frozenset()) == Citing(1.0, 0.0, 0.0)


def test_a_refusal_cites_nothing() -> None:
    assert judge_citations(BRIDGES, answer(None), frozenset()) == Citing(None, None, None)


def test_support_is_the_share_of_figures_dates_and_names_that_a_quotation_holds() -> None:
    text = "2025年，龙泉驿区的 Geely 投了1,200万元，见《年报》。"
    assert facts(text, frozenset({"龙泉驿"})) == {"2025", "1200", "龙泉驿", "geely", "年报"}
    given = answer("x", ("a", "龙泉驿区的 Geely 投了1200万元"), text=text)
    assert judge_citations(BRIDGES, given, frozenset({"龙泉驿"})).support == pytest.approx(3 / 5)


def test_a_figure_inside_a_longer_one_is_no_support() -> None:
    given = answer("20座", ("a", "修了1200座。"), text="20座")
    assert judge_citations(BRIDGES, given, frozenset()).support == 0.0


# when to answer


def test_risk_and_coverage_on_four_questions() -> None:
    confidence, right = np.array([0.9, 0.2, 0.7, 0.4]), np.array([1.0, 0.0, 0.0, 1.0])
    coverage, risk = risk_coverage(confidence, right)
    assert coverage.tolist() == [0.25, 0.5, 0.75, 1.0]
    assert risk.tolist() == pytest.approx([0, 1 / 2, 1 / 3, 2 / 4])
    area = area_under_risk_coverage(confidence, right, ONCE_FOUR)
    assert area[0] == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 2) / 4)


def test_among_equally_sure_answers_the_wrong_ones_come_first() -> None:
    area = area_under_risk_coverage(np.array([0.5, 0.5]), np.array([1.0, 0.0]), np.ones((1, 2)))
    assert area[0] == pytest.approx((1 + 1 / 2) / 2)


def test_a_perfect_order_has_the_least_area() -> None:
    right = np.array([1.0, 1.0, 0.0, 0.0])
    best = area_under_risk_coverage(np.array([0.9, 0.8, 0.2, 0.1]), right, ONCE_FOUR)
    worst = area_under_risk_coverage(np.array([0.1, 0.2, 0.8, 0.9]), right, ONCE_FOUR)
    assert best[0] == pytest.approx((1 / 3 + 1 / 2) / 4)
    assert worst[0] == pytest.approx((1 + 1 + 2 / 3 + 1 / 2) / 4)


def test_calibration_error_is_the_mean_gap_of_the_bins() -> None:
    confidence, right = np.array([0.95, 0.91, 0.32, 0.38]), np.array([1.0, 0.0, 1.0, 0.0])
    # Bin 9: mean confidence 0.93, right 0.5; bin 3: 0.35, 0.5. Two questions of four each.
    error = expected_calibration_error(confidence, right, ONCE_FOUR)
    assert error[0] == pytest.approx(0.43 / 2 + 0.15 / 2)
    assert expected_calibration_error(np.ones(3), np.ones(3), np.ones((1, 3)))[0] == 0.0


# how sure the figures are


def test_weights_draw_as_many_as_there_are_and_repeat() -> None:
    weights = resample_weights(50, 20)
    assert weights.shape == (20, 50)
    assert set(weights.sum(axis=1)) == {50.0}
    assert np.array_equal(weights, resample_weights(50, 20))


def test_an_interval_holds_the_mean_and_narrows_with_more_questions() -> None:
    few, many = np.array([1.0, 0.0] * 10), np.array([1.0, 0.0] * 500)
    low, high = interval(weighted_mean(few, resample_weights(len(few))))
    assert low < 0.5 < high
    # The standard error of 20 coin flips is 0.11, of 1000 it is 0.016.
    assert high - low == pytest.approx(2 * 1.96 * 0.112, abs=0.08)
    low, high = interval(weighted_mean(many, resample_weights(len(many))))
    assert high - low == pytest.approx(2 * 1.96 * 0.0158, abs=0.01)


def test_a_resample_without_any_of_the_values_is_left_out() -> None:
    weights = np.array([[0.0, 2.0], [1.0, 1.0]])
    mean = weighted_mean(np.array([0.5]), weights[:, :1])
    assert math.isnan(mean[0])
    assert interval(mean) == (0.5, 0.5)


def test_mcnemar_is_the_exact_binomial_test() -> None:
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(3, 3) == 1.0
    assert mcnemar(5, 0) == pytest.approx(2 / 2**5)
    assert mcnemar(1, 9) == pytest.approx(2 * (1 + 10) / 2**10)
    assert mcnemar(600, 500) == pytest.approx(0.0028, abs=0.0003)  # z = 99 / sqrt(1100) = 2.985


def test_random_signs_agree_with_the_exact_count() -> None:
    # Five equal gains: of 32 sign patterns two are as large in sum.
    assert sign_flip([0.2] * 5) == pytest.approx(2 / 32, abs=0.01)
    assert sign_flip([0.0, 0.0]) == 1.0
    assert sign_flip([0.3, -0.3]) == 1.0
