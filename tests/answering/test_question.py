"""A question taken apart: its words, places, years and names."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rag.answering import Question, QuestionAnalyser
from rag.answering.entities import place_stem
from rag.answering.kinds import Kind
from rag.answering.question import is_stop

Analyse = Callable[[str], Question]


def words(question: Question) -> list[str]:
    return [word.text for word in question.words]


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("龙泉驿区建了多少党员先锋岗?", ("龙泉驿区",)),
        ("龙泉驿建了多少党员先锋岗?", ("龙泉驿",)),
        ("双流区建了多少党员先锋岗?", ("双流区",)),
        ("双流建了多少党员先锋岗?", ("双流",)),
        ("龍泉驛區建了多少黨員先鋒崗？", ("龙泉驿区",)),
        ("龙泉驿和邛崃分别发放了多少惠蓉贷?", ("龙泉驿", "邛崃")),
        ("檀阴社区的书记是谁?", ("檀阴社区",)),
        ("蓝溪村修了几座石桥?", ("蓝溪村",)),
        ("全区有多少企业?", ()),
        ("企业要怎样扎根园区?", ()),
        ("什么工程被当作园区党建的抓手?", ()),
        ("花园社区有多少人?", ("花园社区",)),
        ("企业的资金和政策从哪里来?", ()),
        ("企业和和政县有什么合作?", ("和政县",)),
        ("企业为什么要和同江结盟?", ("同江",)),
        ("和政县有多少人?", ("和政县",)),
        ("该区有哪些产业园区?", ()),
        ("哪个社区评上了先进?", ()),
    ],
)
def test_places_are_found_with_and_without_suffix(
    analyse: Analyse, text: str, places: tuple[str, ...]
) -> None:
    assert analyse(text).places == places


def test_a_misspelt_district_is_read_as_the_one_in_the_index(analyse: Analyse) -> None:
    assert [place_stem(place) for place in analyse("龙泉译区建了多少党员先锋岗?").places] == [
        "龙泉驿"
    ]


@pytest.mark.parametrize(
    ("text", "years"),
    [
        ("2024年邛崃发放了多少惠蓉贷?", ("2024",)),
        ("２０２４年邛崃发放了多少惠蓉贷?", ("2024",)),
        ("2021年和2022年评上了什么?", ("2021", "2022")),
        ("How much did it lend in 2019?", ("2019",)),
        ("1600余家企业在哪里?", ()),
        ("编号120245的文件是什么?", ()),
    ],
)
def test_years_are_found(analyse: Analyse, text: str, years: tuple[str, ...]) -> None:
    assert analyse(text).years == years


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("《红楼梦》是谁写的?", "红楼梦"),
        ("“驿站办”是什么?", "驿站办"),
        ("「驛站辦」是什麼?", "驿站办"),
        ("周志强担任什么职务?", "周志强"),
        ("简云久是哪个厂的?", "简云久"),
        ("什么是三员合一?", "三员合一"),
        ("第2号水库加固了多少公里堤坝?", "第2号"),
        ("青溪3号桥全长多少?", "3号"),
        ("What did Holloway say?", "holloway"),
    ],
)
def test_names_are_quotations_people_definitions_and_english_capitals(
    analyse: Analyse, text: str, name: str
) -> None:
    question = analyse(text)
    assert name in question.names


def test_common_words_are_not_names(analyse: Analyse) -> None:
    assert analyse("龙泉驿区建了多少党员先锋岗?").names == ()
    assert analyse("How many volunteers does the museum have?").names == ()


@pytest.mark.parametrize(
    "text",
    [
        "展览是8月5号开始的吗?",
        "5号有什么活动?",
        "这是要治基层的什么毛病?",
        "替企业张罗人才是为了什么?",
        "上天那段坐啥?",
    ],
)
def test_what_begins_like_a_surname_is_no_name_where_names_do_not_stand(
    analyse: Analyse, text: str
) -> None:
    assert analyse(text).names == ()


@pytest.mark.parametrize(
    "text",
    ["王汝舟负责什么工作?", "请问王汝舟是谁?", "金河社区的周明怎么说?", "工程师王汝舟改进了什么?"],
)
def test_a_person_whom_the_index_does_not_know_is_still_a_name(analyse: Analyse, text: str) -> None:
    assert {"王汝舟", "周明"} & set(analyse(text).names)


@pytest.mark.parametrize("text", ["", "  ", "?", "多少?", "请问是什么呢?", "what is it?", "……"])
def test_function_words_alone_leave_no_words(analyse: Analyse, text: str) -> None:
    question = analyse(text)
    assert question.words == ()
    assert question.weight == 0


@pytest.mark.parametrize("word", ["的", "多少", "什么", "请问", "的了", "the", "how", "?", "、"])
def test_stop_words_say_nothing(word: str) -> None:
    assert is_stop(word)


@pytest.mark.parametrize("word", ["先锋岗", "惠蓉贷", "museum", "5a"])
def test_content_words_are_no_stop_words(word: str) -> None:
    assert not is_stop(word)


def test_question_words_are_dropped_and_content_words_kept(analyse: Analyse) -> None:
    found = words(analyse("请问龙泉驿区一共建了多少党员先锋岗呢?"))
    assert found[0] == "龙泉驿区"
    assert "多少" not in found
    assert "请问" not in found
    assert "先锋岗" in "".join(found)


def test_english_words_stay_whole(analyse: Analyse) -> None:
    found = words(analyse("How many volunteers does the Harbour Museum in Bristol have?"))
    assert found == ["volunteers", "harbour", "museum", "bristol"]


def test_words_are_distinct(analyse: Analyse) -> None:
    found = words(analyse("石桥,石桥,哪里的石桥?"))
    assert len(found) == len(set(found))


def test_rare_words_weigh_more_than_common_ones(analyse: Analyse) -> None:
    weights = {word.text: word.weight for word in analyse("社区的石桥在哪里?").words}
    assert weights["石桥"] > weights["社区"]


def test_an_entity_is_marked(analyse: Analyse) -> None:
    entities = {word.text for word in analyse("檀阴社区的书记是谁?").words if word.entity}
    assert entities == {"檀阴社区"}


def test_measure_and_noun_follow_the_interrogative(analyse: Analyse) -> None:
    question = analyse("简云久在哪个车间工作?")
    assert (question.measure, question.focus) == ("个", "车间")


@pytest.mark.parametrize(
    ("text", "lang"),
    [("石桥在哪里?", "zh"), ("Where is the bridge?", "en"), ("Python的列表?", "zh")],
)
def test_a_question_with_chinese_characters_is_chinese(
    analyse: Analyse, text: str, lang: str
) -> None:
    assert analyse(text).lang == lang


def test_the_text_is_kept_as_asked(analyse: Analyse) -> None:
    question = analyse("龍泉驛區建了多少？")
    assert question.text == "龍泉驛區建了多少？"
    assert question.folded == "龙泉驿区建了多少?"
    assert question.kind is Kind.QUANTITY


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("龙泉驿区", "龙泉驿"),
        ("邛崃市", "邛崃"),
        ("邛崃", "邛崃"),
        ("沙市", "沙市"),
        ("柏合街道", "柏合"),
    ],
)
def test_the_stem_of_a_place_has_no_suffix(name: str, stem: str) -> None:
    assert place_stem(name) == stem


def test_an_analyser_of_an_empty_index_still_reads_questions() -> None:
    analyser = QuestionAnalyser(
        lambda text: [(i, i + 1) for i in range(len(text))], lambda terms: [0] * len(terms), 0
    )
    assert analyser.analyse("石桥?").weight > 0
