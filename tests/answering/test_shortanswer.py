"""The short answer inside a sentence."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rag.types import Answer
from tests.answering.articles import not_yet

AnswerFrom = Callable[[str, str], Answer]

EXACT = [
    ("龙泉驿区建了多少党员先锋岗?", "龙泉驿区建立200余个党员先锋岗、60余支攻坚队。", "200余个"),
    ("攻坚队组建了几支?", "龙泉驿区建立200余个党员先锋岗、60余支攻坚队。", "60余支"),
    ("东华村有多少家汽车企业?", "东华村聚集汽车企业1600余家,占地3平方公里。", "1600余家"),
    ("东华村有多少家汽车企业?", "东华村占地3平方公里,聚集汽车企业1600余家。", "1600余家"),
    ("龙泉驿在百强区里排第几?", "2024年,龙泉驿位列全国百强区第38位。", "第38位"),
    ("车辆测试了多少公里?", "基地测试车辆381辆,测试里程近6万公里。", "近6万公里"),
    ("兑现了多少件诉求?", "全市兑现承诺、回应诉求10.7万件。", "10.7万件"),
    ("村里修了几座桥?", "村里去年修了三座桥。", "三座"),
    ("邛崃新投放了多少惠蓉贷?", "邛崃新投放惠蓉贷26.54亿元,减免税费9.2亿元。", "26.54亿元"),
    ("邛崃减免了多少税费?", "邛崃新投放惠蓉贷26.54亿元,减免税费9.2亿元。", "9.2亿元"),
    ("出口额多少美元?", "去年出口额为300万美元,增长12%。", "300万美元"),
    ("民营经济占比多少?", "2024年民营经济增加值占比超45%。", "超45%"),
    ("村均收入增长了百分之几?", "村均收入达30万元,同比增长60%。", "60%"),
    ("产业园是什么时候开园的?", "产业园于2025年1月18日开园,占地300亩。", "2025年1月18日"),
    ("邛崃哪一年成为改革试点?", "2024年,邛崃成为国家农村综合性改革试点。", "2024年"),
    ("先进县是哪几年评上的?", "邛崃于2021年、2022年获评先进县。", "2021年、2022年"),
    ("檀阴社区的书记是谁?", "檀阴社区党组织书记刘洪说,大家都来了。", "刘洪"),
    ("厂里的工程师是谁?", "领克的主管工程师简云久,在厂里工作了8年。", "简云久"),
    ("谁改进了涂装工艺?", "主管工程师简云久改进了涂装工艺。", "简云久"),
    not_yet(
        "划破手的游客叫什么?",
        "来自重庆的游客薛琴划破了手。",
        "薛琴",
        why="a verb follows the name",
    ),
    ("谁当选了村委会主任?", "经过投票,王小红当选村委会主任。", "王小红"),
    ("东华村归哪个街道管?", "柏合街道东华村地处经开区。", "柏合街道"),
    ("邛崃跟黑龙江的哪个城市签了协议?", "邛崃与黑龙江同江签订了合作协议。", "同江"),
    ("金河社区跟哪家公司合作?", "金河社区与成都文旅公司合作开发线路。", "成都文旅公司"),
    ("营商服务品牌叫什么名字?", "龙泉驿区打造“驿站办”营商服务品牌。", "驿站办"),
    ("哪部小说讲了贾府的故事?", "小说《红楼梦》讲了贾府的故事。", "红楼梦"),
    ("简云久在哪个车间工作?", "简云久是领克的工程师,在涂装车间工作。", "涂装车间"),
    ("How many volunteers are there?", "Its director leads a team of 45 volunteers.", "45"),
    ("What does a ticket cost?", "A ticket for adults costs 12 dollars.", "12 dollars"),
    ("When did the museum open?", "The museum opened in 1998 in Bristol.", "1998"),
    ("Who is the director?", "The director is Jane Holloway, a historian.", "Jane Holloway"),
    ("In which city is the museum?", "The museum stands in Bristol.", "Bristol"),
]


@pytest.mark.parametrize(("question", "sentence", "short"), EXACT)
def test_the_short_answer_is_the_span_that_was_asked_for(
    answer_from: AnswerFrom, question: str, sentence: str, short: str
) -> None:
    assert answer_from(question, sentence).short_answer == short


@pytest.mark.parametrize(
    ("question", "sentence", "parts"),
    [
        ("志愿活动有哪些?", "志愿活动有植树、理发、打扫院子等,居民都说好。", ["植树", "理发"]),
        ("哪些企业落户?", "昊普环保、旭光科技、华盛新显3家企业落户。", ["昊普环保", "旭光科技"]),
        ("蓝溪村为什么改建石桥?", "因为山洪年年冲断木桥,蓝溪村改建石桥。", ["山洪"]),
        ("疑难派单怎么处理?", "对疑难派单,实行提级办理。", ["提级办理"]),
        ("什么是三员合一?", "三员合一指党建指导员、服务专员、联络员由一人担任。", ["党建指导员"]),
    ],
)
def test_lists_and_passages_hold_their_parts(
    answer_from: AnswerFrom, question: str, sentence: str, parts: list[str]
) -> None:
    short = answer_from(question, sentence).short_answer or ""
    assert all(part in short for part in parts)
    assert len(short) <= len(sentence)


@pytest.mark.parametrize(
    ("question", "sentence", "short"),
    [
        ("新购图书多少册?", "圖書館在２０２４年新購圖書１２０００冊。", "１２０００冊"),
        ("館長是誰?", "館長林美惠表示，夜間開放延長。", "林美惠"),
        ("安平区图书馆有几名志工?", "讀者服務志工共有８６名。", "８６名"),
    ],
)
def test_short_answers_keep_the_script_and_width_of_the_original(
    answer_from: AnswerFrom, question: str, sentence: str, short: str
) -> None:
    assert short in (answer_from(question, sentence).short_answer or "")


def test_what_the_question_says_is_not_its_answer(answer_from: AnswerFrom) -> None:
    answer = answer_from("60余支攻坚队服务了多少家企业?", "60余支攻坚队服务企业300余家。")
    assert answer.short_answer == "300余家"


def test_a_number_to_call_has_digits(answer_from: AnswerFrom) -> None:
    told = answer_from("服务站的电话是多少?", "服务站有10多人,服务站的电话是87654321。")
    assert told.short_answer == "87654321"
    assert answer_from("服务站的电话是多少?", "服务站的电话旁有10人。").short_answer != "10人"


def test_people_are_not_the_number_of_things(answer_from: AnswerFrom) -> None:
    told = "人才公寓引来400余名人才,公寓有36套。"
    assert answer_from("人才公寓有多少套?", told).short_answer == "36套"
    alone = answer_from("人才公寓有多少套?", "人才公寓引来400余名人才。")
    assert alone.short_answer != "400余名"


def test_a_year_asked_about_is_not_the_date_that_answers(answer_from: AnswerFrom) -> None:
    answer = answer_from("2024年的展览什么时候开幕?", "2024年的展览于5月1日开幕。")
    assert answer.short_answer == "5月1日"
