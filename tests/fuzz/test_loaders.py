"""Any bytes under any of the names a loader takes are documents or one sentence."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import datetime
from pathlib import Path

import docx
import pytest
from hypothesis import strategies as st
from reportlab.pdfgen.canvas import Canvas

from rag.chunking import Chunker
from rag.errors import LoadError
from rag.loaders.newspaper import repair
from rag.loaders.registry import LOADERS, Context
from tests.fuzz.fuzzing import damaged, fuzz, memory_bounded, pieces
from tests.loaders.pages import LIBRARY, LIBRARY_TITLE, TEA, TEA_TITLE, column, page

ENCODINGS = ("utf-8", "utf-8-sig", "gb18030", "big5", "utf-16", "utf-16-le", "latin-1")
PAGE = page(
    TEA_TITLE,
    "□本报记者 方晓",
    column(TEA, 18),
    LIBRARY_TITLE,
    "本报讯（记者 李明）",
    column(LIBRARY, 16),
)
MARKDOWN = """---
title: 蓝溪村
date: 2025-03-04
tags: [a, {b: c}]
---

# 蓝溪村

村里修了 **37** 座[石桥](http://a)。

| 年 | 桥 |
| --- | --- |
| 2023 | 37 |

```
code
```

- 甲
  - 乙
"""
HTML = """<!doctype html><html><head><meta charset="utf-8"><title>蓝溪村</title>
<meta name="date" content="2025-03-04"><script>x</script></head><body><nav>a</nav><article>
<h1>蓝溪村</h1><p>村里在2025年修了37座<b>石桥</b>，今年还要再修。</p><table><tr><td>甲<td>乙</table>
<!-- c --><ul><li>一<li>二</ul></article></body></html>"""
CSV = '标题,正文,日期\n甲,"第一,段",2025-01-01\n乙,第二段,\n丙,"引""号",x\n'
JSONL = "".join(
    json.dumps({"id": f"{n}", "title": "甲", "text": "第一段。", "date": "2025-01-02"}) + "\n"
    for n in range(3)
)


def _word() -> bytes:
    document = docx.Document()
    document.core_properties.created = datetime(2025, 3, 4)
    document.add_heading("第一节", 1)
    document.add_paragraph("甲", style="List Bullet")
    document.add_table(2, 2).cell(0, 0).text = "格"
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def _pdf() -> bytes:
    out = io.BytesIO()
    canvas = Canvas(out, pageCompression=0)
    for number in (1, 2):
        canvas.drawString(72, 720, f"The harbour museum opened in 199{number}.")
        canvas.drawString(72, 700, "Its director leads a team of 45 people.")
        canvas.showPage()
    canvas.save()
    return out.getvalue()


WORD, PDF = _word(), _pdf()
SEEDS: dict[str, list[bytes]] = {
    ".txt": [PAGE.encode(), PAGE.encode("gb18030"), PAGE.encode("utf-16"), b"Open at nine."],
    ".md": [MARKDOWN.encode(), MARKDOWN.encode("gb18030")],
    ".html": [HTML.encode(), HTML.encode("gb18030")],
    ".csv": [CSV.encode(), CSV.encode("gb18030"), CSV.replace(",", "\t").encode("utf-16")],
    ".jsonl": [JSONL.encode(), JSONL.encode("utf-16")],
    ".docx": [WORD],
    ".pdf": [PDF],
}
WORDS = {
    ".txt": "本报讯 □本报记者 （记者 ） 一、 二、 第一章 ” “ 蓝溪村修了37座石桥 2025年3月4日 AA BB",
    ".md": "--- title: date: 2025-13-45 tags: [ ] { } & * ! | > # ## ``` ~~~ - 1. []( ) ![ < > !!x",
    ".html": "<p> </p> <table> <td> <tr> <script> </script> <!-- --> <![CDATA[ ]]> &#0; &amp; "
    "<html> <head> <title> <meta charset=big5> <body> <article> <svg> <math> <template> <x:y>",
    ".csv": '标题 正文 text title id , ; | " "" \r \r\n \x00 甲乙丙',
    ".jsonl": '{"text": "a"} { } [ ] "text" : , "id" null 1e999 NaN "\\ud800" {"text":"甲"} \x00',
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


def load(folder: Path, extension: str, data: bytes) -> None:
    """The file gives documents whose offsets fit their text, or is refused by a sentence."""
    path = folder / f"a{extension}"
    path.write_bytes(data)
    reports: list[LoadError] = []
    context = Context(reports.append, ocr=False, unpacked_bytes=1 << 26)
    documents = []
    try:
        for document in LOADERS[extension](context).load(path, source=path.name):
            documents.append(document)
    except LoadError as error:
        reports.append(error)
    assert documents or reports
    for report in reports:
        assert path.name in report.en
        assert path.name in report.zh
        assert "\n" not in report.en + report.zh
    for document in documents:
        document.text.encode()  # no half of a surrogate pair gets into an index
        size = len(document.text)
        assert all(0 <= heading.start <= heading.end <= size for heading in document.headings)
        assert all(0 <= page.start <= page.end <= size for page in document.pages)
        for chunk in Chunker(size=400, overlap=80).chunk(document):
            assert chunk.text == document.text[chunk.start : chunk.end]


def bounded_load(folder: Path, extension: str, data: bytes) -> None:
    with memory_bounded():
        load(folder, extension, data)


@pytest.fixture(scope="module")
def warm(folder: Path) -> Path:
    """Sound files load; what they import is not counted as theirs."""
    for extension, seeds in SEEDS.items():
        for seed in seeds:
            load(folder, extension, seed)
    return folder


@fuzz(data=damaged(SEEDS[".txt"]) | st.binary(max_size=400))
def test_damaged_text(warm: Path, data: bytes) -> None:
    bounded_load(warm, ".txt", data)


@fuzz(text=pieces(WORDS[".txt"]), encoding=st.sampled_from(ENCODINGS))
def test_odd_text(warm: Path, text: str, encoding: str) -> None:
    bounded_load(warm, ".txt", text.encode(encoding, "replace"))


@fuzz(data=damaged(SEEDS[".md"]) | st.binary(max_size=400))
def test_damaged_markdown(warm: Path, data: bytes) -> None:
    bounded_load(warm, ".md", data)


@fuzz(text=pieces(WORDS[".md"]), fenced=st.booleans())
def test_odd_markdown(warm: Path, text: str, fenced: bool) -> None:
    bounded_load(
        warm, ".md", (f"---\n{text}\n---\n{text}" if fenced else text).encode("utf-8", "replace")
    )


@fuzz(data=damaged(SEEDS[".html"]) | st.binary(max_size=400))
def test_damaged_html(warm: Path, data: bytes) -> None:
    bounded_load(warm, ".html", data)


@fuzz(text=pieces(WORDS[".html"]), encoding=st.sampled_from(ENCODINGS))
def test_odd_html(warm: Path, text: str, encoding: str) -> None:
    bounded_load(warm, ".html", text.encode(encoding, "replace"))


@fuzz(data=damaged(SEEDS[".csv"]) | st.binary(max_size=400))
def test_damaged_csv(warm: Path, data: bytes) -> None:
    bounded_load(warm, ".csv", data)


@fuzz(text=pieces(WORDS[".csv"]), encoding=st.sampled_from(ENCODINGS))
def test_odd_csv(warm: Path, text: str, encoding: str) -> None:
    bounded_load(warm, ".csv", f"标题,正文\n{text}".encode(encoding, "replace"))


@fuzz(data=damaged(SEEDS[".jsonl"]) | st.binary(max_size=400))
def test_damaged_json_lines(warm: Path, data: bytes) -> None:
    bounded_load(warm, ".jsonl", data)


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "text", "title", "date", "url", "x"]), inner)
    ),
    max_leaves=8,
)


@fuzz(records=st.lists(ANY_JSON, max_size=4), text=pieces(WORDS[".jsonl"], most=10))
def test_odd_json_lines(warm: Path, records: list[object], text: str) -> None:
    lines = [*map(json.dumps, records), text]
    bounded_load(warm, ".jsonl", "\n".join(lines).encode("utf-8", "replace"))


@fuzz(data=damaged(SEEDS[".pdf"]))
def test_damaged_pdf(warm: Path, data: bytes) -> None:
    bounded_load(warm, ".pdf", data)


@fuzz(data=damaged([WORD]))
def test_damaged_word(warm: Path, data: bytes) -> None:
    bounded_load(warm, ".docx", data)


def _parts() -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(WORD)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


PARTS = _parts()
NAMES = ["word/document.xml", "word/styles.xml", "docProps/core.xml", "[Content_Types].xml",
         "_rels/.rels", "word/_rels/document.xml.rels"]  # fmt: skip


@fuzz(
    data=st.data(),
    name=st.sampled_from(NAMES),
    gone=st.sampled_from([None, *NAMES]),
)
def test_word_files_of_damaged_parts(
    warm: Path, data: st.DataObject, name: str, gone: str | None
) -> None:
    changed = data.draw(damaged([PARTS[name]]))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for each, content in PARTS.items():
            if each != gone:
                archive.writestr(each, changed if each == name else content)
    bounded_load(warm, ".docx", out.getvalue())


def letters(text: str) -> set[str]:
    return {c for c in text if not c.isspace()}


@fuzz(
    text=st.lists(
        st.sampled_from(
            [*PAGE.splitlines(), "", "龙龙泉泉", "AABBCC", "□本报记者 甲", "（上接1版）"]
        )
        | st.text(max_size=20),
        max_size=60,
    ).map("\n".join)
)
def test_newspaper_repair_loses_and_invents_no_character(text: str) -> None:
    articles = repair(text)
    assert letters("".join(article.text for article in articles)) == letters(text)
    for article in articles:
        assert all(0 <= h.start <= h.end <= len(article.text) for h in article.headings)
