"""Spans beside those that a pattern knows: names after titles, listed places, who does what."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag.answering.closeness import anchors_of, closeness
from rag.answering.question import Question
from rag.answering.spans import SURNAMES, TITLED
from rag.text import Span, clause_spans

_LONGEST_NAME = 14
_EDGES = '的在由与和、,。:;!?()（）“”「」《》"是了将从到为把被让使对向位于 '
_DOER = re.compile(
    r"谁(?:来|在|负责|去|给|替)?([\u4e00-\u9fff]{2,3})(?=[的了?,。]|$)|谁(?:来|负责)([\u4e00-\u9fff]{2})"
)
_OBJECT = re.compile(
    r"([\u4e00-\u9fff]{2})(?:了|出|过|的是)?(?:一个|一种|个)?(?:什么|哪个|哪种|哪项|哪一个)(?!时候|人|地方)"
)
_NO_NAME = frozenset(
    "说的和与是正在等及也就都将向从带对因有把不还又则曾被让给到以为于而便仍已了着过,。、:;()“”"
)

Scored = tuple[Span, float]


def plausible_names(found: list[Scored], folded: str, spans: Sequence[Span]) -> list[Scored]:
    """Names that don't cut through words (方文化 in 地方文化) and aren't words themselves."""
    if not found:
        return []
    starts = dict(spans)
    ends = {end for _, end in spans}
    plausible = []
    for (start, end), fit in found:
        if "·" in folded[start:end] or folded.isascii():
            plausible.append(((start, end), fit))
        elif start in starts and end in ends:
            word = starts[start] == end  # one word of the vocabulary: 高峰 more often than a name
            titled = TITLED.search(folded[max(0, start - 4) : start])
            plausible.append(((start, end), fit if titled or not word else 0.4 * fit))
    return plausible


def titled_names(question: Question, folded: str, spans: Sequence[Span]) -> list[Scored]:
    """Two or three loose characters after a title, whatever follows: 工程师简云久改进了..."""
    anchors = anchors_of(question, folded)
    found = []
    for at, (start, _) in enumerate(spans):
        if folded[start] not in SURNAMES or not TITLED.search(folded[max(0, start - 4) : start]):
            continue
        end = start
        for first, last in spans[at : at + 4]:
            if first != end or last - first > 1 or folded[first:last] in _NO_NAME:
                break
            end = last
        if 2 <= end - start <= 3 and folded[start:end] not in question.folded:
            found.append(((start, end), 0.5 + 0.35 * closeness(folded, anchors, start, end)))
    return found


def known_places(
    question: Question, folded: str, spans: Sequence[Span], places: frozenset[str]
) -> list[Scored]:
    """Listed place names, with their suffix, that the question doesn't name itself."""
    anchors = anchors_of(question, folded)
    found = []
    for start, _ in spans:
        for length in (5, 4, 3, 2):
            name = folded[start : start + length]
            if name in places and name not in question.folded:
                end = start + length
                suffix = re.match("省|市|区|县|镇|乡|州", folded[end:])
                end += suffix.end() if suffix else 0
                fit = 0.5 + 0.35 * closeness(folded, anchors, start, end)
                if any(folded[:start].endswith(place) for place in question.places):
                    fit += 0.2  # 浙江台州 answers where in 浙江
                found.append(((start, end), fit))
                break
    return found


def doers(question: Question, folded: str) -> list[Scored]:
    """Who does what was asked for: 由谁管运营 finds the subject of 管运营, person or not."""
    asked = _DOER.search(question.folded)
    found: list[Scored] = []
    if asked is None:
        return found
    verb = asked.group(1) or asked.group(2)
    for start, end in clause_spans(folded, 0, len(folded)):
        at = folded.find(verb, start, end)
        if 2 <= at - start <= 10 and folded[start:at] not in question.folded:
            found.append(((start, at), 0.75))
    return found


def objects(question: Question, folded: str) -> list[Scored]:
    """What a verb is followed by: 成立了什么组织 finds what stands after 成立."""
    asked = _OBJECT.search(question.folded)
    found: list[Scored] = []
    if asked is None:
        return found
    verb = asked.group(1)
    for match in re.finditer(
        re.escape(verb) + "了?(?:一[个家种项]|的)?([^,。;!?()（）]{2,24})", folded
    ):
        start, end = match.span(1)
        quote = re.search("[“「《]([^”」》]+)[”」》]", folded[start:end])
        if quote is not None:
            start, end = start + quote.start(1), start + quote.end(1)
        found.append(((start, end), 0.62))
    return found


def named(question: Question, folded: str, spans: Sequence[Span]) -> list[Scored]:
    """Spans that end in the noun that was asked for: 哪个车间 -> 涂装车间."""
    anchors = anchors_of(question, folded)
    starts = {start for start, _ in spans}
    quotes = [match.span(1) for match in re.finditer("[“「《]([^”」》]*)[”」》]", folded)]
    found = []
    for match in re.finditer(re.escape(question.focus), folded):
        start, end = match.span()
        quote = next((span for span in quotes if span[0] <= start and end <= span[1]), None)
        if quote is not None:
            start, end = quote
        else:
            while start and folded[start - 1] not in _EDGES:
                start -= 1
        named = start in starts and 0 < match.start() - start <= _LONGEST_NAME
        if named and folded[start:end] not in question.folded:
            fit = 0.5 + 0.35 * closeness(folded, anchors, start, end)
            found.append(((start, end), fit))
    return found


__all__ = [
    "Scored",
    "doers",
    "known_places",
    "named",
    "objects",
    "plausible_names",
    "titled_names",
]
