"""Documents cut into passages with exact offsets."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.chunking import Chunker
from rag.text import sentence_spans
from rag.types import Chunk, Document, DocumentInfo, Heading, Page, content_id

texts = st.text(
    st.one_of(st.sampled_from("中文字竹编。！；，、”\n \u3000ab.C1"), st.characters()), max_size=400
)


def document(
    text: str,
    *,
    title: str = "题",
    headings: tuple[Heading, ...] = (),
    pages: tuple[Page, ...] = (),
) -> Document:
    return Document(DocumentInfo("d", title, "docs/a.md"), text, pages=pages, headings=headings)


def spans(chunks: list[Chunk]) -> list[tuple[int, int]]:
    return [(chunk.start, chunk.end) for chunk in chunks]


@st.composite
def cuts(draw: st.DrawFn) -> tuple[Document, int, int]:
    """A document with headings anywhere, and sizes."""
    text = draw(texts)
    marks = sorted(draw(st.sets(st.integers(0, len(text)), max_size=6)))
    headings = tuple(Heading(start, end) for start, end in list(pairwise(marks))[::2])
    size = draw(st.integers(1, 120))
    return document(text, headings=headings), size, draw(st.integers(0, size - 1))


@given(cuts())
def test_a_chunk_is_exactly_its_span_of_the_document(cut: tuple[Document, int, int]) -> None:
    article, size, overlap = cut
    for chunk in Chunker(size=size, overlap=overlap).chunk(article):
        assert chunk.text == article.text[chunk.start : chunk.end]
        assert chunk.text == chunk.text.strip() != ""


@given(cuts())
def test_no_chunk_is_longer_than_the_size(cut: tuple[Document, int, int]) -> None:
    article, size, overlap = cut
    chunks = Chunker(size=size, overlap=overlap).chunk(article)
    assert all(len(chunk.text) <= size for chunk in chunks)


@given(cuts())
def test_nothing_but_white_space_is_lost(cut: tuple[Document, int, int]) -> None:
    article, size, overlap = cut
    covered: set[int] = set()
    for chunk in Chunker(size=size, overlap=overlap).chunk(article):
        covered.update(range(chunk.start, chunk.end))
    lost = [c for i, c in enumerate(article.text) if i not in covered and not c.isspace()]
    assert lost == []


@given(cuts())
def test_chunks_come_in_text_order_and_share_at_most_the_overlap(
    cut: tuple[Document, int, int],
) -> None:
    article, size, overlap = cut
    for (start, end), (next_start, next_end) in pairwise(
        spans(Chunker(size=size, overlap=overlap).chunk(article))
    ):
        assert start < next_start
        assert end < next_end
        assert end - next_start <= overlap


@given(cuts())
def test_no_chunk_crosses_a_heading_that_follows_text(cut: tuple[Document, int, int]) -> None:
    article, size, overlap = cut
    body = 0
    barriers = []
    for heading in article.headings:
        if article.text[body : heading.start].strip():
            barriers.append(heading.start)
        body = heading.end
    for start, end in spans(Chunker(size=size, overlap=overlap).chunk(article)):
        assert not [barrier for barrier in barriers if start < barrier < end]


@given(texts, st.integers(20, 100))
def test_what_two_chunks_share_begins_where_a_sentence_begins(text: str, size: int) -> None:
    begins = {start for start, _ in sentence_spans(text)}
    chunks = spans(Chunker(size=size, overlap=size // 2).chunk(document(text)))
    for (_, end), (start, _) in pairwise(chunks):
        assert start >= end or start in begins


def test_no_english_chunk_begins_inside_a_sentence() -> None:
    sentence = "Over {} residents have registered with the mini-program by now."
    text = " ".join(sentence.format(n) for n in range(1000, 1020))
    begins = {start for start, _ in sentence_spans(text)}
    for size in range(130, 200, 7):
        chunks = Chunker(size=size, overlap=size // 2).chunk(document(text))
        assert {chunk.start for chunk in chunks} <= begins


def test_the_end_of_a_sentence_is_no_sentence_to_begin_with() -> None:
    text = "一二三四五六七八九十 。甲乙丙丁戊己庚辛。"
    chunks = Chunker(size=14, overlap=2).chunk(document(text))
    assert [chunk.text for chunk in chunks] == ["一二三四五六七八九十 。", "甲乙丙丁戊己庚辛。"]


@pytest.mark.parametrize("text", ["", " \n\u3000 "])
def test_a_document_without_text_gives_no_chunk(text: str) -> None:
    assert Chunker(size=100, overlap=10).chunk(document(text)) == []


def test_a_short_document_is_one_chunk_without_its_margins() -> None:
    (chunk,) = Chunker(size=100, overlap=10).chunk(document("\n 竹编在邛崃。\n"))
    assert (chunk.start, chunk.end, chunk.text) == (2, 8, "竹编在邛崃。")


def test_a_text_of_exactly_the_size_is_one_chunk() -> None:
    assert spans(Chunker(size=10, overlap=4).chunk(document("字" * 10))) == [(0, 10)]


def test_cuts_fall_where_sentences_end() -> None:
    text = "一二三四五。六七八九十。甲乙丙丁戊。"
    chunks = Chunker(size=12, overlap=0).chunk(document(text))
    assert [chunk.text for chunk in chunks] == ["一二三四五。六七八九十。", "甲乙丙丁戊。"]


def test_a_chunk_begins_with_the_last_whole_sentence_of_the_one_before() -> None:
    text = "一二三四五。六七八九十。甲乙丙丁戊。"
    chunks = Chunker(size=12, overlap=6).chunk(document(text))
    assert [chunk.text for chunk in chunks] == [
        "一二三四五。六七八九十。",
        "六七八九十。甲乙丙丁戊。",
    ]


def test_a_long_gap_makes_no_chunk_of_its_own() -> None:
    text = "一二三。四五。" + " " * 50 + "六七。"
    chunks = Chunker(size=10, overlap=5).chunk(document(text))
    assert [chunk.text for chunk in chunks] == ["一二三。四五。", "六七。"]


def test_a_chunk_that_stands_whole_in_the_next_one_is_left_out() -> None:
    text = "短句。\n" + "长" * 15 + "。"
    chunks = Chunker(size=20, overlap=4).chunk(document(text))
    assert [chunk.text for chunk in chunks] == [text]


def test_a_sentence_longer_than_the_overlap_is_not_repeated() -> None:
    text = "一二三四五六七八。甲乙丙丁戊己庚辛。"
    chunks = Chunker(size=13, overlap=4).chunk(document(text))
    assert [chunk.text for chunk in chunks] == ["一二三四五六七八。", "甲乙丙丁戊己庚辛。"]


def test_text_without_any_mark_is_cut_at_the_size() -> None:
    assert spans(Chunker(size=10, overlap=0).chunk(document("字" * 25))) == [
        (0, 10),
        (10, 20),
        (20, 25),
    ]


def test_a_closing_quote_stays_with_its_sentence() -> None:
    chunks = Chunker(size=8, overlap=0).chunk(document("他说：“好了。”大家鼓掌。"))
    assert [chunk.text for chunk in chunks] == ["他说：“好了。”", "大家鼓掌。"]


def test_the_same_words_twice_get_their_own_offsets() -> None:
    chunks = Chunker(size=6, overlap=0).chunk(document("竹编好看。竹编好看。竹编好看。"))
    assert spans(chunks) == [(0, 5), (5, 10), (10, 15)]
    assert len({chunk.id for chunk in chunks}) == 3


def test_each_section_carries_the_title_and_its_heading_as_context() -> None:
    text = "导语。\n竹编\n很有名。\n瓷器\n也有名。"
    article = document(text, title="邛崃手艺", headings=(Heading(4, 6), Heading(12, 14)))
    chunks = Chunker(size=100, overlap=10).chunk(article)
    assert [(chunk.text, chunk.context) for chunk in chunks] == [
        ("导语。", "邛崃手艺"),
        ("竹编\n很有名。", "邛崃手艺\n竹编"),
        ("瓷器\n也有名。", "邛崃手艺\n瓷器"),
    ]


def test_a_heading_without_text_joins_what_follows_it_under_the_nearer_heading() -> None:
    text = "手艺\n竹编\n很有名。"
    article = document(text, headings=(Heading(0, 2, 1), Heading(3, 5, 2)))
    (chunk,) = Chunker(size=100, overlap=10).chunk(article)
    assert (chunk.text, chunk.context) == (text, "题\n竹编")


def test_every_chunk_of_a_long_section_carries_its_heading() -> None:
    article = document("竹编\n" + "竹编很有名。" * 20, headings=(Heading(0, 2),))
    chunks = Chunker(size=50, overlap=10).chunk(article)
    assert len(chunks) > 2
    assert {chunk.context for chunk in chunks} == {"题\n竹编"}


def test_a_chunk_within_a_table_carries_the_names_of_its_columns() -> None:
    rows = "\n".join(f"{n}号仓 | {n * 7}吨" for n in range(40))
    article = document(f"仓库\n很大。\n\n仓 | 库容\n{rows}", headings=(Heading(0, 2),))
    first, *others = Chunker(size=100, overlap=20).chunk(article)
    assert first.context == "题\n仓库"
    assert len(others) > 3
    assert {chunk.context for chunk in others} == {"题\n仓库\n仓 | 库容"}


@pytest.mark.parametrize(
    ("title", "heading", "context"),
    [("", "", ""), ("题", "", "题"), ("", "竹编", "竹编"), ("竹编", "竹编", "竹编")],
)
def test_context_has_no_empty_and_no_repeated_line(title: str, heading: str, context: str) -> None:
    headings = (Heading(0, len(heading)),) if heading else ()
    article = document(f"{heading}\n很有名。", title=title, headings=headings)
    (chunk,) = Chunker(size=100, overlap=10).chunk(article)
    assert chunk.context == context


def test_context_is_not_part_of_the_text() -> None:
    (chunk,) = Chunker(size=100, overlap=10).chunk(document("很有名。", title="邛崃竹编"))
    assert "邛崃" not in chunk.text


def test_a_chunk_is_on_the_page_where_it_begins() -> None:
    text = "第一页的话。第二页的话。"
    article = document(text, pages=(Page(7, 0, 6), Page(8, 6, 12)))
    chunks = Chunker(size=6, overlap=0).chunk(article)
    assert [chunk.page for chunk in chunks] == [7, 8]


def test_ids_come_from_the_document_and_the_offsets_alone() -> None:
    (chunk,) = Chunker(size=100, overlap=10).chunk(document("竹编在邛崃。"))
    assert chunk.id == content_id("d", "0", "6")
    assert chunk.document_id == "d"


def test_the_chunker_says_how_it_cuts() -> None:
    assert Chunker(size=400, overlap=80).id == "recursive-400-80-tables"
