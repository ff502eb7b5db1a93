"""Where a short answer begins and ends."""

from __future__ import annotations

import pytest

from rag.answering import Question, QuestionAnalyser
from rag.answering.trimming import trimmed
from rag.assembly import segment
from rag.text import fold_passage


def _analyse(question: str) -> Question:
    return QuestionAnalyser(segment, lambda terms: [1] * len(terms), 100).analyse(question)


@pytest.mark.parametrize(
    ("question", "sentence", "span", "expected"),
    [
        ("大会在哪一年召开？", "大会于1975年6月9日召开。", "1975年6月9日", "1975年"),
        ("大会在哪年召开？", "大会于二〇二五年初召开。", "二〇二五年初", "二〇二五年"),
        ("大会在什么时候召开？", "大会于1975年6月9日召开。", "6月9日", "1975年6月9日"),
        # Two years are a time of their own.
        ("他哪一年在日本？", "他1917年至1919年在日本。", "1917年至1919年", "1917年至1919年"),
        ("有多少座岗亭？", "全区有37座岗亭。", "37", "37座"),
        ("为什么停工？", "因为下雨，工地停工了。", "下雨", "因为下雨"),
        ("谁写了游记？", "玄奘，写了《大唐西域记》。", "玄奘，", "玄奘"),
        ("他写了什么？", "他写了《大唐西域记》。", "《大唐西域记", "《大唐西域记》"),
        ("他写了什么？", "他写了《大唐西域记》。", "大唐西域记》", "《大唐西域记》"),
        ("吃什么？", "吃头足类（例如箭石等）。", "头足类（例如箭石", "头足类"),
        ("象征什么？", "翼（图二）象征武装力量。", "图二）象征武装力量", "象征武装力量"),
    ],
)
def test_a_span_is_trimmed_to_what_was_asked(
    question: str, sentence: str, span: str, expected: str
) -> None:
    at = sentence.index(span)
    start, end = trimmed(_analyse(question), sentence, fold_passage(sentence), at, at + len(span))
    assert sentence[start:end] == expected


@pytest.mark.parametrize("text", ["（", "）", "（）", "《》《", "，", "」主席「"])
def test_brackets_alone_leave_something(text: str) -> None:
    start, end = trimmed(_analyse("什么？"), text, fold_passage(text), 0, len(text))
    assert 0 <= start < end <= len(text)
