"""Where a short answer begins and ends, once it is chosen."""

from __future__ import annotations

import re

from rag.answering.kinds import MEASURED, Kind
from rag.answering.question import Question
from rag.answering.spans import candidates
from rag.text import Span, clause_spans, fold

# Kinds that a clause answers, not a name or a figure.
_CLAUSES = frozenset({Kind.REASON, Kind.HOW, Kind.DEFINITION})
_FIGURES = MEASURED | {Kind.DATE}
_MARKS = frozenset("，,。；;：:！!？? 、的")
_WHICH_YEAR = re.compile(r"哪一?个?年(?!级|龄)|which year|what year")
_YEAR = re.compile(r"(?:19|20)\d\d年?|[一二]\s*[〇零○九][〇零○一二三四五六七八九]{2}年|\d{3,4}年")
_A_DATE = re.compile(
    r"(?:(?:19|20)\d\d|[一二][〇零○九][〇零○一二三四五六七八九]{2})年(?:初|底|末|\d{1,2}月(?:\d{1,2}[日号]?)?)?"
    r"|\d{1,2}月\d{1,2}[日号]"
)
_NUMBER_TO_CALL = re.compile(
    "(?:电话|手机|热线|传真)(?:的?号码?)?(?:是|为)?(?:多少|什么|几|哪)|(?:phone|fax) number"
)
_PEOPLE, _THINGS = frozenset("名位人"), frozenset("套间座辆台栋艘架亩棵株册篇")
_COUNTED = re.compile(rf"[\d十百千万亿余多]\s*([{''.join(_PEOPLE | _THINGS)}])")
_A_FIGURE = re.compile(r"[\d.,%％年月日]+")
_NO_FIGURES = frozenset({Kind.PERSON, Kind.PLACE, Kind.ORGANISATION})
_PAIRS = dict(zip("（(《「『“[【", "）)》」』”]】", strict=True))
_CLOSING = {closing: opening for opening, closing in _PAIRS.items()}


def trimmed(question: Question, text: str, folded: str, start: int, end: int) -> Span:
    """A reader's span of `text` in the form that the question wants; never empty.

    Whole clauses where a clause answers, whole figures with their units, the year alone for which
    year; without marks at its ends, and without half a pair of brackets.
    """
    if question.kind in _CLAUSES:
        start, end = _whole_clauses(text, start, end)
    elif question.kind in _FIGURES and len(folded) == len(text):
        start, end = _whole_figures(question.kind, folded, text, start, end)
    start, end = year_alone(question, text, start, end)
    start, end = _unmarked(text, start, end)
    return _unmarked(text, *_paired(text, start, end))


def year_alone(question: Question, text: str, start: int, end: int) -> Span:
    """The only year of a date, where the year was asked for: 1975年 of 1975年6月9日."""
    if question.kind is not Kind.DATE or not _WHICH_YEAR.search(question.folded):
        return start, end
    years = list(_YEAR.finditer(text, start, end))
    return years[0].span() if len(years) == 1 else (start, end)


def is_of_kind(question: Question, text: str) -> bool:
    """Whether a span can be what was asked for.

    Marks never are, nor is a date a number of things, nor a figure a person, a place or a body.
    """
    if not any(map(str.isalnum, text)):
        return False
    if not counts_what_was_asked(question, text):
        return False
    if question.kind in MEASURED and "年" not in question.measure + question.focus:
        return _A_DATE.fullmatch(fold(text)) is None
    return question.kind not in _NO_FIGURES or _A_FIGURE.fullmatch(text) is None


def counts_what_was_asked(question: Question, text: str) -> bool:
    """Whether a figure can be the one that was asked for, by its digits and its measure word.

    A number to call has three digits at least; people aren't things, 名 no 套, nor the reverse.
    """
    if _NUMBER_TO_CALL.search(question.folded) and sum(map(str.isdigit, text)) < 3:
        return False
    counted = _COUNTED.search(fold(text))
    if counted is None or question.measure not in _PEOPLE | _THINGS:
        return True
    return (counted.group(1) in _PEOPLE) == (question.measure in _PEOPLE)


def _whole_figures(kind: Kind, folded: str, text: str, start: int, end: int) -> Span:
    """With the units and the years of every figure that the span has a part of: 37 is 37座."""
    touched = [(a, b) for a, b in candidates(kind, folded, text) if a < end and start < b]
    if not touched:
        return start, end
    return min(a for a, _ in touched), max(b for _, b in touched)


def _whole_clauses(text: str, start: int, end: int) -> Span:
    clauses = clause_spans(text, 0, len(text))
    first = max((left for left, _ in clauses if left <= start), default=start)
    return first, min((right for _, right in clauses if right >= end), default=end)


def _unmarked(text: str, start: int, end: int) -> Span:
    while end > start + 1 and text[end - 1] in _MARKS:
        end -= 1
    while start < end - 1 and text[start] in _MARKS:
        start += 1
    return start, end


def _paired(text: str, start: int, end: int) -> Span:
    """Without brackets whose other half stands outside; with it where it stands next."""
    opened: list[int] = []
    for at in range(start, end):
        if text[at] in _PAIRS:
            opened.append(at)
        elif opened and text[at] == _PAIRS[text[opened[-1]]]:
            opened.pop()
        elif text[at] in _CLOSING:
            if at == end - 1 and start and text[start - 1] == _CLOSING[text[at]]:
                return _paired(text, start - 1, end)
            # 图二）象征 is 象征, and 主席」 is 主席: the longer side stays.
            right_is_longer = end - at - 1 >= at - start
            left, right = (at + 1, end) if right_is_longer else (start, at)
            return _paired(text, left, right) if left < right else (start, end)
    if not opened:
        return start, end
    first = opened[0]
    if len(opened) == 1 and text[end : end + 1] == _PAIRS[text[first]]:
        return start, end + 1
    # What stands in brackets is a remark on what stands before them.
    left, right = (start, first) if first > start else (first + 1, end)
    return _paired(text, left, right) if left < right else (start, end)


__all__ = ["counts_what_was_asked", "is_of_kind", "trimmed", "year_alone"]
