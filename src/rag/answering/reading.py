"""The short answer, from what a reader found and what the rules know.

The reader proposes spans; a linear rule with a dozen weights, fitted on development questions of
the reader (`rag.training.reader_ranking`), chooses among them. It knows what the reader doesn't:
how well the sentence covers the question, what kind of answer is asked for, where words end.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from rag.answering.evidence import Evidence
from rag.answering.kinds import MEASURED, Kind
from rag.answering.question import Question, Segmenter
from rag.answering.shortanswer import ShortAnswer
from rag.answering.spans import candidates
from rag.protocols import Reader, ReadSpan
from rag.text import Span, clause_spans, fold_passage, sentence_spans

# Kinds that a clause answers, not a name or a figure, and what the reader doesn't judge.
_CLAUSES = frozenset({Kind.REASON, Kind.HOW, Kind.DEFINITION})
_UNREAD = frozenset({Kind.YES_NO})
# Above this the rules are kept where the reader is below that; chosen on the gold sets.
_RULES_SURE = 0.75
_READER_UNSURE = 0.5
_FILLS_IN = 0.02  # probability from which a reader that doesn't lead fills in
_MARKS = frozenset("，,。；;：:！!？? 、的")
_PAIRS = ("“”", "「」", "『』", "《》", "（）", "()", "‘’", "〈〉")
_WITH_NEIGHBOURS = 2  # sentences that are read with those before and after them
_WORTH_FILLING = 40  # room below which no further sentence is looked for
_NEIGHBOUR = 0.6  # what such a neighbour scores, as a share
# One weight for each of `FEATURES`; the first is the unit that the others are measured in.
FEATURES = (
    "likely", "sentence", "first", "whole candidate", "part of a candidate", "no candidate",
    "word's begin", "word's end", "repeats", "rules' answer", "in quotes", "broken pair",
    "mark at an end", "length",
)  # fmt: skip
WEIGHTS = (1.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


# Whether a sentence may answer: it isn't about another place or year.
Sound = Callable[[Evidence], bool]


@dataclass(frozen=True, slots=True)
class Passage:
    """Neighbouring sentences of one document, read as one text from `start` of the document."""

    document: str
    start: int
    text: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """A reader's span inside a sentence of the evidence; offsets in the sentence."""

    span: ReadSpan
    item: Evidence
    start: int
    end: int

    @property
    def text(self) -> str:
        return self.item.text[self.start : self.end]


class Reading:
    """Lets a reader choose the sentence and the short answer among the evidence.

    A reader that isn't `leading` only fills in: it chooses inside the sentence that the rules
    put first, where they found no span there.
    """

    def __init__(self, reader: Reader, segment: Segmenter, *, leading: bool = True) -> None:
        self.reader = reader
        self._leading = leading
        self._segment = segment

    def refine(
        self, question: Question, evidence: Sequence[Evidence], sound: Sound = lambda _: True
    ) -> tuple[tuple[Evidence, ...], float | None]:
        """The evidence with the sentence that answers first, and the reader's margin.

        No sentence that isn't `sound` answers. The margin is None where nothing was read.
        """
        if question.kind in _UNREAD:
            return tuple(evidence), None
        proposals = self.proposals(question, evidence, sound)
        if not proposals:
            return tuple(evidence), None
        margin = proposals[0].span.margin
        if not self._leading:
            return self._filled_in(question, evidence, proposals), margin
        best = max(proposals, key=lambda each: self._score(question, each, evidence[0]))
        if _keep_rules(question, evidence[0], best.span):
            return tuple(evidence), margin
        first = replace(best.item, short=_short(question, best))
        return (first, *(item for item in evidence if item is not best.item)), margin

    def _filled_in(
        self, question: Question, evidence: Sequence[Evidence], proposals: Sequence[Proposal]
    ) -> tuple[Evidence, ...]:
        first = evidence[0]
        own = [
            each
            for each in proposals
            if (each.item.hit.document.id, each.item.start) == (first.hit.document.id, first.start)
        ]
        unsure = not own or own[0].span.probability < _FILLS_IN
        if first.short is not None or question.kind in _CLAUSES or unsure:
            return tuple(evidence)
        return (replace(first, short=_short(question, own[0])), *evidence[1:])

    def proposals(
        self, question: Question, evidence: Sequence[Evidence], sound: Sound = lambda _: True
    ) -> list[Proposal]:
        """The reader's spans with their sentences, the likeliest first."""
        if not evidence:
            return []
        items = with_neighbours(evidence)
        passages = passages_of(question, items, self.reader)
        spans = self.reader.read(question.text, [passage.text for passage in passages])
        sure = {(item.hit.document.id, item.start): sound(item) for item in items}
        found = (_proposal(span, passages[span.passage], items) for span in spans)
        return [
            each
            for each in found
            if each is not None and sure[each.item.hit.document.id, each.item.start]
        ]

    def features(self, question: Question, proposal: Proposal, best: Evidence) -> list[float]:
        """One number for each of `FEATURES`; `best` is the evidence that the rules put first."""
        item, start, end = proposal.item, proposal.start, proposal.end
        text = proposal.text
        folded = item.folded if len(item.folded) == len(item.text) else item.text
        words = self._segment(folded)
        typed = list(candidates(question.kind, folded, item.text))
        overlapping = [span for span in typed if span[0] < end and start < span[1]]
        ruled = item.short is not None and (item.short.start, item.short.end) == (start, end)
        inside = folded[start:end]
        return [
            math.log(max(proposal.span.probability, 1e-9)),
            item.score,
            float(item is best),
            float((start, end) in typed),
            float(bool(overlapping) and (start, end) not in typed),
            float(not overlapping and question.kind in MEASURED),
            float(start in {first for first, _ in words}),
            float(end in {last for _, last in words}),
            sum(c in question.folded for c in inside) / max(1, len(inside)),
            float(ruled) * (item.short.fit if item.short else 0.0),
            float(item.text[max(0, start - 1) : start] + item.text[end : end + 1] in _PAIRS),
            float(any(text.count(pair[0]) != text.count(pair[1]) for pair in _PAIRS)),
            float(text[:1] in _MARKS or text[-1:] in _MARKS),
            math.log(max(1, end - start)),
        ]

    def _score(self, question: Question, proposal: Proposal, best: Evidence) -> float:
        values = self.features(question, proposal, best)
        return sum(weight * value for weight, value in zip(WEIGHTS, values, strict=True))


