"""Markdown, HTML, DOCX, JSON Lines and CSV: what of a file becomes which part of a document."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import docx
import pytest

from rag.errors import LoadError
from rag.loaders.outline import Outline
from rag.types import Document

pages: Any = import_module("pages")
Load = Callable[..., Any]


def headings(document: Document) -> list[tuple[str, int]]:
    return [(document.text[h.start : h.end], h.level) for h in document.headings]


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    def run(name: str, text: str) -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return run


Write = Callable[[str, str], Path]

# Markdown


def test_front_matter_gives_the_facts(write: Write, load: Load) -> None:
    text = (
        "---\ntitle: 茶山\ndate: 2025-03-04\nsource: 县报\nauthor: [方晓, 江帆]\n"
        "url: http://x.cn/1\n---\n# 别的标题\n正文。\n"
    )
    document = load(write("a.md", text)).document
    info = document.info
    assert (info.title, info.date, info.author) == ("茶山", "2025-03-04", "方晓、江帆")
    assert (info.publisher, info.url, info.source) == ("县报", "http://x.cn/1", "docs/a.md")
    assert document.text == "别的标题\n\n正文。"


def test_markdown_is_rendered_to_what_a_reader_sees(write: Write, load: Load) -> None:
    body = """\
# 大标题

第一段*强调*与[链接](http://x)，![图](y.png)和`代码`。
接着第二行 and
more words<br>换行<b>粗</b>。

Setext
------

- 甲
- 乙

  3. 丙
  4. 丁

---
> 引用

| 年 | 数 |
|----|----|
| 2024 | 5 |

```py
x = *1*
```

<div>块 &amp; <!-- 不见 --></div>
"""
    document = load(write("a.md", body)).document
    assert document.text.split("\n\n") == [
        "大标题",
        "第一段强调与链接，图和代码。接着第二行 and more words\n换行粗。",
        "Setext",
        "甲\n乙\n3. 丙\n4. 丁",
        "引用",
        "年 | 数\n2024 | 5",
        "x = *1*",
        "块 &",
    ]
    assert headings(document) == [("大标题", 1), ("Setext", 2)]
    assert document.info.title == "大标题"


def test_broken_front_matter_is_said_and_the_body_loads(write: Write, load: Load) -> None:
    loaded = load(write("a.md", "---\ntitle: [1\n---\n正文在此\n"))
    assert loaded.document.text == "正文在此"
    assert "no valid YAML" in loaded.reports[0].en


def test_rules_that_look_like_front_matter_are_text(write: Write, load: Load) -> None:
    assert "只是文字" in load(write("a.md", "---\n只是文字\n---\n正文\n")).document.text
    assert load(write("b.md", "---\n---\n正文\n")).document.text == "正文"


def test_yaml_can_not_make_objects(write: Write, load: Load) -> None:
    text = "---\ntitle: !!python/object/apply:os.system [exit]\n---\n正文\n"
    assert "no valid YAML" in load(write("a.md", text)).reports[0].en


def test_markdown_without_text_is_refused(write: Write, load: Load) -> None:
    with pytest.raises(LoadError, match="holds no text"):
        load(write("a.md", "---\ntitle: x\n---\n\n"))


# HTML

ARTICLE = f"""<html><head><title>茶山 - 县报</title><meta name="author" content="方晓">
<meta property="article:published_time" content="2025-03-04T08:00:00Z"></head><body>
<nav><a href="/">首页</a><a href="/x">栏目</a></nav><article><h1>茶山上的账本</h1>
<p>{pages.TEA[0]}</p><h2>买主守着茶园</h2><p>{pages.TEA[1]}<b>粗体</b>的字。</p>
<ul><li>第一项内容</li><li>第二项内容</li></ul>
<table><tr><td>年份</td><td>产量</td></tr><tr><td>2024</td><td>3200</td></tr></table>
<p>{pages.TEA[2]}</p></article><footer>版权所有</footer><script>var x = 1;</script></body></html>"""


def test_a_page_gives_its_article_and_not_its_surroundings(write: Write, load: Load) -> None:
    document = load(write("a.html", ARTICLE)).document
    assert (document.info.author, document.info.date) == ("方晓", "2025-03-04")
    assert "茶山" in document.info.title
    for part in (pages.TEA[0], pages.TEA[2], "粗体的字", "第一项内容\n第二项内容", "2024 | 3200"):
        assert part in document.text
    assert not any(word in document.text for word in ("首页", "版权", "var x"))
    assert ("买主守着茶园", 2) in headings(document)


def test_a_page_without_main_text_gives_all_of_it(write: Write, load: Load) -> None:
    page = "<title>T</title><div>短<br>两行</div><pre>a\n  b</pre><h3>节</h3><p>段<!-- x --></p>尾"
    document = load(write("a.html", page)).document
    assert document.text == "短\n两行\n\na\n  b\n\n节\n\n段\n\n尾"
    assert headings(document) == [("节", 3)]


@pytest.mark.parametrize(
    ("declared", "encoding"), [("gb2312", "gb18030"), ("big5", "big5"), ("utf-8", "gb18030")]
)
def test_a_page_is_decoded_by_its_declaration_unless_that_is_wrong(
    tmp_path: Path, load: Load, declared: str, encoding: str
) -> None:
    text = pages.HARBOUR[1] if encoding == "big5" else pages.TEA[1]
    page = f'<html><head><meta charset="{declared}"></head><body><p>{text}</p></body></html>'
    (tmp_path / "a.htm").write_bytes(page.encode(encoding))
    assert load(tmp_path / "a.htm").document.text == text


def test_markup_that_trips_the_extractor_gives_all_the_text(write: Write, load: Load) -> None:
    path = write("a.html", "<math><p>村里修了37座石桥。</p><p>今年还要再修。</p>")
    assert load(path).document.text == "村里修了37座石桥。\n\n今年还要再修。"


@pytest.mark.parametrize(
    ("page", "what"),
    [("只有文字", "holds no HTML"), ("<html><body><script>1</script></body></html>", "no text")],
)
def test_a_page_without_text_is_refused(write: Write, load: Load, page: str, what: str) -> None:
    with pytest.raises(LoadError, match=what):
        load(write("a.html", page))


# DOCX


@pytest.fixture
def word(tmp_path: Path) -> Path:
    document = docx.Document()
    document.core_properties.title = "属性里的标题"
    document.core_properties.author = "方晓"
    document.core_properties.created = datetime(2025, 3, 4)
    document.add_paragraph("开头一段。")
    document.add_heading("第一节", 1)
    document.add_paragraph("甲", style="List Bullet")
    document.add_paragraph("乙", style="List Bullet")
    table = document.add_table(2, 3)
    for i, cell in enumerate(table._cells):
        cell.text = f"格{i}"
    table.cell(0, 0).merge(table.cell(0, 1)).text = "并"
    document.add_heading("第二节", 2)
    document.add_paragraph("末尾一段。")
    path = tmp_path / "a.docx"
    document.save(str(path))
    return path


def test_a_word_file_keeps_its_order_headings_and_tables(word: Path, load: Load) -> None:
    document = load(word).document
    assert document.text.split("\n\n") == [
        "开头一段。",
        "第一节\n甲\n乙",
        "并 | 格2\n格3 | 格4 | 格5",
        "第二节",
        "末尾一段。",
    ]
    assert headings(document) == [("第一节", 1), ("第二节", 2)]
    info = document.info
    assert (info.title, info.author, info.date) == ("属性里的标题", "方晓", "2025-03-04")


def test_a_title_paragraph_comes_before_the_property(tmp_path: Path, load: Load) -> None:
    document = docx.Document()
    document.add_heading("文中的标题", 0)
    document.add_paragraph("正文。")
    document.save(str(tmp_path / "a.docx"))
    info = load(tmp_path / "a.docx").document.info
    assert (info.title, info.author, info.date) == ("文中的标题", None, None)


def test_a_zip_bomb_is_refused_before_it_is_opened(tmp_path: Path, load: Load) -> None:
    path = tmp_path / "a.docx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b"\0" * (40 << 20))
    with pytest.raises(LoadError, match="zip bomb"):
        load(path)


def test_a_part_that_claims_more_than_the_file_has_is_damage(word: Path, load: Load) -> None:
    data = bytearray(word.read_bytes())
    entry = data.index(b"PK\x01\x02")
    data[entry + 20 : entry + 24] = (0x7FFF_FFFF).to_bytes(4, "little")  # its packed size
    word.write_bytes(data)
    with pytest.raises(LoadError, match="damaged"):
        load(word)


def test_what_unpacks_to_more_than_the_limit_is_refused(word: Path, load: Load) -> None:
    with pytest.raises(LoadError, match="would unpack to"):
        load(word, unpacked_bytes=1000)


@pytest.mark.parametrize("kind", ["locked", "text", "truncated", "other zip"])
def test_what_is_no_word_file_is_refused(word: Path, load: Load, kind: str) -> None:
    data = word.read_bytes()
    if kind == "other zip":
        with zipfile.ZipFile(word, "w") as archive:
            archive.writestr("a.txt", "x")
    else:
        word.write_bytes(
            {"locked": b"\xd0\xcf\x11\xe0" + b"\0" * 99, "text": b"abc", "truncated": data[:-400]}[
                kind
            ]
        )
    what = "password-protected" if kind == "locked" else "no Word document or a damaged one"
    with pytest.raises(LoadError, match=what):
        load(word)


def test_damaged_properties_cost_a_word_file_no_text(word: Path, load: Load) -> None:
    with zipfile.ZipFile(word) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts["docProps/core.xml"] = b"<?xml version='1.0'?><odd/>"
    with zipfile.ZipFile(word, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    document = load(word).document
    assert document.text.startswith("开头一段。")
    assert document.info.author is None


def test_an_empty_word_file_is_refused(tmp_path: Path, load: Load) -> None:
    docx.Document().save(str(tmp_path / "a.docx"))
    with pytest.raises(LoadError, match="holds no text"):
        load(tmp_path / "a.docx")


# JSON Lines


def test_a_record_keeps_its_id_and_facts(write: Write, load: Load) -> None:
    record = {
        "id": 7,
        "title": "茶山",
        "date": "2025/3/4",
        "text": "第一段。\r\n第二段。",
        "url": "http://x",
        "author": "方晓",
        "source": "县报",
    }
    document = load(write("a.jsonl", json.dumps(record) + "\n\n")).document
    info = document.info
    assert (info.id, info.title, info.date, info.url) == ("7", "茶山", "2025-03-04", "http://x")
    assert (info.author, info.publisher, info.source) == ("方晓", "县报", "docs/a.jsonl")
    assert document.text == "第一段。\n第二段。"


def test_missing_facts_are_made_up_for(write: Write, load: Load) -> None:
    lines = ['{"text": "谷雨刚过，茶山忙碌。"}', '{"标题": "题", "正文": ["一。", 2, "二。"]}']
    first, second = load(write("a.jsonl", "\n".join(lines))).documents
    assert (first.info.title, first.info.date) == ("谷雨刚过", None)
    assert len(first.info.id) == 16
    assert (second.info.title, second.text) == ("题", "一。\n二。")


def test_bad_lines_are_named_and_the_others_load(write: Write, load: Load) -> None:
    lines = [
        '{"id": "1", "text": "甲"}',
        "{broken",
        '["no object"]',
        '{"id": "2", "text": 5}',
        '{"id": "1", "text": "乙"}',
        "[" * 5000,
        '{"id": "3", "text": "\\ud800丙"}',
    ]
    loaded = load(write("a.jsonl", "\ufeff" + "\n".join(lines)))
    assert [document.info.id for document in loaded.documents] == ["1", "3"]
    said = [report.en for report in loaded.reports]
    assert [sentence.split(":")[0] for sentence in said] == [
        f"docs/a.jsonl, line {number}" for number in (2, 3, 4, 5, 6)
    ]
    assert "repeats the id 1" in said[3]
    assert loaded.reports[0].zh.startswith("docs/a.jsonl 第 2 行：")
    assert loaded.documents[1].text == "\ufffd丙"


def test_a_record_without_id_that_repeats_another_is_named(write: Write, load: Load) -> None:
    loaded = load(write("a.jsonl", '{"text": "甲"}\n{"text": "甲"}\n'))
    assert loaded.document.text == "甲"
    assert "line 2: the record repeats an earlier one" in loaded.reports[0].en


def test_many_bad_lines_are_counted(write: Write, load: Load) -> None:
    loaded = load(write("a.jsonl", "x\n" * 150))
    assert loaded.documents == []
    assert len(loaded.reports) == 101
    assert loaded.reports[-1].en == "docs/a.jsonl has 50 more records with such problems."


def test_a_line_of_excessive_length_is_passed_over(
    write: Write, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.loaders.jsonl._LINE_LENGTH", 50)
    text = json.dumps({"text": "x" * 200}) + '\n{"text": "short"}\n'
    loaded = load(write("a.jsonl", text))
    assert loaded.document.text == "short"
    assert "line 1" in loaded.reports[0].en


@pytest.mark.parametrize("encoding", ["gb18030", "utf-16"])
def test_records_come_in_other_encodings(tmp_path: Path, load: Load, encoding: str) -> None:
    line = json.dumps({"id": "1", "text": pages.TEA[0]}, ensure_ascii=False) + "\n"
    (tmp_path / "a.jsonl").write_text(line, encoding=encoding)
    assert load(tmp_path / "a.jsonl").document.text == pages.TEA[0]


@pytest.mark.parametrize(
    ("data", "what"), [(b"\n\n", "no text"), (b"PK\x03\x04", "ZIP"), (bytes(range(64)), "binary")]
)
def test_what_has_no_records_is_refused(tmp_path: Path, load: Load, data: bytes, what: str) -> None:
    (tmp_path / "a.jsonl").write_bytes(data)
    with pytest.raises(LoadError, match=what):
        load(tmp_path / "a.jsonl")


# CSV


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_out(write: Write, load: Load, delimiter: str) -> None:
    rows = [["title", "text", "date"], ["题", '"一\n二"', "2025-03-04"]]
    path = write("a.csv", "\n".join(delimiter.join(row) for row in rows))
    document = load(path).document
    assert (document.info.title, document.text) == ("题", "一\n二")
    assert document.info.date == "2025-03-04"


def test_columns_go_by_chinese_names_too(write: Write, load: Load) -> None:
    text = "\ufeff编号,标题,内容,日期,来源,作者,备注\n9,题,正文,2025年3月,县报,方晓,x\n"
    info = load(write("a.csv", text)).document.info
    assert (info.id, info.title, info.date) == ("9", "题", "2025-03")
    assert (info.publisher, info.author) == ("县报", "方晓")


def test_rows_without_text_are_named_by_their_line(write: Write, load: Load) -> None:
    loaded = load(write("a.csv", "title,text\n甲,一\n乙,\n,\n丙,三\n"))
    assert [document.text for document in loaded.documents] == ["一", "三"]
    assert [report.en.split(":")[0] for report in loaded.reports] == ["docs/a.csv, line 3"]


def test_a_csv_without_a_column_of_text_is_refused(write: Write, load: Load) -> None:
    with pytest.raises(LoadError, match='no column named "text"'):
        load(write("a.csv", "a,b\n1,2\n"))


def test_a_field_of_excessive_length_ends_the_file(
    write: Write, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.loaders.csv._FIELD_LENGTH", 100)
    with pytest.raises(LoadError, match="can't be read as CSV past line"):
        load(write("a.csv", "title,text\n甲,一\n乙," + "x" * 200 + "\n"))


# The outline


def test_headings_mark_their_lines() -> None:
    outline = Outline()
    outline.add("  ")
    outline.add_heading("一\n级", level=1)
    outline.add("段")
    outline.add("紧", tight=True)
    outline.add_heading(" ", level=2)
    assert (outline.text, outline.title, outline.blocks) == ("一 级\n\n段\n紧", "一 级", 3)
    assert outline.length == len(outline.text)
