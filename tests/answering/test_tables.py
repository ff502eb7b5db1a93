"""Answers from the cells of tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from rag.answering import EvidenceFinder, Question
from rag.answering.prompts import passage
from rag.answering.tables import columns_of
from rag.assembly import assistant_of, indexer_of
from rag.assistant import Assistant
from rag.config import IndexSettings, Settings
from rag.types import Hit
from tests.answering.articles import TABLES, hit

Analyse = Callable[[str], Question]


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Assistant]:
    folder = tmp_path_factory.mktemp("tables")
    (folder / "tables.md").write_text(TABLES, encoding="utf-8")
    settings = Settings(index=IndexSettings(dir=folder / "index"))
    assert indexer_of(settings).index([folder / "tables.md"]).problems == ()
    with closing(assistant_of(settings)) as opened:
        yield opened


@pytest.mark.parametrize(
    ("question", "answer", "row"),
    [
        ("社保服务站的电话是多少?", "028-61230011", "社保服务站"),
        ("户籍窗口在哪里?", "人民路3号", "户籍窗口"),
        ("卫生院归谁负责?", "田野", "卫生院"),
        ("图书室几点开门?", "周二至周日10:00—20:00", "图书室"),
        ("办老年证要带什么材料?", "身份证、一寸照片", "老年证"),
        ("补办身份证需要多久?", "20个工作日", "补办身份证"),
        ("场地租用怎么收费?", "每小时60元", "场地租用"),
        ("2024年青岚镇的常住人口是多少?", "31850", "常住人口"),
        ("2025年游客有多少人次?", "27万", "游客人次"),
        # of the second of two tables that follow each other
        ("白鹭村的主导产业是什么?", "茶叶", "白鹭村"),
        # whose it is
        ("哪个村的支书是赵铁军?", "松林村", "松林村"),
        ("028-61230022是哪个单位的电话?", "户籍窗口", "户籍窗口"),
        ("田野是哪个单位的负责人?", "卫生院", "卫生院"),
    ],
)
def test_a_cell_answers_and_its_row_and_the_columns_names_are_cited(
    office: Assistant, question: str, answer: str, row: str
) -> None:
    found = office.ask(question)
    assert found.short_answer == answer
    cited, names = found.citations
    assert cited.quote.startswith(row)
    assert names.quote.split(" | ")[0] in ("单位", "事项", "指标", "村")
    document = office.document(cited.document.id)
    assert document is not None
    for citation in found.citations:
        assert citation.quote == document.text[citation.start : citation.end]


@pytest.mark.parametrize(
    "question",
    [
        "派出所的电话是多少?",  # no such row
        "补办驾驶证要多少钱?",
        "2022年的常住人口是多少?",  # no such column
        "2025年比2024年多了多少游客?",  # two columns: nothing is counted up
        "双河镇2024年的常住人口是多少?",
        "文化站的电话是多少?",  # an empty cell
    ],
)
def test_what_a_table_does_not_say_is_declined(office: Assistant, question: str) -> None:
    assert not office.ask(question).answered


def test_a_row_of_which_no_cell_was_asked_for_is_quoted_whole(office: Assistant) -> None:
    answer = office.ask("望江村主要种什么?")
    assert answer.short_answer == "望江村 | 420 | 李国强 | 柑橘"


def test_a_passage_in_the_middle_of_a_table_knows_its_columns(
    finder: EvidenceFinder, analyse: Analyse
) -> None:
    rest = within_table("卫生院 | 028-61230033 | 田野", "单位 | 电话 | 负责人")
    assert columns_of(rest) == "单位 | 电话 | 负责人"
    short = finder.find(analyse("卫生院的负责人是谁?"), [rest])[0].short
    assert short is not None
    assert short.text == "田野"
    assert 'title="服务一览"' in passage(1, rest)
    assert "\n单位 | 电话 | 负责人\n卫生院 | " in passage(1, rest)


QUARTERS = """指标 | 2024年一季度 | 2024年二季度 | 2024年三季度
新开商户（户） | 612 | 743 | 801"""
MERGED = """村 | 收入 | 户数
村 | 种植 | 养殖 | 户数
望江村 | 12万 | 5万 | 420"""
SENTENCES = """事项 | 流程 | 时限
落户 | 先登记。再审核。 | 5天
迁户 | 当场办理 | 2天"""
FORM = """编码 | LH-017 | 申报日期 | 2025年1月20日
联络员 | 阎小舟 | 联络分机 | 7716"""


@pytest.mark.parametrize(
    ("question", "table", "answer"),
    [
        ("2024年第二季度开了多少户?", QUARTERS, "743"),  # all columns are of the year
        ("2024年三季度开了多少户?", QUARTERS, "801"),
        ("望江村有多少户?", MERGED, "420"),  # the second row has the names
        ("迁户要几天?", SENTENCES, "2天"),  # a cell of sentences ends no table
        ("联络员是谁?", FORM, "阎小舟"),  # names stand beside their values
        ("申报日期是哪天?", FORM, "2025年1月20日"),
    ],
)
def test_tables_of_many_sorts_answer(
    finder: EvidenceFinder, analyse: Analyse, question: str, table: str, answer: str
) -> None:
    short = finder.find(analyse(question), [hit(table)])[0].short
    assert short is not None
    assert short.text == answer


def within_table(text: str, columns: str) -> Hit:
    found = hit(text, title="服务一览")
    return replace(found, chunk=replace(found.chunk, context=f"服务一览\n{columns}"))


def test_a_title_with_bars_names_no_columns() -> None:
    assert columns_of(hit("单位 | 电话\n卫生院 | 028-1", title="青岚镇 | 通知")) == ""
    assert columns_of(within_table("没有表格。", "单位 | 电话")) == ""


def test_a_long_table_answers_to_its_end(tmp_path: Path) -> None:
    rows = "".join(f"| 第{n}号仓 | 青岚路{n}号 | {n * 7}吨 | 028-6123{n:04} |\n" for n in range(90))
    head = "| 仓库 | 地址 | 库容 | 电话 |\n|---|---|---|---|\n"
    (tmp_path / "a.md").write_text(f"# 粮仓名录\n\n{head}{rows}", encoding="utf-8")
    settings = Settings(index=IndexSettings(dir=tmp_path / "index"))
    indexer_of(settings).index([tmp_path / "a.md"])
    with closing(assistant_of(settings)) as assistant:
        assert assistant.ask("第83号仓的库容是多少?").short_answer == "581吨"
        assert assistant.ask("第57号仓在哪里?").short_answer == "青岚路57号"
