"""Any question after any conversation, and any completion of a language model."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest
from benchmarks.gate import new_gate
from hypothesis import strategies as st

from rag.answering import CitationGate, phrases
from rag.answering.markers import without_markers
from rag.answering.writing import Declined, GatedWriter
from rag.assembly import assistant_of, indexer_of
from rag.assistant import MAX_QUESTION, Assistant
from rag.config import IndexSettings, Settings
from rag.errors import GeneratorError, Lang, RagError
from rag.types import Turn
from tests.answering.articles import (
    ANPING,
    BRIDGE,
    LONGQUANYI,
    MUSEUM,
    QIONGLAI,
    TABLES,
    hit,
    write_articles,
)
from tests.fuzz.fuzzing import fuzz, pieces

ASKED = (
    "龙泉驿区 邛崃 双流区 和 分别 那 呢 ? ？ ， 多少 谁 哪些 为什么 2024年 １２ 惠蓉贷 党员先锋岗 "
    "18亿元 her the What When museum ticket 「 」 “ ” 《 》 他 它 该区 去年 石桥 第一 一、 % 9.2 "
    "社保服务站 电话 在哪里 几点 周六 田野 哪个村 白鹭村 支书 常住人口 2023年 文化站 免费 | "
    "\u200b \ufeff [1] $$ ** <b> \x00 \ud83d"
)
WRITTEN = (
    "龙泉驿区 在生产一线建立 200余个 300余个 党员先锋岗 邛崃市 减免税费 9.2亿元 37座石桥 2023年 "
    "[1] [2] [1-3] [9] 【1】 [^1] [passage 1] [1 , 2] ] [ 。 ！ . “ ” - 1. ## ** 因为 （ ） | 以上 "
    "The Museum opened in 1998 costs 12 dollars Jane Holloway \u200b 综上所述 四成"
)
ARTICLES = [LONGQUANYI, QIONGLAI, ANPING, MUSEUM, BRIDGE]
HITS = [hit(text.split("---")[2], rank=rank) for rank, text in enumerate(ARTICLES, start=1)]
TURNS = st.lists(
    st.builds(Turn, pieces(ASKED, most=10), pieces(ASKED, most=10)),
    max_size=4,
)


@pytest.fixture(scope="module")
def assistant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Assistant]:
    folder = tmp_path_factory.mktemp("asking")
    settings = Settings(index=IndexSettings(dir=folder / "index"))
    docs = write_articles(folder / "docs")
    (docs / "tables.md").write_text(TABLES, encoding="utf-8")
    indexer_of(settings).index([docs])
    with closing(assistant_of(settings)) as opened:
        yield opened


@fuzz(question=pieces(ASKED), history=TURNS)
def test_any_question_is_answered_exactly_or_declined(
    assistant: Assistant, question: str, history: list[Turn]
) -> None:
    if len(question) > MAX_QUESTION:
        with pytest.raises(RagError):
            assistant.ask(question, history=history)
        return
    answer = assistant.ask(question, history=history)
    assert answer.answered is bool(answer.citations)
    assert answer.answered is (answer.reason is None)
    assert 0 <= answer.confidence <= 1
    answer.text.encode()
    for citation in answer.citations:
        document = assistant.document(citation.document.id)
        assert document is not None
        assert citation.quote == document.text[citation.start : citation.end]


@pytest.fixture(scope="module")
def gate() -> CitationGate:
    return new_gate()


@fuzz(sentence=pieces(WRITTEN), cited=st.lists(st.integers(-2, 9), max_size=4))
def test_any_sentence_is_judged_by_exact_quotations(
    gate: CitationGate, sentence: str, cited: list[int]
) -> None:
    finding = gate.check(sentence, cited, gate.read(HITS))
    assert 0 <= finding.coverage <= 1.000001
    for unit in finding.units:
        (found,) = [each for each in HITS if each.rank == unit.passage]
        assert unit.text == found.chunk.text[unit.start - found.chunk.start :][: len(unit.text)]


def bare(text: str, lang: Lang) -> str:
    """The letters of a text without markers and the gate's own remarks."""
    text, _ = without_markers(text.replace(phrases.unsupported(lang), ""))
    return re.sub(r"[^\w]|\d|_", "", text)


@fuzz(written=st.lists(pieces(WRITTEN, most=12), max_size=6), lang=st.sampled_from(["zh", "en"]))
def test_any_completion_comes_out_whole(gate: CitationGate, written: list[str], lang: Lang) -> None:
    writer = GatedWriter(gate, HITS, lang)
    try:
        for text in written:
            for _ in writer.feed(text):
                pass
        with suppress(Declined):
            list(writer.finish())
    except GeneratorError as error:
        if error.code in ("repetition", "wrong_language"):
            return  # given up in the middle
    assert bare(writer.text, lang) == bare("".join(written), lang)
    for citation in writer.citations:
        (found,) = [each for each in HITS if each.document.id == citation.document.id]
        assert citation.quote == found.chunk.text[citation.start : citation.end]
