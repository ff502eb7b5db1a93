"""Tables as loaders write them."""

from __future__ import annotations

import pytest

from rag.text import cell_spans, first_row

TEXT = """窗口一览

单位 | 电话
社保 | 028-1
户籍 | 028-2

年 | 桥
2023 | 37

村 | 收入 | 户数
村 | 种植 | 养殖 | 户数
望江 | 12万 | 5万 | 420"""


@pytest.mark.parametrize(
    ("row", "cells"),
    [
        ("社保 | 028-1 | 一楼", ["社保", "028-1", "一楼"]),
        ("社保 |  | 一楼", ["社保", "", "一楼"]),
        ("| 2023年 | 2024年", ["", "2023年", "2024年"]),
        ("社保 | 028-1 |", ["社保", "028-1", ""]),
        ("社保 |  |  |", ["社保", "", "", ""]),
        ("没有表格。", ["没有表格。"]),
        ("", [""]),
    ],
)
def test_a_row_has_its_cells(row: str, cells: list[str]) -> None:
    assert [row[start:end] for start, end in cell_spans(row)] == cells


@pytest.mark.parametrize(
    ("at", "row"),
    [
        ("窗口", ""),
        ("单位 |", ""),  # the first row itself
        ("社保", "单位 | 电话"),
        ("028-2", "单位 | 电话"),  # in the middle of a row
        ("年 |", ""),  # another table
        ("2023", "年 | 桥"),
        ("望江", "村 | 种植 | 养殖 | 户数"),  # the first row has merged cells
    ],
)
def test_a_table_is_told_by_its_first_row(at: str, row: str) -> None:
    assert first_row(TEXT, TEXT.index(at)) == row


def test_a_table_may_begin_the_text_and_a_first_row_may_be_too_long_to_name_columns() -> None:
    assert first_row("甲 | 乙\n丙 | 丁", 6) == "甲 | 乙"
    text = "甲" * 400 + " | 乙\n丙 | 丁"
    assert first_row(text, len(text) - 1) == ""
