"""Drafts of gold questions from articles."""

from __future__ import annotations

import pytest

from rag.evaluation.draft import draft
from rag.evaluation.gold import GoldRow, contradiction
from rag.types import Document
from tests.support import article

VILLAGE = """# 蓝溪村

2024年，蓝溪村用37万元修好了村口的老桥。

村党支部书记刘洪说，老人过桥再也不用绕路。"""


def only(text: str) -> dict[str, object]:
    (row,) = draft([article(text)], count=5)
    return row


@pytest.mark.parametrize(
    ("sentence", "question", "answer"),
    [
        ("蓝溪村用37万元修好了村口的老桥。", "蓝溪村用多少钱修好了村口的老桥？", "37万元"),
        ("全村的河上一共修了37座石桥。", "全村的河上一共修了多少座石桥？", "37座"),
        ("蓝溪小学在2024年3月搬进了新校舍。", "蓝溪小学在什么时候搬进了新校舍？", "2024年3月"),
        ("村党支部书记刘洪说，老人过桥不用绕路。", "村党支部书记谁说，老人过桥不用绕路？", "刘洪"),
        (
            "The school by the river has 412 pupils.",
            "What is missing in “The school by the river has ___ pupils”?",
            "412",
        ),
    ],
)
def test_a_figure_date_or_name_is_taken_out_and_asked_for(
    sentence: str, question: str, answer: str
) -> None:
    row = only(sentence)
    assert (row["question"], row["answers"]) == (question, [answer])
    assert row["evidence"] == [sentence.rstrip("。.")]
    assert row["answerable"] is True


@pytest.mark.parametrize(
    "text",
    [
        "37座桥",  # too short, and no sentence
        "蓝溪村的河上修了许多座石桥。",  # nothing to ask for
        "桥梁 | 37座 | 蓝溪村 | 红河村。",  # a row of a table
        "河上先修37座石桥，后来又修37座石桥。",  # which of the two?
        "这一套做法叫“3个1”，三年里办成了许多事。",  # a name, not a figure
        "2025年初春，蓝溪村就是这样一番景象。",  # half a date
    ],
)
def test_a_sentence_that_makes_no_good_question_is_left_out(text: str) -> None:
    assert draft([article(text)], count=5) == []


def _many() -> list[Document]:
    return [article(f"2024年，第{i}村用{i}万元修好了石桥。") for i in range(11, 31)]


def test_up_to_every_fourth_asks_about_a_year_that_no_article_names() -> None:
    rows = draft(_many(), count=12)
    missed = [row for row in rows if not row["answerable"]]
    assert len(missed) == 3
    for row in missed:
        assert "2023年" in str(row["question"])
        assert (row["answers"], row["evidence"]) == ([], [])


def test_drafts_keep_the_format_and_repeat_with_the_seed() -> None:
    rows = draft([*_many(), article(VILLAGE)], count=30)
    for row in rows:
        assert contradiction(GoldRow.model_validate(row)) is None
    assert len({row["id"] for row in rows}) == len(rows)
    assert draft(_many(), count=5) == draft(_many(), count=5)
    assert draft(_many(), count=5) != draft(_many(), count=5, seed=1)


def test_every_article_is_asked_about_before_one_is_twice() -> None:
    documents = [article(VILLAGE), article("全村的河上一共修了37座石桥。")]
    evidence = [str(row["evidence"]) for row in draft(documents, count=2)]
    assert any("37座石桥" in text for text in evidence)
