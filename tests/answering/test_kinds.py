"""What a question asks for."""

from __future__ import annotations

import pytest

from rag.answering.kinds import Kind, kind_of
from rag.text import fold

CHINESE = [
    ("龙泉驿区建了多少党员先锋岗?", Kind.QUANTITY),
    ("东华村聚集了几家汽车企业?", Kind.QUANTITY),
    ("龙泉驿在百强区榜单上排第几?", Kind.QUANTITY),
    ("测试道路有多长?", Kind.QUANTITY),
    ("东华村融资多少钱?", Kind.MONEY),
    ("龙泉驿区发放了多少惠蓉贷?", Kind.MONEY),
    ("产业园年产值有多少?", Kind.MONEY),
    ("这个项目投资几亿元?", Kind.MONEY),
    ("民营经济占比多少?", Kind.PERCENT),
    ("村均收入增长了百分之几?", Kind.PERCENT),
    ("产业园是什么时候开园的?", Kind.DATE),
    ("邛崃哪一年成为试点?", Kind.DATE),
    ("展览从几月开始?", Kind.DATE),
    ("先进县是哪几年评上的?", Kind.DATE),
    ("檀阴社区的书记是谁?", Kind.PERSON),
    ("檀阴社区的书记是哪位?", Kind.PERSON),
    ("划破手的游客叫什么?", Kind.PERSON),
    ("会议是由哪一个人主持的?", Kind.PERSON),
    ("改良字母被称为什么?", Kind.NAME),
    ("人口最密集的镇为何?", Kind.OTHER),
    ("邛崃为何减少镇的数量?", Kind.REASON),
    ("东华村在哪里?", Kind.PLACE),
    ("邛崃跟黑龙江哪个城市签了协议?", Kind.PLACE),
    ("东华村归哪个街道管?", Kind.PLACE),
    ("金河社区跟哪家公司合作?", Kind.ORGANISATION),
    ("分析报告由哪个单位提供?", Kind.ORGANISATION),
    ("什么部门负责审批?", Kind.ORGANISATION),
    ("营商服务品牌叫什么名字?", Kind.NAME),
    ("龙泉驿推出了什么品牌?", Kind.NAME),
    ("龙泉驿推动了哪个项目签约?", Kind.NAME),
    ("哪些企业落户产业园?", Kind.LIST),
    ("志愿活动有哪些?", Kind.LIST),
    ("邛崃为什么要改造老院子?", Kind.REASON),
    ("东华村凭什么引来汽车企业?", Kind.REASON),
    ("木桥被冲断的原因是什么?", Kind.REASON),
    ("什么是三员合一?", Kind.DEFINITION),
    ("三员合一是什么意思?", Kind.DEFINITION),
    ("疑难派单怎么处理?", Kind.HOW),
    ("居民如何兑换积分?", Kind.HOW),
    ("邛崃有没有5A级景区?", Kind.YES_NO),
    ("邛崃建了体育馆吗?", Kind.YES_NO),
    ("邛崃的发展", Kind.OTHER),
]
ENGLISH = [
    ("How many volunteers does the museum have?", Kind.QUANTITY),
    ("How long is the bridge?", Kind.QUANTITY),
    ("How much money did the town raise?", Kind.MONEY),
    ("What does a ticket cost?", Kind.MONEY),
    ("What percentage of firms are private?", Kind.PERCENT),
    ("When did the museum open?", Kind.DATE),
    ("In which year did the museum open?", Kind.DATE),
    ("Who leads the team?", Kind.PERSON),
    ("Where is the museum?", Kind.PLACE),
    ("Which city hosted the fair?", Kind.PLACE),
    ("Which company built the plant?", Kind.ORGANISATION),
    ("Why was the bridge rebuilt?", Kind.REASON),
    ("What is the programme called?", Kind.NAME),
    ("What does the slogan mean?", Kind.DEFINITION),
    ("How are disputes settled?", Kind.HOW),
    ("Is the museum open on Mondays?", Kind.YES_NO),
]


@pytest.mark.parametrize(("question", "kind"), CHINESE)
def test_a_chinese_question_asks_for_its_kind(question: str, kind: Kind) -> None:
    assert kind_of(fold(question), "zh") is kind


@pytest.mark.parametrize(("question", "kind"), ENGLISH)
def test_an_english_question_asks_for_its_kind(question: str, kind: Kind) -> None:
    assert kind_of(fold(question), "en") is kind


@pytest.mark.parametrize(
    ("original", "plain"),
    [
        ("東華村歸哪個街道管？", "东华村归哪个街道管?"),
        ("檀陰社區的書記是誰？", "檀阴社区的书记是谁?"),
    ],
)
def test_the_script_of_a_question_does_not_change_its_kind(original: str, plain: str) -> None:
    assert kind_of(fold(original), "zh") is kind_of(fold(plain), "zh") is not Kind.OTHER
