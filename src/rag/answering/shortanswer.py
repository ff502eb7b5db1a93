"""The short answer inside a sentence: the span of the right kind nearest to what was asked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rag.answering.closeness import anchors_of, closeness
from rag.answering.kinds import MEASURED, Kind
from rag.answering.offers import (
    Scored,
    doers,
    known_places,
    named,
    objects,
    plausible_names,
    titled_names,
)
from rag.answering.question import Question
from rag.answering.spans import NO_PERSON, SPEAKING, TITLED, candidates
from rag.answering.tables import Cell
from rag.answering.trimming import counts_what_was_asked, year_alone
from rag.text import Span, clause_spans, fold_with_offsets

_CELL = 10  # characters of a cell that is a figure with its unit and little else
_NAMED_CELL, _CELL_FIT = 0.9, 0.6  # how well a whole cell fits: its heading asked for, or not
_WHOLE = 45  # characters of a sentence that is short enough to be its own short answer
# Kinds whose answer may be a name that ends in the noun asked for.
_NAMED = frozenset({Kind.NAME, Kind.PLACE, Kind.ORGANISATION, Kind.OTHER})
_SEVERAL = re.compile("哪(?:几|些|两|三)|which years|分别")
_COUNTED = re.compile(
    r"[\d余多十百千万亿一二两三四五六七八九]([^\d余多十百千万亿一二两三四五六七八九以左上下\s]+)"
)
# Measure words that count the same things.
_KIN = {
    "名": "名人位个员", "位": "名人位个员", "家": "家个户", "个": "个家名位人项件支种处条所座",
    "件": "件个项", "项": "项个件", "支": "支个队", "种": "种个类", "条": "条个项", "所": "所个家",
}  # fmt: skip
_GROWTH = re.compile(
    "涨|增长|增加|提高|提升|下降|降低|减少|压减|grow|grew|rise|rose|increase|fall|fell"
)
_YEAR = re.compile(r"(?:19|20)\d\d")
_OTHER_UNIT = re.compile(r"yuan|dollars|euros|kilomet|km|percent|per cent|%")
_INTRODUCED = re.compile(r"(?:叫做?|名为|取名|称为|称作|简称)[“「『\"《]?$")
_LISTING = frozenset({"、", "和", "与", "及", "以及", ",", " and ", ", "})
# What is measured, not counted: 多少岁 can't be answered in 支.
_STRICT_UNIT = re.compile(
    "岁|公里|千米|米|吨|公斤|斤|亩|公顷|平方|小时|分钟|天|度|倍|票|分(?!之)|层|级|美元"
)


@dataclass(frozen=True, slots=True)
class ShortAnswer:
    """A span of the original sentence; `fit` from 0 to 1 says how well it fits the question."""

    start: int
    end: int
    text: str
    fit: float


def best_span(
    question: Question,
    folded: str,
    original: str,
    spans: Sequence[Span],
    places: frozenset[str] = frozenset(),
    cell: Cell | None = None,
) -> ShortAnswer | None:
    """The best span of `original` for a question of a kind that has spans; None without one.

    `spans` are the words of `folded`; `cell` is the one of a table's row that was asked for: the
    answer, or where it stands.
    """
    found = _offered(question, folded, original, spans, places)
    if cell is not None:
        left, right = cell.span
        found = [(span, fit) for span, fit in found if left <= span[0] and span[1] <= right]
        if not _unit_fits(question, question.kind, cell.text) and any(map(str.isalpha, cell.text)):
            return None
        if not found or (cell.named and _answers_whole(question.kind, folded[left:right])):
            return _original(
                original, folded, left, right, _NAMED_CELL if cell.named else _CELL_FIT
            )
    if not found:
        return None
    (start, end), fit = max(found, key=lambda item: item[1])
    if question.kind is Kind.DATE and _SEVERAL.search(question.folded):
        start, end = _with_neighbours(start, end, [span for span, _ in found], folded)
    start, end = year_alone(question, folded, start, end)
    return _original(original, folded, start, end, min(1.0, fit))


def _offered(
    question: Question,
    folded: str,
    original: str,
    spans: Sequence[Span],
    places: frozenset[str],
) -> list[Scored]:
    """The spans of a sentence that could answer, each with how well it fits."""
    kind = question.kind
    found = _scored(question, kind, folded, original)
    if kind is Kind.PERSON:
        found = plausible_names(found, folded, spans) + doers(question, folded)
        found += titled_names(question, folded, spans)
    if kind in (Kind.PLACE, Kind.ORGANISATION) and not folded.isascii():
        starts = {start for start, _ in spans}
        found = [(span, fit) for span, fit in found if span[0] in starts]
    if kind is Kind.PLACE:
        found += known_places(question, folded, spans, places)
    if kind in _NAMED:
        found += named(question, folded, spans) if question.focus else []
        found += objects(question, folded)
    if not found and kind is Kind.MONEY:
        sums = _scored(question, Kind.QUANTITY, folded, original)
        found = [
            (span, 0.6 * fit) for span, fit in sums if re.search("[万亿]", folded[slice(*span)])
        ]
    if not found and kind in (Kind.MONEY, Kind.QUANTITY) and _GROWTH.search(question.folded):
        found = _scored(question, Kind.PERCENT, folded, original)  # 涨了多少: 60% says it too
    return found


def _answers_whole(kind: Kind, cell: str) -> bool:
    """Whether a cell is the answer as it stands, not a text that has a figure in it."""
    if kind not in MEASURED or len(cell) <= _CELL:
        return True
    for start, end in reversed(list(candidates(kind, cell, cell))):
        cell = cell[:start] + cell[end:]
    return not any(map(str.isalpha, cell))


def _with_neighbours(start: int, end: int, spans: list[Span], folded: str) -> Span:
    """The span grown over others of its kind that are listed beside it: 2021年、2022年."""
    for other_start, other_end in sorted(spans):
        if other_start >= end and folded[end:other_start] in _LISTING:
            end = other_end
    for other_start, other_end in sorted(spans, reverse=True):
        if other_end <= start and folded[other_end:start] in _LISTING:
            start = other_start
    return start, end


def _original(original: str, folded: str, start: int, end: int, fit: float) -> ShortAnswer:
    if len(original) != len(folded):
        start, end = fold_with_offsets(original).original_span(start, end)
    return ShortAnswer(start, end, original[start:end], fit)


def _scored(question: Question, kind: Kind, folded: str, original: str) -> list[Scored]:
    anchors = anchors_of(question, folded)
    same_length = original if len(original) == len(folded) else folded
    scored = []
    for start, end in candidates(kind, folded, same_length):
        text = folded[start:end]
        if _repeats_question(text, question, kind) or not _unit_fits(question, kind, text):
            continue
        if _is_english_place(kind, same_length[start:end], same_length[:start]):
            continue
        fit = 0.35 * closeness(folded, anchors, start, end) + 0.25
        fit += _pattern_bonus(question, kind, folded, start, end)
        scored.append(((start, end), fit))
    return scored


def _is_english_place(kind: Kind, text: str, before: str) -> bool:
    """Whether a capitalised English span is no person: a town, a body, what follows "in"."""
    if kind is not Kind.PERSON or not text.isascii():
        return False
    return bool(NO_PERSON.search(text) or re.search(r"\b(?:in|at|from|of|the)\s$", before))


def _unit_fits(question: Question, kind: Kind, text: str) -> bool:
    if kind is not Kind.QUANTITY:
        return True
    if not counts_what_was_asked(question, text):
        return False
    asked = _STRICT_UNIT.match(f"{question.measure}{question.focus}")
    return asked is None or asked.group() in text or (asked.group() == "天" and "日" in text)


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
    if kind is Kind.PLACE and folded.isascii():
        return 0.25 if re.search(r"\b(?:in|at|from|near|to|of)\s$", folded[:start]) else 0.0
    if kind is Kind.NAME and _INTRODUCED.search(folded[max(0, start - 5) : start]):
        return 0.4
    if kind is Kind.DATE:
        wants_year = "年" in question.folded and "哪" in question.folded
        return 0.25 if not wants_year or "年" in folded[start:end] else 0.0
    return 0.15


def _quantity_bonus(question: Question, folded: str, start: int, end: int) -> float:
    """A number with the asked unit, right before the thing that is counted, is the one."""
    text, after = folded[start:end], folded[end : end + 12]
    if question.lang == "en":
        return _english_quantity_bonus(question.focus.rstrip("s"), text, after)
    bonus = 0.0
    unit = _COUNTED.search(text)
    if question.measure and unit:
        kin = _KIN.get(question.measure, question.measure)
        bonus += 0.2 if unit.group(1)[0] in kin else -0.4
    noun = question.focus
    if len(noun) >= 2 and (after.startswith(noun[:2]) or noun[:4] in after):
        bonus += 0.3
    if re.search(r"\d", text):
        bonus += 0.1  # 一个 and 一名 are seldom the answer, figures mostly are
    if (
        re.search(r"(?:19|20)\d\d年|^\d{1,2}[月日]|年$|[月日]$", text)
        and "年" not in question.focus
    ):
        bonus -= 0.35
    return bonus


def _english_quantity_bonus(noun: str, text: str, after: str) -> float:
    """A number before the noun that was asked for; not a year, nor a number of something else."""
    if noun and (noun in text or noun in after):
        return 0.4
    if _YEAR.fullmatch(text) or (noun and _OTHER_UNIT.search(text)):
        return -0.4
    return 0.0


def best_clause(question: Question, original: str, folded: str) -> ShortAnswer:
    """Where no pattern knows the answer: the neighbouring clauses that hold most of the question.

    A short sentence is taken whole: a clause out of it would say less without being shorter.
    """
    same = original if len(original) == len(folded) else folded
    clauses = clause_spans(same, 0, len(same))
    start, end = (0, len(same)) if len(same) <= _WHOLE or not clauses else clauses[0]
    best = -1.0
    for i in range(len(clauses) if len(same) > _WHOLE else 0):
        for j in range(i, len(clauses)):
            first, last = clauses[i][0], clauses[j][1]
            if last - first > _WHOLE and j > i:
                break
            words = [word for word in question.words if word.text in folded[first:last]]
            news = last - first - sum(len(word.text) for word in words)
            # Clauses of the question's own words say nothing new.
            score = sum(word.weight for word in words) + 0.01 * min(news, 30)
            if score > best:
                (start, end), best = (first, last), score
    while end > start and same[end - 1] in "，,。；;：:！!？? ":
        end -= 1
    return _original(original, folded, start, end, 0.3)
