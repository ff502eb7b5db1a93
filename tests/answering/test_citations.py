"""The citation gate: sentence by sentence, and measured on a set of known faults."""

from __future__ import annotations

import pytest
from benchmarks.gate import article_hits, check, figures_of, new_gate

from rag.answering import CitationGate, Finding
from rag.types import Hit
from tests.answering.articles import ANPING, BRIDGE, LONGQUANYI, MUSEUM, QIONGLAI, hit

HITS = [
    hit(text, rank=rank, title=title, date="2025-02-10")
    for rank, (title, text) in enumerate(
        [
            ("龙泉驿区建强产业链", LONGQUANYI.split("---")[2]),
            ("邛崃市激活县域经济", QIONGLAI.split("---")[2]),
            ("安平區圖書館年報", ANPING.split("---")[2]),
            ("The Harbour Museum", MUSEUM.split("---")[2]),
            ("蓝溪村修桥记", BRIDGE.split("---")[2]),
        ],
        start=1,
    )
]


@pytest.fixture(scope="module")
def gate() -> CitationGate:
    return new_gate()


def found(gate: CitationGate, sentence: str, *cited: int, hits: list[Hit] = HITS) -> Finding:
    return gate.check(sentence, cited, gate.read(hits))


@pytest.mark.parametrize(
    ("sentence", "quote"),
    [
        ("龙泉驿区建立了二百余个党员先锋岗。", "龙泉驿区在生产一线建立200余个党员先锋岗。"),
        ("邛崃市减免税费92000万元。", "减免税费9.2亿元"),
        ("图书馆在2024年新购12000册图书。", "新購圖書１２０００冊"),
        ("二〇二三年，村里修了三十七座石桥。", "37座石桥"),
        ("A ticket for adults costs twelve dollars.", "costs 12 dollars"),
        ("2023年村均集体经济收入增长了四成。", "同比增长40%"),
        ("改进涂装工艺的工程师是简云久。", "工程师简云久改进了涂装工艺"),
        ("服务品牌叫“驿站办”。", "“驿站办”营商服务品牌"),
    ],
)
def test_a_right_sentence_rests_on_the_sentence_that_says_it(
    gate: CitationGate, sentence: str, quote: str
) -> None:
    finding = found(gate, sentence, 1, 2, 3, 4, 5)
    assert finding.supported, finding
    assert quote in finding.units[0].text


@pytest.mark.parametrize(
    ("sentence", "terms"),
    [
        ("龙泉驿区建立了300余个党员先锋岗。", ("300余个",)),
        ("2022年，龙泉驿区新投放惠蓉贷18亿元。", ("18亿元",)),
        ("邛崃市新投放惠蓉贷18亿元。", ("18亿元",)),
        ("改进涂装工艺的工程师是王建国。", ("王建国",)),
        ("双流区建立了200余个党员先锋岗。", ("双流区",)),
        ("服务品牌叫“直通车”。", ("直通车",)),
        ("The Harbour Museum opened in 1999.", ("1999",)),
        ("Its director is Henry Adams.", ("Henry Adams",)),
    ],
)
def test_a_wrong_sentence_is_caught_and_the_wrong_words_are_named(
    gate: CitationGate, sentence: str, terms: tuple[str, ...]
) -> None:
    finding = found(gate, sentence, 1, 2, 3, 4, 5)
    assert not finding.supported
    assert set(terms) <= set(finding.unsupported_terms)


@pytest.mark.parametrize(
    "sentence",
    [
        "刘洪是金桂社区的党组织书记。",  # his community is another one, in the same passage
        "2024年村均集体经济收入增长40%。",  # the figure of the year before
        "龙泉驿区获评全省县域经济发展先进县。",  # the other district's honour
        "这些岗位让企业的利润翻了一番。",
        "The museum offers free parking to all visitors.",
    ],
)
def test_what_no_passage_says_is_caught_though_each_word_may_stand_somewhere(
    gate: CitationGate, sentence: str
) -> None:
    assert not found(gate, sentence, 1, 2, 3, 4, 5).supported


def test_two_figures_of_one_sentence_are_told_apart_by_their_places(gate: CitationGate) -> None:
    both = hit("龙泉驿区投放惠蓉贷18亿元，邛崃市投放惠蓉贷26.54亿元。", title="两地贷款")
    assert found(gate, "邛崃市投放惠蓉贷26.54亿元。", 1, hits=[both]).supported
    assert not found(gate, "邛崃市投放惠蓉贷18亿元。", 1, hits=[both]).supported
    assert not found(gate, "龙泉驿区投放惠蓉贷26.54亿元。", 1, hits=[both]).supported


def test_a_cell_of_a_table_belongs_to_its_column(gate: CitationGate) -> None:
    table = hit("项目 | 龙泉驿区 | 邛崃市\n惠蓉贷 | 18亿元 | 26.54亿元", title="龙泉驿与邛崃对照")
    assert found(gate, "邛崃市的惠蓉贷为26.54亿元。", 1, hits=[table]).supported
    assert not found(gate, "邛崃市的惠蓉贷为18亿元。", 1, hits=[table]).supported


def test_a_wrong_citation_is_repaired(gate: CitationGate) -> None:
    finding = found(gate, "蓝溪村修了37座石桥。", 1)
    assert finding.supported
    assert {unit.passage for unit in finding.units} == {5}


def test_a_citation_of_nothing_is_repaired(gate: CitationGate) -> None:
    assert found(gate, "蓝溪村修了37座石桥。", 99).supported
    assert found(gate, "蓝溪村修了37座石桥。").supported


def test_quotations_are_exact_slices(gate: CitationGate) -> None:
    finding = found(gate, "蓝溪村修了37座石桥。", 5)
    unit = finding.units[0]
    assert unit.text == HITS[4].chunk.text[unit.start : unit.end]


@pytest.mark.parametrize(
    "sentence",
    ["根据文章，情况如下：", "以下是找到的内容：", "文章没有提到双流区的数据。",
     "The passages do not mention the price.", "希望对您有帮助！"],
)  # fmt: skip
def test_a_sentence_about_the_answer_itself_needs_no_citation(
    gate: CitationGate, sentence: str
) -> None:
    finding = found(gate, sentence)
    assert finding.supported
    assert not finding.claims


def test_without_passages_nothing_is_supported(gate: CitationGate) -> None:
    assert not found(gate, "蓝溪村修了37座石桥。", 1, hits=[]).supported


def test_faulty_sentences_are_caught_and_right_ones_left_alone(gate: CitationGate) -> None:
    checked, _ = check(gate, article_hits())
    figures = figures_of(checked)
    assert figures.faulty >= 100
    assert figures.right >= 100
    assert figures.caught >= 0.95
    assert figures.marked <= 0.03
