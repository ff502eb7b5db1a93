"""The short answer inside a sentence: the span of the right kind nearest to what was asked."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from rag.answering.kinds import Kind
from rag.answering.question import Question
from rag.answering.spans import SPEAKING, TITLED, candidates
from rag.text import Span, clause_spans, fold_with_offsets

_REACH = 14.0  # characters after which closeness has fallen to 1/e
_ADJACENT = 1.0
_FIRST_MEASURE = re.compile(
    r"^(个|家|名|位|人|件|项|条|所|座|支|台|辆|套|间|户|亩|公里|次|种|类|年|天|岁|倍|元|万元|亿元|公顷|平方米|处|场|期|批|级|名次|位次|个百分点)"
)


@dataclass(frozen=True, slots=True)
class ShortAnswer:
    """A span of the original sentence; `fit` from 0 to 1 says how well it fits the question."""

    start: int
    end: int
    text: str
    fit: float


def best_span(question: Question, folded: str, original: str) -> ShortAnswer | None:
    """The best candidate span of `original` for a typed question; None where there is none."""
    kind = question.kind
    found = _scored(question, kind, folded, original)
    if not found and kind in (Kind.MONEY, Kind.PERCENT):
        found = [(s, 0.6 * f) for s, f in _scored(question, Kind.QUANTITY, folded, original)]
    if not found:
        return None
    (start, end), fit = max(found, key=lambda item: item[1])
    return _original(original, folded, start, end, min(1.0, fit))


def _original(original: str, folded: str, start: int, end: int, fit: float) -> ShortAnswer:
    if len(original) != len(folded):
        start, end = fold_with_offsets(original).original_span(start, end)
    return ShortAnswer(start, end, original[start:end], fit)


def _scored(question: Question, kind: Kind, folded: str, original: str) -> list[tuple[Span, float]]:
    anchors = _anchors(question, folded)
    same_length = original if len(original) == len(folded) else folded
    scored = []
    for start, end in candidates(kind, folded, same_length):
        text = folded[start:end]
        if _repeats_question(text, question, kind):
            continue
        fit = 0.35 * _closeness(folded, anchors, start, end) + 0.25
        fit += _pattern_bonus(question, kind, folded, start, end)
        scored.append(((start, end), fit))
    return scored


def _anchors(question: Question, folded: str) -> list[tuple[int, int, float]]:
    """Where the question's words stand in the sentence: start, end, weight."""
    anchors = []
    for word in question.words:
        at = folded.find(word.text)
        if at < 0 and len(word.text) > 2:
            piece = next(
                (word.text[i : i + 2] for i in range(len(word.text) - 1)
                 if word.text[i : i + 2] in folded), "",
            )  # fmt: skip
            if piece:
                anchors.append((folded.find(piece), folded.find(piece) + 2, word.weight * 0.5))
        while at >= 0:
            anchors.append((at, at + len(word.text), word.weight))
            at = folded.find(word.text, at + 1)
    return anchors


def _closeness(folded: str, anchors: list[tuple[int, int, float]], start: int, end: int) -> float:
    """Sum of the anchors' weights, each fading with its distance, as a share of all weights.

    A sentence mark in between counts as more distance: clauses keep together what belongs.
    """
    total = sum(weight for _, _, weight in anchors)
    if not total:
        return 0.0
    near = 0.0
    for first, last, weight in anchors:
        gap_start, gap_end = (last, start) if last <= start else (end, first)
        gap = folded[gap_start:gap_end] if gap_start < gap_end else ""
        distance = len(gap) + 6 * len(re.findall("[,;:。]", gap))
        near += weight * math.exp(-distance / _REACH)
    return near / total


def _repeats_question(text: str, question: Question, kind: Kind) -> bool:
    if kind is Kind.DATE and question.years:
        return text.rstrip("年") in question.years
    return text in question.folded


def _pattern_bonus(question: Question, kind: Kind, folded: str, start: int, end: int) -> float:
    if kind is Kind.QUANTITY:
        return _quantity_bonus(question, folded, start, end)
    if kind is Kind.MONEY:
        return 0.3
    if kind is Kind.PERCENT:
        return 0.3
    if kind is Kind.PERSON:
        bonus = 0.3 if TITLED.search(folded[max(0, start - 4) : start]) else 0.0
        return bonus + (0.15 if SPEAKING.match(folded[end : end + 2]) else 0.0)
    if kind is Kind.ORGANISATION:
        return 0.2
    if kind is Kind.DATE:
        wants_year = "年" in question.folded and "哪" in question.folded
        return 0.25 if not wants_year or "年" in folded[start:end] else 0.0
    return 0.15


def _quantity_bonus(question: Question, folded: str, start: int, end: int) -> float:
    """A number with the asked unit, right before the thing that is counted, is the one."""
    text, after = folded[start:end], folded[end : end + 12]
    bonus = 0.0
    focus = question.focus
    unit = _FIRST_MEASURE.match(focus)
    noun = focus[unit.end() :] if unit else focus
    if unit and unit.group(1) in text:
        bonus += 0.2
    if len(noun) >= 2 and (after.startswith(noun[:2]) or noun[:4] in after):
        bonus += 0.3
    if re.search(r"\d", text):
        bonus += 0.1  # 一个 and 一名 are seldom the answer, figures mostly are
    if re.search(r"(?:19|20)\d\d年|^\d{1,2}[月日]|年$|[月日]$", text) and "年" not in focus:
        bonus -= 0.35
    return bonus


def best_clause(question: Question, original: str, folded: str) -> ShortAnswer:
    """Where no pattern knows the answer: the clause nearest to what was asked."""
    same = original if len(original) == len(folded) else folded
    best, best_score = (0, len(same)), -1.0
    for start, end in clause_spans(same, 0, len(same)):
        clause = folded[start:end]
        score = sum(word.weight for word in question.words if word.text in clause)
        if score > best_score:
            best, best_score = (start, end), score
    start, end = best
    while end > start and same[end - 1] in "，,。；;：:！!？? ":
        end -= 1
    return _original(original, folded, start, end, 0.3)
