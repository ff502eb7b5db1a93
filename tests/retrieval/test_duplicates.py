"""Reprints, and what only looks like one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.retrieval.duplicates import (
    containment,
    first_of_each,
    sharing,
    shingles,
    worth_comparing,
)

ARTICLE = (
    "邛崃市平乐古镇的竹编已有三百多年历史。近日，当地举办竹编技艺大赛，来自各村的手艺人同台比拼，"
    "展示了花篮、灯具和屏风等作品。评委认为，年轻人的加入让老手艺有了新样子。"
)
NOTICE = (
    "{place}发布停水通知：因自来水管网改造施工，定于{day}对{road}片区实施停水，预计停水{hours}小时，"
    "涉及居民{homes}户。请广大用户提前做好储水准备，施工期间给您带来的不便敬请谅解。"
    "如遇特殊情况无法按时恢复供水，将另行通知。"
)
LONGQUANYI = NOTICE.format(
    place="龙泉驿区水务局", day="10月3日", road="驿都大道", hours=8, homes=1200
)


def same(a: str, b: str) -> bool:
    return first_of_each([a, b]) == [0, 0]


def test_shingles_are_the_trigrams_of_the_bare_folded_text() -> None:
    assert shingles("竹編，Ａ1！") == {"竹编a", "编a1"}
    assert shingles("好") == {"好"}
    assert shingles("，。") == {""}


def test_containment_is_the_share_of_the_smaller_set() -> None:
    assert containment(frozenset("abcd"), frozenset("ab")) == 1.0
    assert containment(frozenset("abcd"), frozenset("axyz")) == 0.25
    assert containment(frozenset(), frozenset("a")) == 0.0


def test_nothing_repeats_nothing() -> None:
    assert first_of_each([]) == []
    assert first_of_each(["一篇", "另外的文章"]) == [0, 1]


@given(st.lists(st.text("竹编\n\U0002000b", max_size=60), max_size=6))
def test_the_glance_at_all_texts_misses_no_pair_worth_comparing(texts: list[str]) -> None:
    near = set(sharing(texts))
    for j, later in enumerate(texts):
        for i, earlier in enumerate(texts[:j]):
            assert (j, i) in near or not worth_comparing(earlier, later)


def test_the_glance_leaves_out_texts_that_have_nothing_in_common() -> None:
    assert sharing([ARTICLE, LONGQUANYI, "x" + ARTICLE[20:]]) == [(2, 0)]


def test_an_exact_reprint_points_at_the_first_printing() -> None:
    assert first_of_each([ARTICLE, "完全不同的一段话。", ARTICLE, ARTICLE]) == [0, 1, 0, 0]


@pytest.mark.parametrize(
    "reprint",
    [
        ARTICLE.replace("近日，", "日前，"),
        ARTICLE.replace("，", ", "),
        ARTICLE.replace("来自各村的手艺人", "各村的手艺人"),
        "本报讯 " + ARTICLE,
        ARTICLE.replace("展示了花篮、灯具和屏风等作品。", "展示了花篮等作品。"),
        ARTICLE + "（记者 王芳）",
    ],
)
def test_a_reprint_with_small_edits_is_a_reprint(reprint: str) -> None:
    assert same(ARTICLE, reprint)
    assert same(reprint, ARTICLE)


def test_a_rewritten_article_about_the_same_is_none() -> None:
    assert not same(
        ARTICLE,
        "竹编技艺大赛日前在平乐古镇开赛，各村手艺人带来花篮和屏风。这门手艺在邛崃流传了三百多年，"
        "如今吸引了不少年轻人，评委对他们的创新赞不绝口。",
    )


def test_a_short_passage_inside_a_long_one_is_no_reprint() -> None:
    short = ARTICLE[:45]
    assert short in ARTICLE
    assert not same(ARTICLE, short)
    assert not same(short, ARTICLE)


def test_passages_of_one_article_are_not_compared() -> None:
    assert first_of_each([ARTICLE, ARTICLE], ["a", "a"]) == [0, 1]
    assert first_of_each([ARTICLE, ARTICLE, ARTICLE], ["a", "a", "b"]) == [0, 1, 0]


def test_a_notice_of_another_place_day_and_figures_is_another_notice() -> None:
    other = NOTICE.format(place="邛崃市水务局", day="11月8日", road="文君街道", hours=12, homes=860)
    assert not same(LONGQUANYI, other)


@pytest.mark.parametrize(
    ("here", "there"), [("1200", "1260"), ("水8小", "水12小"), ("10月3日", "10月8日")]
)
def test_one_other_figure_in_the_same_words_makes_another_notice(here: str, there: str) -> None:
    other = LONGQUANYI.replace(here, there)
    assert other != LONGQUANYI
    assert containment(shingles(LONGQUANYI), shingles(other)) > 0.9
    assert not same(LONGQUANYI, other)


def test_the_same_figures_written_in_another_way_are_the_same() -> None:
    assert same(LONGQUANYI, LONGQUANYI.replace("1200", "１，２００"))


def test_a_reprint_that_leaves_a_figure_out_is_a_reprint() -> None:
    assert same(LONGQUANYI, LONGQUANYI.replace("，涉及居民1200户", ""))


@given(st.lists(st.text(max_size=30), max_size=6))
def test_the_first_of_a_text_stands_at_or_before_it_and_is_its_own_first(texts: list[str]) -> None:
    firsts = first_of_each(texts)
    assert len(firsts) == len(texts)
    for i, first in enumerate(firsts):
        assert first <= i
        assert firsts[first] == first
