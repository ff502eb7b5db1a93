"""Spans that could be a short answer of a kind."""

from __future__ import annotations

import pytest

from rag.answering.kinds import Kind
from rag.answering.spans import candidates
from rag.text import fold
from tests.answering.articles import not_yet


def texts(kind: Kind, sentence: str) -> list[str]:
    folded = fold(sentence)
    return [folded[start:end] for start, end in candidates(kind, folded, sentence)]


@pytest.mark.parametrize(
    ("kind", "sentence", "span"),
    [
        (Kind.QUANTITY, "龙泉驿区建立200余个党员先锋岗。", "200余个"),
        (Kind.QUANTITY, "聚集企业1600余家。", "1600余家"),
        (Kind.QUANTITY, "注册居民15,000余名。", "15,000余名"),
        (Kind.QUANTITY, "位列百强区第38位。", "第38位"),
        (Kind.QUANTITY, "回应诉求10.7万件。", "10.7万件"),
        (Kind.QUANTITY, "三座石桥建成。", "三座"),
        (Kind.QUANTITY, "测试里程近6万公里。", "近6万公里"),
        (Kind.QUANTITY, "She leads 45 volunteers.", "45"),
        (Kind.QUANTITY, "It has more than 1,200 members.", "more than 1,200"),
        (Kind.PERCENT, "民营经济占比超45%。", "超45%"),
        (Kind.PERCENT, "收入增长百分之六十。", "百分之六十"),
        (Kind.PERCENT, "提高3.5个百分点。", "3.5个百分点"),
        (Kind.PERCENT, "About 12 percent of firms.", "12 percent"),
        (Kind.MONEY, "新投放惠蓉贷26.54亿元。", "26.54亿元"),
        (Kind.MONEY, "每年补贴500元。", "500元"),
        (Kind.MONEY, "出口2.3万美元。", "2.3万美元"),
        (Kind.MONEY, "It issued 1.8 billion yuan.", "1.8 billion yuan"),
        (Kind.MONEY, "It costs $12.50 today.", "$12.50"),
        (Kind.MONEY, "It costs $12.50.", "$12.50"),
        (Kind.DATE, "2024年3月5日开园。", "2024年3月5日"),
        (Kind.DATE, "今年1月开园。", "今年1月"),
        (Kind.DATE, "5月1日开放。", "5月1日"),
        (Kind.DATE, "二〇二四年开放。", "二〇二四年"),
        (Kind.DATE, "It opened on 3 May 1998.", "3 May 1998"),
        (Kind.DATE, "It opened in 1998.", "1998"),
        (Kind.PERSON, "书记刘洪说,很好。", "刘洪"),
        not_yet(Kind.PERSON, "工程师简云久改进了工艺。", "简云久", why="a verb follows the name"),
        (Kind.PERSON, "卡尔·马克思,生于1818年。", "卡尔·马克思"),
        (Kind.PERSON, "Its director, Jane Holloway, left.", "Jane Holloway"),
        (Kind.PLACE, "柏合街道很热闹。", "柏合街道"),
        (Kind.PLACE, "It stands in Bristol.", "Bristol"),
        (Kind.ORGANISATION, "成都文旅公司负责。", "成都文旅公司"),
        (Kind.ORGANISATION, "四川大学来了。", "四川大学"),
        (Kind.NAME, "推出“驿站办”品牌。", "驿站办"),
        (Kind.NAME, "读《红楼梦》的人。", "红楼梦"),
        (Kind.LIST, "植树、理发和打扫。", "植树、理发和打扫"),
        (Kind.QUANTITY, "Huirong loans (惠蓉贷) of 2.654 billion yuan;", "2.654 billion yuan"),
    ],
)
def test_a_sentence_offers_the_span(kind: Kind, sentence: str, span: str) -> None:
    assert fold(span) in [fold(text) for text in texts(kind, sentence)]


def test_english_names_are_told_by_capitals_of_the_original() -> None:
    assert texts(Kind.PERSON, "the director left the museum.") == []


@pytest.mark.parametrize("kind", [Kind.REASON, Kind.HOW, Kind.YES_NO, Kind.OTHER])
def test_kinds_without_a_pattern_offer_nothing(kind: Kind) -> None:
    assert texts(kind, "因为2024年有200余个岗位。") == []


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        (Kind.QUANTITY, "很多企业都来了。"),
        (Kind.QUANTITY, "汽车零部件企业很多。"),
        (Kind.PERCENT, "聚集企业1600余家。"),
        (Kind.MONEY, "聚集企业1600余家。"),
        (Kind.DATE, "聚集企业60余家。"),
        (Kind.PERSON, "聚集企业1600余家。"),
        (Kind.NAME, "没有引号的句子。"),
    ],
)
def test_a_sentence_without_such_a_thing_offers_nothing(kind: Kind, sentence: str) -> None:
    assert texts(kind, sentence) == []


def test_spans_come_left_to_right_and_hold_no_space_at_their_ends() -> None:
    sentence = "2021年有 30 家、2022年有 40 家。"
    spans = list(candidates(Kind.QUANTITY, sentence, sentence))
    assert spans == sorted(spans)
    assert all(sentence[a:b] == sentence[a:b].strip() for a, b in spans)
