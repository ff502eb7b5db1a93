"""Follow-up questions made whole; compound questions taken apart."""

from __future__ import annotations

import pytest

from rag.answering import QuestionAnalyser, Rewriter
from rag.assistant import Assistant
from rag.types import Turn

LOANS = Turn("龙泉驿区发放了多少惠蓉贷?", "18亿元。原文：“……”[1]")


@pytest.fixture(scope="module")
def rewriter(analyser: QuestionAnalyser) -> Rewriter:
    return Rewriter(analyser)


@pytest.mark.parametrize(
    ("previous", "answer", "question", "holds", "lacks"),
    [
        ("龙泉驿区发放了多少惠蓉贷?", "18亿元。", "那邛崃呢?", "邛崃 惠蓉贷 多少", "龙泉驿"),
        ("龙泉驿区发放了多少惠蓉贷?", "18亿元。", "邛崃市呢？", "邛崃市 惠蓉贷", "龙泉驿"),
        ("龍泉驛區發放了多少惠蓉貸？", "18亿元。", "那邛崍呢？", "邛", "龙泉驿 龍泉驛"),
        ("2024年邛崃收入增长多少?", "60%。", "2023年呢?", "2023 邛崃 增长", "2024"),
        ("2024年邛崃收入增长多少?", "60%。", "那2023年呢?", "2023 邛崃 增长", "2024"),
        ("邛崃收入增长多少?", "60%。", "2023年呢?", "2023 邛崃 增长", ""),
        ("金桂社区的书记是谁?", "田光军。", "那檀阴社区呢?", "檀阴社区 书记", "金桂"),
        ("龙泉驿区有什么品牌?", "驿站办。", "那里建了多少先锋岗?", "龙泉驿 先锋岗", "那里"),
        ("龙泉驿区有什么品牌?", "驿站办。", "该区建了多少先锋岗?", "龙泉驿 先锋岗", "该区 品牌"),
        ("谁改进了涂装工艺?", "简云久。原文：“……”[1]", "他是哪个厂的?", "简云久 厂", "他"),
        ("馆长是谁?", "林美惠。原文：“……”[1]", "她说了什么?", "林美惠 说", "她"),
        (
            "How many volunteers does the museum in Bristol have?",
            "45.",
            "What about 2019?",
            "volunteers museum 2019",
            "",
        ),
        (
            "How many volunteers does the museum have?",
            "45.",
            "What about visitors?",
            "visitors how many",
            "",
        ),
        (
            "How much did Longquanyi lend?",
            "1.8 billion yuan.",
            "What about Qionglai?",
            "qionglai lend",
            "longquanyi",
        ),
        (
            "龙泉驿区发放了多少惠蓉贷?",
            "18亿元。",
            "那里的工业总产值呢?",
            "龙泉驿 工业总产值",
            "惠蓉贷 多少里",
        ),
    ],
)
def test_a_follow_up_is_made_whole(
    rewriter: Rewriter, previous: str, answer: str, question: str, holds: str, lacks: str
) -> None:
    query = rewriter.rewrite(question, [Turn(previous, answer)]).lower()
    assert all(word in query for word in holds.split()), query
    assert not any(word in query for word in lacks.split()), query


@pytest.mark.parametrize(
    "question",
    [
        "邛崃市减免了多少税费?",
        "檀阴社区的党组织书记是谁?",
        "红烧肉要炖多久才软烂?",
        "蓝溪村修了几座石桥?",
        "为什么月亮有圆缺?",
        "How many volunteers does the museum have?",
    ],
)
def test_a_new_topic_does_not_drag_the_old_one_along(rewriter: Rewriter, question: str) -> None:
    assert rewriter.rewrite(question, [LOANS]) == question


def test_without_history_a_question_stays_as_it_is(rewriter: Rewriter) -> None:
    assert rewriter.rewrite("那邛崃呢?", []) == "那邛崃呢?"


def test_a_follow_up_of_a_follow_up_keeps_the_first_topic(rewriter: Rewriter) -> None:
    history = [LOANS, Turn("那邛崃呢?", "26.54亿元。")]
    query = rewriter.rewrite("那双流区呢?", history)
    assert "双流区" in query
    assert "惠蓉贷" in query
    assert "邛崃" not in query
    assert "龙泉驿" not in query


