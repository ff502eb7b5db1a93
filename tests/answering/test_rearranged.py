"""What stands in the passages, but not so: the gate's rules for what a sentence puts together."""

from __future__ import annotations

import pytest
from benchmarks.gate import new_gate

from rag.answering import CitationGate, Finding
from rag.answering.numbers import days, figures
from tests.answering.articles import hit

PORT = hit(
    "港务局负责疏浚航道，渔业协会负责管理码头。一期泊位已经启用，二期泊位刚刚开工。"
    "灯塔由海事局维护，图纸由方致远绘制。码头的常客以海鸥号、白鲸号为代表。"
    "“蓝帆计划”帮渔民换船。“夜归人行动”为晚归的船点灯。"
    "白鲸号等远洋渔船停在东港；海鸥号等近海渔船停在西港。",
    title="松林港见闻",
)
MILL = hit(
    "The council owns the mill, and a trust runs the café. The trust repairs painting tools every "
    "Monday. In 2023 the mill drew 4,000 visitors.",
    title="The Old Mill",
)
TOOL = hit(
    "想看有哪些备份，运行 store backup list。"
    "备份占满磁盘时：store backup prune；备份损坏时：store backup repair。",
    title="备份手册",
)


@pytest.fixture(scope="module")
def gate() -> CitationGate:
    return new_gate()


def found(gate: CitationGate, sentence: str) -> Finding:
    return gate.check(sentence, (1, 2, 3), gate.read([PORT, MILL, TOOL]))


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("港务局疏浚航道，渔业协会管理码头。", "港务局管理码头，渔业协会疏浚航道。"),
        ("一期泊位已经启用，二期泊位刚刚开工。", "二期泊位已经启用，一期泊位刚刚开工。"),
        ("The council owns the mill, and a trust runs the café.",
         "A trust owns the mill, and the council runs the café."),
    ],
)  # fmt: skip
def test_two_parts_of_a_sentence_that_exchanged_something_are_caught(
    gate: CitationGate, right: str, wrong: str
) -> None:
    assert found(gate, right).supported
    assert not found(gate, wrong).supported


@pytest.mark.parametrize(
    ("right", "wrong", "term"),
    [
        ("灯塔由海事局维护。", "灯塔由港务局维护。", "港务局"),
        ("图纸由方致远绘制。", "图纸由海事局绘制。", "海事局"),
        ("码头的常客以海鸥号和白鲸号为代表。", "码头的常客以海鸥号和飞鱼号为代表。", "飞鱼号"),
        ("The trust repairs painting tools every Monday.",
         "The trust repairs welding tools every Monday.", "welding"),
    ],
)  # fmt: skip
def test_one_thing_in_the_place_of_another_is_caught_and_named(
    gate: CitationGate, right: str, wrong: str, term: str
) -> None:
    assert found(gate, right).supported
    finding = found(gate, wrong)
    assert not finding.supported
    assert term in "".join(finding.unsupported_terms)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("“蓝帆计划”帮渔民换船。", "“夜归人行动”帮渔民换船。"),
        ("如果备份损坏，运行 `store backup repair`。", "如果备份损坏，运行 `store backup prune`。"),
    ],
)  # fmt: skip
def test_a_quotation_or_command_with_the_matter_of_another_is_caught(
    gate: CitationGate, right: str, wrong: str
) -> None:
    assert found(gate, right).supported
    assert not found(gate, wrong).supported


def test_what_belongs_to_one_is_not_given_to_another(gate: CitationGate) -> None:
    assert found(gate, "白鲸号等远洋渔船停在东港。").supported
    assert not found(gate, "海鸥号等远洋渔船停在东港。").supported


def test_a_stranger_among_the_members_of_an_enumeration_is_named(gate: CitationGate) -> None:
    hits = [hit("商会有茶叶、竹编和陶瓷三个分会。", title="商会")]
    passages = gate.read(hits)
    assert gate.check("商会的分会有竹编、茶叶和陶瓷等。", (1,), passages).supported
    assert gate.check("商会的分会有茶叶、丝绸和陶瓷。", (1,), passages).unsupported_terms == (
        "丝绸",
    )


@pytest.mark.parametrize(
    "sentence",
    [
        "港务局负责疏浚航道，进港船只因此翻了一番。",
        "灯塔由海事局维护，是全省最高的灯塔。",
        "In 2023 the mill drew 4,000 visitors, a number that doubled within the year.",
        "方致远局长绘制了图纸。",
        "渔业协会负责管理码头，渔民的医疗费用从此由保险公司报销。",
    ],
)
def test_degrees_titles_and_results_that_nothing_speaks_of_are_caught(
    gate: CitationGate, sentence: str
) -> None:
    assert not found(gate, sentence).supported


@pytest.mark.parametrize(
    "sentence",
    [
        "1. **航道**：由港务局负责疏浚。",
        "（二）灯塔由海事局维护。",
        "航道和码头上都有人负责：前者是港务局，后者是渔业协会。",
        "The trust repairs its tools on Mondays.",
        "Visitors of Old Mill were 4,000 in 2023.",
    ],
)
def test_numbers_of_lists_weekdays_and_function_words_are_no_facts(
    gate: CitationGate, sentence: str
) -> None:
    assert found(gate, sentence).supported, found(gate, sentence)


def test_an_english_word_counts_for_one_of_its_meaning(gate: CitationGate) -> None:
    hits = [hit("Every week the guild collects complaints and discusses them.", title="Guild")]
    sentence = "Complaints are gathered by the guild every week and talked through."
    assert gate.check(sentence, (1,), gate.read(hits)).supported


def test_every_year_of_an_enumeration_is_a_year() -> None:
    assert [day.year for day in days("在2021、2022两年获奖")] == [2021, 2022]
    assert [day.year for day in days("2019和2020年")] == [2019, 2020]
    assert figures("在2021、2022两年获奖") == []


def test_english_with_a_chinese_name_in_brackets_is_english(gate: CitationGate) -> None:
    hits = [hit("Huirong loans (惠蓉贷) of 2.654 billion yuan went to firms.", title="Loans")]
    passages = gate.read(hits)
    assert not passages[0].units[-1].chinese
    assert gate.check("“惠蓉贷”的金额为26.54亿元。", (1,), passages).supported
