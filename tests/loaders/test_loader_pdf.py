"""PDFs, built here: order, pages, running heads, repairs and refusals."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pikepdf
import pytest
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

from rag.errors import LoadError
from rag.loaders.pdf_order import Box, in_reading_order, jumps, lines_of_part, vertical, xy_cut
from rag.loaders.pdf_pages import unwrapped, without_running_heads

pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))

Load = Callable[..., Any]
Place = tuple[float, float, str]

LEFT = (
    "河湾镇今年新修了十二公里灌溉水渠，",
    "沿线三个村的两千亩稻田不再靠天吃饭。",
    "镇水务站站长何春生说，工程去年十月动",
    "工，总投资八百六十万元，其中村民自筹",
    "四十万元，如今每亩每年节水一百立方米",
    "，稻谷亩产预计提高五十公斤以上。",
)
RIGHT = (
    "水渠修好之后，镇里又请来农科院的专家",
    "指导种植，推广了三个优质稻品种，并和",
    "两家粮食企业签订了收购合同。种粮大户",
    "孙满仓算了一笔账，今年他家的收入可以",
    "多出三万元，明年他打算再承包一百亩地",
    "，把合作社的规模扩大一倍。",
)


def draw(path: Path, pages: Sequence[Sequence[Place]], *, size: int = 10, **facts: str) -> Path:
    canvas = Canvas(str(path), pagesize=(595, 842))
    if "title" in facts:
        canvas.setTitle(facts["title"])
    if "author" in facts:
        canvas.setAuthor(facts["author"])
    for page in pages:
        for x, y, text in page:
            canvas.setFont("STSong-Light" if not text.isascii() else "Helvetica", size)
            canvas.drawString(x, y, text)
        canvas.showPage()
    canvas.save()
    return path


def two_columns() -> list[list[Place]]:
    return [
        [(50.0, 700.0 - 14 * i, line) for i, line in enumerate(LEFT)],
        [(320.0, 700.0 - 14 * i, line) for i, line in enumerate(RIGHT)],
    ]


def test_columns_drawn_in_order_are_read_in_order(tmp_path: Path, load: Load) -> None:
    left, right = two_columns()
    document = load(draw(tmp_path / "a.pdf", [[*left, *right]])).document
    assert "".join(document.text.split()) == "".join(LEFT) + "".join(RIGHT)


@pytest.mark.parametrize("seed", range(5))
def test_columns_drawn_line_by_line_or_shuffled_are_read_column_by_column(
    tmp_path: Path, load: Load, seed: int
) -> None:
    left, right = two_columns()
    title: Place = (200.0, 760.0, "河湾镇水渠通水记")
    places = [title, *(place for pair in zip(left, right, strict=True) for place in pair)]
    if seed:
        random.Random(seed).shuffle(places)
    document = load(draw(tmp_path / "a.pdf", [places])).document
    assert "".join(document.text.split()) == "河湾镇水渠通水记" + "".join(LEFT) + "".join(RIGHT)
    assert document.info.title == "河湾镇水渠通水记"
    assert "今年他家的收入可以多出三万元" in document.text


def test_vertical_text_keeps_the_order_of_the_file(tmp_path: Path, load: Load) -> None:
    words = ("春风又绿江南岸", "明月何时照我还")
    places = [
        (400.0 - 30 * column, 700.0 - 12 * row, char)
        for column, word in enumerate(words)
        for row, char in enumerate(word)
    ]
    document = load(draw(tmp_path / "a.pdf", [places])).document
    assert "".join(document.text.split()) == "".join(words)


def test_pages_keep_their_numbers_and_a_sentence_goes_on_over_the_page(
    tmp_path: Path, load: Load
) -> None:
    left = two_columns()[0]
    pages = [[*left[:-1]], [(50.0, 700.0 - 14 * i, line) for i, line in enumerate(RIGHT)]]
    document = load(draw(tmp_path / "a.pdf", pages)).document
    assert [page.number for page in document.pages] == [1, 2]
    first, second = document.pages
    assert document.text[first.start : first.end].startswith("河湾镇")
    assert document.text[second.start :].startswith("水渠修好")
    assert "每亩每年节水一百立方米水渠" in document.text
    assert document.page_at(document.text.index("孙满仓")) == 2


def test_running_heads_and_page_numbers_go_only_where_most_pages_have_them() -> None:
    pages = [f"年度报告\n第{i}章的内容各不相同。\n- {i} -" for i in range(1, 6)]
    assert without_running_heads(pages) == [f"第{i}章的内容各不相同。" for i in range(1, 6)]
    assert without_running_heads(pages[:3]) == pages[:3]
    varied = [f"{word}\n正文\n{word}尾" for word in "甲乙丙丁"]
    assert without_running_heads(varied) == varied


def test_english_lines_become_paragraphs() -> None:
    text = (
        "The council opened the new library on Monday after a long\n"
        "wait. It has forty thousand books and two hundred read-\n"
        "ing places, and entry is free.\n"
        "- item one\n"
        "- item two"
    )
    assert unwrapped(text).split("\n") == [
        "The council opened the new library on Monday after a long wait. It has forty thousand "
        "books and two hundred reading places, and entry is free.",
        "- item one",
        "- item two",
    ]
    assert unwrapped("\n") == "\n"


def test_an_english_pdf_has_whole_sentences(tmp_path: Path, load: Load) -> None:
    lines = (
        "The harbour was rebuilt in nineteen ninety and now serves",
        "three hundred fishing boats, which land eleven thousand tons",
        "of herring every year.",
    )
    places = [(50.0, 700.0 - 14 * i, line) for i, line in enumerate(lines)]
    document = load(draw(tmp_path / "harbour.pdf", [places], title="untitled")).document
    assert document.text == " ".join(lines)
    assert document.info.title == "harbour"


def test_title_and_author_come_from_the_properties(tmp_path: Path, load: Load) -> None:
    left, _ = two_columns()
    path = draw(tmp_path / "a.pdf", [left], title="水渠通水", author="何叶")
    info = load(path).document.info
    assert (info.title, info.author) == ("水渠通水", "何叶")
    assert info.date is not None


def test_a_password_protected_file_is_refused(tmp_path: Path, load: Load) -> None:
    path = draw(tmp_path / "plain.pdf", two_columns())
    with pikepdf.open(path) as pdf:
        pdf.save(tmp_path / "locked.pdf", encryption=pikepdf.Encryption(owner="o", user="u"))
    with pytest.raises(LoadError, match=r"^docs/locked\.pdf is password-protected") as caught:
        load(tmp_path / "locked.pdf")
    assert "受密码保护" in caught.value.zh


def test_a_truncated_file_is_repaired_or_refused(tmp_path: Path, load: Load) -> None:
    data = draw(tmp_path / "whole.pdf", two_columns()).read_bytes()
    cut = tmp_path / "cut.pdf"
    cut.write_bytes(data[: data.index(b"xref\n")])  # the table of contents is gone
    assert "河湾镇" in load(cut).document.text
    cut.write_bytes(data[:200])
    with pytest.raises(LoadError, match="damaged or cut off"):
        load(cut)


def test_a_damaged_page_is_named_and_the_others_load(tmp_path: Path, load: Load) -> None:
    path = draw(tmp_path / "whole.pdf", two_columns())
    with pikepdf.open(path) as pdf:
        kids = pdf.Root.Pages.Kids
        kids[1] = pdf.make_indirect(pikepdf.Dictionary(Type=pikepdf.Name.Font))
        pdf.save(tmp_path / "damaged.pdf")
    loaded = load(tmp_path / "damaged.pdf")
    assert loaded.document.text.startswith("河湾镇")
    assert "has damaged pages that were left out (page 2)" in loaded.reports[0].en


def test_another_format_under_the_name_of_a_pdf_is_refused(tmp_path: Path, load: Load) -> None:
    path = tmp_path / "a.pdf"
    path.write_text("只是文字")
    with pytest.raises(LoadError, match="is no PDF file"):
        load(path)


def test_a_pdf_of_blank_pages_is_refused(tmp_path: Path, load: Load) -> None:
    with pytest.raises(LoadError, match="holds no text"):
        load(draw(tmp_path / "a.pdf", [[], []]))


@pytest.fixture
def scan(tmp_path: Path) -> Callable[[bool], Path]:
    def make(with_text: bool) -> Path:
        from PIL import Image

        path = tmp_path / "scan.pdf"
        canvas = Canvas(str(path), pagesize=(300, 300))
        for page in range(3):
            if with_text and page == 1:
                canvas.setFont("STSong-Light", 10)
                canvas.drawString(20, 200, "这一页有文字，其余都是图片。")
            else:
                canvas.drawImage(ImageReader(Image.new("RGB", (40, 40), "gray")), 10, 10, 200, 200)
            canvas.showPage()
        canvas.save()
        return path

    return make


@pytest.fixture
def without_ocr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rapidocr", None)


@pytest.mark.usefixtures("without_ocr")
def test_a_scan_without_ocr_says_what_to_install(scan: Callable[[bool], Path], load: Load) -> None:
    with pytest.raises(LoadError, match=r'pip install "wenyuan\[ocr\]"'):
        load(scan(False))
    loaded = load(scan(True))
    assert loaded.document.page_at(3) == 2
    (report,) = loaded.reports
    assert "page 1, 3" in report.en
    assert "第 1, 3 页" in report.zh


def test_a_scan_with_ocr_switched_off_says_how_to_switch_it_on(
    scan: Callable[[bool], Path], load: Load
) -> None:
    with pytest.raises(LoadError, match=r"switch on loading\.ocr"):
        load(scan(False), ocr=False)


def test_a_scan_is_read_by_ocr_where_it_is_installed(
    scan: Callable[[bool], Path], load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Engine:
        def __call__(self, image: Any) -> SimpleNamespace:
            assert image.shape[2] >= 3
            right = [[300, 10], [480, 10], [480, 30], [300, 30]]
            left = [[10, 10], [200, 10], [200, 30], [10, 30]]
            return SimpleNamespace(boxes=[right, left], txts=("右栏的文字", "左栏的文字"))

    module = ModuleType("rapidocr")
    module.RapidOCR = Engine  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "rapidocr", module)
    text = load(scan(False)).document.text
    assert text.index("左栏") < text.index("右栏")


def test_a_newspaper_page_in_a_pdf_gives_its_articles(
    tmp_path: Path, load: Load, newspaper_page: str
) -> None:
    lines = [line.strip() for line in newspaper_page.split("\n")]
    half = lines.index("“我们探索与企业服务专业机构合作共建‘园")
    places: list[Place] = []
    for x, column in ((20.0, lines[:half]), (300.0, lines[half:])):
        places += [(x, 1500.0 - 7 * i, line) for i, line in enumerate(column) if line]
    path = tmp_path / "page.pdf"
    canvas = Canvas(str(path), pagesize=(600, 2600))
    canvas.setFont("STSong-Light", 5)
    for x, y, line in places:
        canvas.drawString(x, y + 1000, line)
    canvas.save()
    documents = load(path).documents
    assert [document.info.author for document in documents] == ["白泽", "白泽"]
    assert all(document.page_at(50) == 1 for document in documents)


def box(left: float, top: float, width: float = 100.0, text: str = "x") -> Box:
    return Box(left, top - 10, left + width, top, text)


def test_xy_cut_reads_a_headline_then_column_by_column() -> None:
    headline = box(0, 300, 320, "headline")
    columns = [box(110 * c, 270 - 12 * r, text=f"{c}{r}") for r in range(3) for c in range(3)]
    parts = xy_cut([*columns, headline])
    read = [line for part in parts for line in lines_of_part(part)]
    assert read == ["headline", *(f"{c}{r}" for c in range(3) for r in range(3))]


def test_jumps_are_counted_where_the_text_does_not_flow_on() -> None:
    column = [box(0, 300 - 12 * r) for r in range(5)]
    assert jumps(column) == 0
    assert jumps([column[0], column[2], column[1]]) == 1
    assert in_reading_order(column)
    assert vertical([Box(0, 10 * i, 10, 10 * i + 10) for i in range(5)])
    assert not vertical([])


def test_pieces_side_by_side_are_one_line() -> None:
    assert lines_of_part([box(120, 100, text="b"), box(0, 100, text="a")]) == ["a b"]
