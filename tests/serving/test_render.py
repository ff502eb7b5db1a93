"""Answers as HTML: complete, in the asker's language, and nothing of an article is markup."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.errors import Lang
from rag.serving.render import answer_html, hits_html, text
from rag.types import Answer, AnswerSentence, Chunk, Citation, DocumentInfo, Hit

SCRIPT = "<script>alert(1)</script>"
IMAGE = '<img src="x" onerror="alert(2)">'
MARKDOWN = "\n\n# 标题\n\n**粗体** ![图](http://example.com/a.png)\n\n---\n\n```\ncode\n```\n"
OURS = {
    "div", "p", "blockquote", "sup", "ol", "li", "strong", "code", "details", "summary", "br", "em",
    "a", "bdi", "span", "button",
}  # fmt: skip


def info(title: str = "石桥", source: str = "docs/a.md", date: str | None = None) -> DocumentInfo:
    return DocumentInfo("id", title, source, date)


def hit(
    words: str = "原文一段", *, of: DocumentInfo | None = None, also: tuple[DocumentInfo, ...] = ()
) -> Hit:
    chunk = Chunk("c", "id", 0, len(words), words)
    return Hit(rank=1, score=1.0, chunk=chunk, document=of or info(), duplicates=also)


def citation(
    quote: str = "修了37座石桥。", *, of: DocumentInfo | None = None, page: int | None = None
) -> Citation:
    return Citation(1, of or info(), 12, 12 + len(quote), quote, page)


def answered(*citations: Citation, short: str = "37座", hits: tuple[Hit, ...] = ()) -> Answer:
    return Answer("问", "问", True, short, short, 0.9, None, citations, hits, "extractive")


def declined(said: str, hits: tuple[Hit, ...] = ()) -> Answer:
    return Answer("问", "问", False, said, None, 0.1, "low_confidence", (), hits, "extractive")


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.shown = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.shown += data


def parsed(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    return reader


def test_an_answer_shows_short_answer_quotation_and_source() -> None:
    html = answer_html(answered(citation(of=info(date="2025-03-01"))), "zh")
    shown = parsed(html).shown
    for part in ("37座", "修了37座石桥。", "[1]", "出处", "石桥", "2025-03-01", "docs/a.md"):
        assert part in shown
    assert "第 12–20 字" in shown
    assert "<blockquote" in html


def test_labels_are_in_the_language_of_the_question() -> None:
    answer = answered(citation(page=3), hits=(hit(also=(info(source="docs/b.md"),)),))
    english = parsed(answer_html(answer, "en")).shown
    for part in ("Sources", "Passages found (1)", "characters 12–20", "page 3", "Also in: "):
        assert part in english
    chinese = parsed(answer_html(answer, "zh")).shown
    for part in ("出处", "检索到的段落 (1)", "第 12–20 字", "第 3 页", "同样见于："):
        assert part in chinese


def test_a_source_without_pages_or_date_names_neither() -> None:
    shown = parsed(answer_html(answered(citation()), "en")).shown
    assert "page" not in shown
    assert "None" not in shown


def test_a_refusal_shows_its_sentence_and_the_nearest_passages() -> None:
    html = answer_html(declined("没有提到“双流区”。", (hit("最近的一段"),)), "zh")
    shown = parsed(html).shown
    assert "没有提到“双流区”。" in shown
    assert "最接近的段落 (1)" in shown
    assert "最近的一段" in shown
    assert "<blockquote" not in html


def test_a_refusal_without_passages_shows_no_empty_list() -> None:
    assert "<details" not in answer_html(declined("没有。"), "zh")
    assert hits_html((), "passages", "en") == ""


def test_a_reprint_names_every_other_place() -> None:
    others = (info(source="docs/b.md"), info(source="docs/<c>.md"))
    html = hits_html((hit(also=others),), "passages", "en")
    assert "Also in: docs/b.md; docs/<c>.md" in parsed(html).shown
    assert "<c>" not in html


def written(*sentences: AnswerSentence, said: str, lang: Lang = "zh") -> str:
    answer = Answer(
        "问", "问", True, said, None, 0.9, None, (citation(),), (), "openai", sentences=sentences,
        citation_precision=1.0, citation_recall=0.5,
    )  # fmt: skip
    return answer_html(answer, lang)


def test_a_models_unsupported_sentence_is_marked_with_what_is_missing_said_once() -> None:
    html = written(
        AnswerSentence("修了37座石桥。", (1,)),
        AnswerSentence("另有99座塔。", (1,), supported=False, unsupported_terms=("99座", "<塔>")),
        said="修了37座石桥[1]。另有99座塔[1]。〔未在文章中找到依据〕\n\n完。",
    )
    reader = parsed(html)
    assert "修了37座石桥[1]。另有99座塔[1]。 〔未在文章中找到依据 · 99座 · <塔>〕" in reader.shown
    assert html.count('class="wy-unsupported"') == 1
    assert '">另有99座塔<sup>' in html
    assert reader.shown.count("未在文章中找到依据") == 1
    assert reader.tags.count("sup") == 2  # markers are links, in the doubtful sentence too
    assert "None" not in reader.shown
    assert '<p dir="auto">完。</p>' in html


def test_the_words_of_an_english_answer_keep_their_spaces() -> None:
    html = written(
        AnswerSentence("37 bridges.", (1,)),
        AnswerSentence("99 towers.", (), supported=False, unsupported_terms=("99",)),
        said="37 bridges [1]. 99 towers. [not supported by the documents] The end.",
        lang="en",
    )
    shown = parsed(html).shown
    assert "37 bridges [1]. 99 towers. 〔not supported by the articles · 99〕 The end." in shown


def test_a_plug_ins_text_without_findings_is_shown_whole() -> None:
    said = "第一行[1]\n<b>第二行</b>"
    assert "第一行[1]<b>第二行</b>" in parsed(written(said=said)).shown


@pytest.mark.parametrize("hostile", [SCRIPT, IMAGE, MARKDOWN, "<div style='position:fixed'>", "&"])
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_nothing_of_an_article_becomes_markup(hostile: str, lang: Lang) -> None:
    of = DocumentInfo("id", hostile, hostile, hostile)
    hits = (hit(hostile, of=of, also=(of,)),)
    for html in (
        answer_html(answered(citation(hostile, of=of), short=hostile, hits=hits), lang),
        answer_html(declined(hostile, hits), lang),
    ):
        reader = parsed(html)
        assert set(reader.tags) <= OURS
        assert {name for name, _ in reader.attributes} <= {"class", "href", "target", "type"}
        links = [value or "" for name, value in reader.attributes if name == "href"]
        assert all(link.startswith("/documents/id?start=") for link in links)
        assert "\n" not in html  # a blank line would end the HTML block
        assert " ".join(hostile.split()) in reader.shown


@given(st.text(max_size=80))
def test_text_is_escaped_on_one_line_and_reads_the_same(value: str) -> None:
    escaped = text(value)
    assert not re.search(r"[<>\"'\r\n]", escaped)
    assert parsed(f"<p>{escaped}</p>").shown == " ".join(value.split())