def test_the_latest_topic_counts(rewriter: Rewriter) -> None:
    history = [LOANS, Turn("金桂社区的书记是谁?", "田光军。")]
    query = rewriter.rewrite("那檀阴社区呢?", history)
    assert "书记" in query
    assert "惠蓉贷" not in query


def test_a_long_history_is_read_from_its_end(rewriter: Rewriter) -> None:
    history = [Turn(f"蓝溪村第{i}年修了几座石桥?", "37座。") for i in range(40)]
    assert "惠蓉贷" in rewriter.rewrite("那邛崃呢?", [*history, LOANS])


def test_a_whole_question_is_one_part(rewriter: Rewriter) -> None:
    question = "龙泉驿区建了多少党员先锋岗?"
    assert rewriter.split(question) == [question]


def test_two_places_apart_make_two_questions(rewriter: Rewriter) -> None:
    parts = rewriter.split("龙泉驿区和邛崃市分别发放了多少惠蓉贷?")
    assert len(parts) == 2
    assert ["龙泉驿区" in part for part in parts] == [True, False]
    assert ["邛崃市" in part for part in parts] == [False, True]
    assert all("惠蓉贷" in part for part in parts)


def test_two_places_together_stay_one_question(rewriter: Rewriter) -> None:
    question = "龙泉驿区和邛崃市签了什么协议?"
    assert rewriter.split(question) == [question]


def test_a_second_question_takes_the_place_of_the_first(rewriter: Rewriter) -> None:
    parts = rewriter.split("龙泉驿区建了多少先锋岗?组建了多少支攻坚队?")
    assert len(parts) == 2
    assert "龙泉驿区" in parts[1]
    assert "攻坚队" in parts[1]


@pytest.mark.parametrize("question", ["", "?", "???", "，", "那呢?"])
def test_odd_questions_are_neither_lost_nor_multiplied(rewriter: Rewriter, question: str) -> None:
    assert len(rewriter.split(rewriter.rewrite(question, []))) == 1
    assert isinstance(rewriter.rewrite(question, [LOANS]), str)


@pytest.mark.parametrize(
    ("turns", "question", "short"),
    [
        ([("龙泉驿区新投放了多少惠蓉贷?", "18亿元。")], "那邛崃呢?", "26.54亿元"),
        ([("2024年邛崃村均集体经济收入增长多少?", "60%。")], "2023年呢?", "40%"),
        ([("金桂社区的党组织书记是谁?", "田光军。")], "那檀阴社区呢?", "刘洪"),
        ([("龙泉驿区有什么服务品牌?", "驿站办。")], "那里建了多少党员先锋岗?", "200余个"),
        ([("龙泉驿区有什么服务品牌?", "驿站办。")], "该区组建了多少支攻坚队?", "60余支"),
        (
            [("邛崃新投放了多少惠蓉贷?", "26.54亿元。"), ("那龙泉驿区呢?", "18亿元。")],
            "那里建了多少党员先锋岗?",
            "200余个",
        ),
        ([("龙泉驿区新投放了多少惠蓉贷?", "18亿元。")], "蓝溪村修了几座石桥?", "37座"),
    ],
)
def test_follow_ups_are_answered_from_the_articles(
    assistant: Assistant, turns: list[tuple[str, str]], question: str, short: str
) -> None:
    answer = assistant.ask(question, history=[Turn(*turn) for turn in turns])
    assert answer.short_answer == short
    assert answer.question == question


@pytest.mark.parametrize("question", ["谢谢", "好的", "thanks"])
def test_thanks_are_no_follow_up(assistant: Assistant, question: str) -> None:
    assert not assistant.ask(question, history=[LOANS]).answered


def test_a_follow_up_in_the_same_breath_is_made_whole(assistant: Assistant) -> None:
    short = assistant.ask("邛崃新投放了多少惠蓉贷?龙泉驿区呢?").short_answer or ""
    assert "26.54亿元" in short
    assert "18亿元" in short


def test_a_follow_up_about_an_unknown_place_is_declined(assistant: Assistant) -> None:
    answer = assistant.ask("那双流区呢?", history=[LOANS])
    assert (answer.answered, answer.reason) == (False, "entity_mismatch")
