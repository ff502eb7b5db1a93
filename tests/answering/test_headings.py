"""What a table's headings say."""

from __future__ import annotations

import pytest

from rag.answering.headings import in_other_words, periods_in, years_in


@pytest.mark.parametrize(
    ("question", "heading", "asks"),
    [
        ("社保站归谁管?", "负责人", True),
        ("户籍窗口在哪里?", "地址", True),
        ("图书室几点开门?", "开放时间", True),
        ("末班车几点?", "末班发车", True),
        ("头班车几点?", "末班发车", False),
        ("补办身份证要多少钱?", "收费标准", True),
        ("补办身份证要多少钱?", "办理时限", False),
        ("how long does it take?", "duration", True),
        ("where is the library?", "phone", False),
    ],
)
def test_a_heading_is_asked_for_in_other_words(question: str, heading: str, asks: bool) -> None:
    assert in_other_words(question, heading) is asks


@pytest.mark.parametrize(
    ("text", "periods"),
    [
        ("礼拜六开门吗?", {"周六"}),
        ("星期天", {"周日"}),
        ("周一至周三", {"周一", "周二", "周三"}),
        ("周六到周日", {"周六", "周日"}),
        ("周六至周一", {"周六", "周日", "周一"}),
        ("周末", {"周六", "周日"}),
        ("第二季度", {"2季度"}),
        ("4季度和上半年", {"4季度", "上半年"}),
        ("12月的3月份", {"12月", "3月"}),
        ("全年", set()),
    ],
)
def test_periods_are_known_by_whatever_name(text: str, periods: set[str]) -> None:
    assert periods_in(text) == periods


def test_years_are_found() -> None:
    assert years_in("2023年和2024年") == {"2023", "2024"}
