"""Where sentences and clauses end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.text import clause_spans, sentence_spans

TEXT = st.text(
    st.one_of(
        st.sampled_from("。！？!?；;…”’」』）)】》〉\"'“‘「（(.,，：:、 \n\t\u3000AZaz09龙泉驿Mr"),
        st.characters(exclude_categories=["Cs"]),
    ),
    max_size=60,
)


def sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in sentence_spans(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \n\n ", []),
        ("没有句号", ["没有句号"]),
        ("第一句。第二句！第三句？", ["第一句。", "第二句！", "第三句？"]),
        ("真的吗？！是的。", ["真的吗？！", "是的。"]),
        ("一；二；三。", ["一；", "二；", "三。"]),
        ("他说：“好。”然后走了。", ["他说：“好。”", "然后走了。"]),
        ("「好！」她笑了。", ["「好！」", "她笑了。"]),
        ("（见图。）下文。", ["（见图。）", "下文。"]),
        ("《去哪儿？》是书名。", ["《去哪儿？》", "是书名。"]),
        ("他想……走了。", ["他想……", "走了。"]),
        ("他想……，走了。", ["他想……，走了。"]),
        ("“等等……”他说。", ["“等等……”他说。"]),
        ("第一行\n第二行", ["第一行", "第二行"]),
        ("  两头空白。  \n 下一句。 ", ["两头空白。", "下一句。"]),
        ("It opens at nine. It shuts at five.", ["It opens at nine.", "It shuts at five."]),
        ("Really? Yes! Good.", ["Really?", "Yes!", "Good."]),
        ("He said “Go.” She went.", ["He said “Go.”", "She went."]),
        ("Dr. Lee met Mr. Wang.", ["Dr. Lee met Mr. Wang."]),
        ("Mrs. Li lives at St. Mary.", ["Mrs. Li lives at St. Mary."]),
        ("The U.S. Army came.", ["The U.S. Army came."]),
        ("J. K. Rowling wrote it.", ["J. K. Rowling wrote it."]),
        ("It costs 3.5 yuan. Cheap.", ["It costs 3.5 yuan.", "Cheap."]),
        ("占地3.5亩。共2.08公里。", ["占地3.5亩。", "共2.08公里。"]),
        ("See e.g. the park.", ["See e.g. the park."]),
        ("www.example.com is up.", ["www.example.com is up."]),
        ("English first. 中文在后。", ["English first.", "中文在后。"]),
        ("Visit on No. 5 Road.", ["Visit on No. 5 Road."]),
        ("In 2019. 2020 came.", ["In 2019.", "2020 came."]),
    ],
)
def test_text_is_cut_into_sentences(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


@given(TEXT)
def test_sentences_are_trimmed_ordered_and_do_not_overlap(text: str) -> None:
    at = 0
    for start, end in sentence_spans(text):
        assert at <= start < end <= len(text)
        assert text[start:end] == text[start:end].strip()
        at = end


@given(TEXT)
def test_nothing_but_white_space_lies_between_sentences(text: str) -> None:
    at = 0
    for start, end in [*sentence_spans(text), (len(text), len(text))]:
        assert not text[at:start].strip()
        at = end


@given(TEXT)
def test_no_sentence_crosses_a_line_end(text: str) -> None:
    assert not any("\n" in sentence for sentence in sentences(text))


def clauses(text: str) -> list[str]:
    return [text[start:end] for start, end in clause_spans(text, 0, len(text))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("没有逗号", ["没有逗号"]),
        ("龙泉驿，在成都东边；邛崃：在西边。", ["龙泉驿，", "在成都东边；", "邛崃：", "在西边。"]),
        ("共15,000人,来自四方", ["共15,000人,", "来自四方"]),
        ("目标——建成", ["目标——", "建成"]),
        ("一、二、三", ["一、二、三"]),
        ("first, second; third", ["first,", " second;", " third"]),
        ("到了， ，走了", ["到了，", " ，", "走了"]),
    ],
)
def test_a_sentence_is_cut_into_clauses(text: str, expected: list[str]) -> None:
    assert clauses(text) == expected


def test_clauses_are_offsets_into_the_whole_text() -> None:
    text = "前文。甲，乙。后文"
    assert clause_spans(text, 3, 7) == [(3, 5), (5, 7)]


@given(TEXT, st.data())
def test_clauses_lose_nothing_but_white_space(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    at = start
    for first, last in [*clause_spans(text, start, end), (end, end)]:
        assert at <= first <= last <= end
        assert not text[at:first].strip()
        at = last