def with_neighbours(evidence: Sequence[Evidence]) -> list[Evidence]:
    """The evidence with the sentences around the best ones, each once, the best ones first."""
    items: dict[tuple[str, int], Evidence] = {}
    own = {(item.hit.document.id, item.start): item for item in evidence}
    for rank, item in enumerate(evidence):
        around = _around(item) if rank < _WITH_NEIGHBOURS else []
        for each in (item, *around):
            key = (each.hit.document.id, each.start)
            items.setdefault(key, own.get(key, each))
    return list(items.values())


def _around(item: Evidence) -> list[Evidence]:
    """The sentences before and after, as evidence that the rules found no answer in."""
    chunk = item.hit.chunk
    spans = [(chunk.start + start, chunk.start + end) for start, end in sentence_spans(chunk.text)]
    if (item.start, item.end) not in spans:
        return []
    at = spans.index((item.start, item.end))
    return [
        replace(
            item,
            start=start,
            end=end,
            folded=fold_passage(chunk.text[start - chunk.start : end - chunk.start]),
            score=_NEIGHBOUR * item.score,
            short=None,
        )
        for start, end in spans[max(0, at - 1) : at] + spans[at + 1 : at + 2]
    ]


def passages_of(question: Question, evidence: Sequence[Evidence], reader: Reader) -> list[Passage]:
    """The best sentences that fit, neighbours joined, the best one's document first."""
    room = reader.room(question.text)
    taken: list[Evidence] = []
    for item in evidence:
        length = reader.length(item.text)
        if length > room and taken:
            if room < _WORTH_FILLING:
                break
            continue
        room -= length
        taken.append(item)
    rank: dict[str, int] = {}
    for item in taken:
        rank.setdefault(item.hit.document.id, len(rank))
    taken.sort(key=lambda item: (rank[item.hit.document.id], item.start))
    passages: list[Passage] = []
    for item in taken:
        between = _between(passages[-1], item) if passages else None
        if between is None:
            passages.append(Passage(item.hit.document.id, item.start, item.text))
        else:
            last = passages[-1]
            passages[-1] = replace(last, text=last.text + between + item.text)
    return passages


def _between(passage: Passage, item: Evidence) -> str | None:
    """The white space between a passage and the sentence that follows it; None if none does."""
    end, offset = passage.start + len(passage.text), item.hit.chunk.start
    if passage.document != item.hit.document.id or not offset <= end <= item.start:
        return None
    between = item.hit.chunk.text[end - offset : item.start - offset]
    return None if between.strip() else between


def _proposal(span: ReadSpan, passage: Passage, evidence: Sequence[Evidence]) -> Proposal | None:
    """The span in the sentence that it begins in, cut off where that ends."""
    start, end = passage.start + span.start, passage.start + span.end
    for item in evidence:
        if item.hit.document.id == passage.document and item.start <= start < item.end:
            return Proposal(span, item, start - item.start, min(item.end, end) - item.start)
    return None


def _short(question: Question, proposal: Proposal) -> ShortAnswer:
    text, start, end = proposal.item.text, proposal.start, proposal.end
    if question.kind in _CLAUSES:
        start, end = _whole_clauses(text, start, end)
    while end > start + 1 and text[end - 1] in _MARKS:
        end -= 1
    while start < end - 1 and text[start] in _MARKS:
        start += 1
    return ShortAnswer(start, end, text[start:end], min(1.0, proposal.span.probability))


def _whole_clauses(text: str, start: int, end: int) -> Span:
    clauses = clause_spans(text, 0, len(text))
    first = max((left for left, _ in clauses if left <= start), default=start)
    return first, min((right for _, right in clauses if right >= end), default=end)


def _keep_rules(question: Question, first: Evidence, span: ReadSpan) -> bool:
    """Whether the rules are surer of their answer than the reader is of its own."""
    ruled = first.short
    return ruled is not None and ruled.fit >= _RULES_SURE and span.probability < _READER_UNSURE


__all__ = [
    "FEATURES",
    "WEIGHTS",
    "Passage",
    "Proposal",
    "Reading",
    "passages_of",
    "with_neighbours",
]
