"""Figures and dates as values, whatever they look like."""

from __future__ import annotations

from decimal import Decimal

import pytest

from rag.answering.numbers import chinese_number, days, figures
from rag.text import fold


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("二百", 200), ("一千六百", 1600), ("两百零五", 205), ("十九", 19), ("二十", 20),
        ("一万五千", 15000), ("三亿二千万", 320_000_000), ("二〇二四", 2024), ("十", 10),
        ("百", 100), ("百岁", None), ("", None),
    ],
)  # fmt: skip
def test_a_chinese_number_is_read(text: str, value: int | None) -> None:
    assert chinese_number(text) == value


@pytest.mark.parametrize(
    ("text", "value", "percent"),
    [
        ("1.5万余名", "15000", False),
        ("15,000人", "15000", False),
        ("１５０００", "15000", False),
        ("26.54亿元", "2654000000", False),
        ("2.654 billion yuan", "2654000000", False),
        ("二百余个", "200", False),
        ("四十餘家", "40", False),
        ("百分之五", "5", True),
        ("百分之七十以上", "70", True),
        ("百分之三点五", "3.5", True),
        ("45 percent", "45", True),
        ("六成", "60", True),
        ("三个百分点", "3", True),
        ("sixty-three points", "63", False),
        ("two hundred posts", "200", False),
        ("第六大", "6", False),
        ("四个", "4", False),
    ],
)
def test_a_figure_has_its_value(text: str, value: str, percent: bool) -> None:
    (figure,) = figures(fold(text))
    assert (figure.value, figure.percent) == (Decimal(value), percent)


@pytest.mark.parametrize("text", ["统一", "一个", "千家万户", "万物", "成立", "May I", "2024年3月"])
def test_what_is_no_figure_is_none(text: str) -> None:
    assert figures(fold(text)) == []


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("200余个", "二百个", True),
        ("374项", "374家", False),
        ("70%", "70个", False),
        ("18亿元", "18亿", True),
        ("18亿元", "28亿元", False),
        ("9.2亿元", "92000万元", True),
        ("6万公里", "60000个", True),
        ("33家", "33个", True),
        ("第38位", "38个", True),
    ],
)
def test_figures_agree_by_value_and_unit(one: str, other: str, alike: bool) -> None:
    (first,), (second,) = figures(fold(one)), figures(fold(other))
    assert first.agrees(second) is alike
    assert second.agrees(first) is alike


@pytest.mark.parametrize(
    ("text", "year", "month", "day"),
    [
        ("2024年", 2024, None, None),
        ("二〇二四年三月五日", 2024, 3, 5),
        ("2024年3月5日", 2024, 3, 5),
        ("2024-03-05", 2024, 3, 5),
        ("2024/3/5", 2024, 3, 5),
        ("3月5日", None, 3, 5),
        ("March 5, 2024", 2024, 3, 5),
        ("5 March 2024", 2024, 3, 5),
        ("in January 2025", 2025, 1, None),
        ("opened in 1998", 1998, None, None),
    ],
)
def test_a_date_has_its_parts(
    text: str, year: int | None, month: int | None, day: int | None
) -> None:
    (found,) = days(fold(text))
    assert (found.year, found.month, found.day) == (year, month, day)


@pytest.mark.parametrize("text", ["it may rain", "2024个", "99月", "12000 dollars", "2000 dollars"])
def test_what_is_no_date_is_none(text: str) -> None:
    assert days(fold(text)) == []


def test_a_less_exact_date_agrees_with_a_more_exact_one_but_not_the_reverse() -> None:
    (month,), (full,) = days("2024年3月"), days("2024年3月5日")
    assert month.agrees(full)
    assert not full.agrees(month)
