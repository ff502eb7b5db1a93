"""The short answer, from what a reader found and what the rules know.

The reader proposes spans. Among them the choice falls by its probabilities and by how well the
sentence answers, which it doesn't know.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from rag.answering.evidence import Evidence
from rag.answering.kinds import Kind
from rag.answering.question import Question
from rag.answering.sentences import is_heading
from rag.answering.shortanswer import ShortAnswer
from rag.answering.trimming import is_of_kind, trimmed
from rag.protocols import Reader, ReadSpan
from rag.text import CELLS, Span, fold_passage, sentence_spans

# What the reader doesn't judge: a list is more than one span.
_UNREAD = frozenset({Kind.YES_NO, Kind.LIST})
# Above this the rules are kept where the reader is below that; chosen on the gold sets.
_RULES_SURE = 0.75
_READER_UNSURE = 0.35
_WITH_NEIGHBOURS = 2  # sentences that are read with those before and after them
_WORTH_FILLING = 40  # room below which no further sentence is looked for
_NEIGHBOUR = 0.6  # what such a neighbour scores, as a share
# What a sentence's score weighs beside the logarithm of the reader's probability; chosen, as the
# choice by expected overlap, on the development questions of `rag.training.reader_data`.
_SENTENCE = 8.0


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


@dataclass(frozen=True, slots=True)
class Read:
    """The evidence with the sentence that answers first, and what the reader thought.

    `probability` is that of the span it chose, `margin` as `ReadSpan.margin` of its likeliest;
    both None where nothing was read.
    """

    evidence: tuple[Evidence, ...]
    probability: float | None = None
    margin: float | None = None


class Reading:
    """Lets a reader choose the sentence and the short answer among the evidence."""

    def __init__(self, reader: Reader, *, whole: bool = False) -> None:
        """`whole`: chunks are read as they stand, not their best sentences joined."""
        self.reader = reader
        self._whole = whole

    def refine(
        self, question: Question, evidence: Sequence[Evidence], sound: Sound = lambda _: True
    ) -> Read:
        """Let the reader choose; no sentence that isn't `sound` answers."""
        unread = question.kind in _UNREAD or _is_cell(evidence)
        proposals = [] if unread else self.proposals(question, evidence, sound)
        if not proposals:
            return Read(tuple(evidence))
        best, margin = expected_best(proposals), proposals[0].span.margin
        if _keep_rules(question, evidence[0], best.span):
            return Read(tuple(evidence), best.span.probability, margin)
        first = replace(best.item, short=_short(question, best))
        others = (item for item in evidence if item is not best.item)
        return Read((first, *others), best.span.probability, margin)

    def proposals(
        self, question: Question, evidence: Sequence[Evidence], sound: Sound = lambda _: True
    ) -> list[Proposal]:
        """The reader's spans with their sentences, the likeliest first."""
        if not evidence:
            return []
        items = with_all(evidence) if self._whole else with_neighbours(evidence)
        passages = (
            chunks_of(question, evidence, self.reader)
            if self._whole
            else passages_of(question, items, self.reader)
        )
        spans = self.reader.read(question.text, [passage.text for passage in passages])
        sure = {(item.hit.document.id, item.start): sound(item) for item in items}
        found = (_proposal(span, passages[span.passage], items) for span in spans)
        return [
            each
            for each in found
            if each is not None
            and sure[each.item.hit.document.id, each.item.start]
            and is_of_kind(question, each.text)
        ]


def expected_best(proposals: Sequence[Proposal]) -> Proposal:
    """The span that overlaps most, as expected, with the spans that could be the answer.

    Several readings of one answer (200, 200个, 200个岗) so don't lose to another's one. Overlap
    is F1 in characters, the measure of the reading sets; the first of equals.
    """
    logs = np.array([_log(each.span.probability) for each in proposals])
    logs += _SENTENCE * np.array([each.item.score for each in proposals])
    shares = np.exp(logs - logs.max())
    start = np.array([each.item.start + each.start for each in proposals], dtype=float)
    end = np.array([each.item.start + each.end for each in proposals], dtype=float)
    numbers = {each.item.hit.document.id: i for i, each in enumerate(proposals)}
    document = np.array([numbers[each.item.hit.document.id] for each in proposals])
    shared = np.minimum(end[:, None], end) - np.maximum(start[:, None], start)
    shared = np.where(document[:, None] == document, np.clip(shared, 0, None), 0)
    overlap = 2 * shared / np.maximum((end - start)[:, None] + (end - start), 1)
    return proposals[int((overlap @ shares).argmax())]


def _log(probability: float) -> float:
    return math.log(max(probability, 1e-9))


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


def with_all(evidence: Sequence[Evidence]) -> list[Evidence]:
    """The evidence with all other sentences of its chunks, each once, the best ones first."""
    items = {(item.hit.document.id, item.start): item for item in evidence}
    for item in evidence:
        for start, end in _sentences(item):
            if (item.hit.document.id, start) not in items:
                items[item.hit.document.id, start] = _neighbour(item, start, end)
    return list(items.values())


def _around(item: Evidence) -> list[Evidence]:
    """The sentences before and after, as evidence that the rules found no answer in."""
    spans = _sentences(item)
    if (item.start, item.end) not in spans:
        return []
    at = spans.index((item.start, item.end))
    return [
        _neighbour(item, start, end)
        for start, end in spans[max(0, at - 1) : at] + spans[at + 1 : at + 2]
    ]


def _sentences(item: Evidence) -> list[Span]:
    """Of its chunk, as offsets in the document."""
    offset = item.hit.chunk.start
    return [(offset + start, offset + end) for start, end in sentence_spans(item.hit.chunk.text)]


def _neighbour(item: Evidence, start: int, end: int) -> Evidence:
    chunk = item.hit.chunk
    folded = fold_passage(chunk.text[start - chunk.start : end - chunk.start])
    score = _NEIGHBOUR * item.score
    return replace(
        item, start=start, end=end, folded=folded, score=score, short=None, cell=None, head=None
    )


def chunks_of(question: Question, evidence: Sequence[Evidence], reader: Reader) -> list[Passage]:
    """The chunks that the evidence stands in, the best first, as far as there is room."""
    room = reader.room(question.text)
    passages: dict[tuple[str, int], Passage] = {}
    for item in evidence:
        chunk = item.hit.chunk
        key = (item.hit.document.id, chunk.start)
        length = reader.length(chunk.text)
        if key in passages or (passages and length > room):
            continue
        room -= length
        passages[key] = Passage(item.hit.document.id, chunk.start, chunk.text)
    return list(passages.values())


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
    """The span in the sentence that it begins in, cut off where that ends.

    None in a heading, and in a table: a reader of sentences doesn't know its columns.
    """
    start, end = passage.start + span.start, passage.start + span.end
    for item in evidence:
        if item.hit.document.id == passage.document and item.start <= start < item.end:
            found = Proposal(span, item, start - item.start, min(item.end, end) - item.start)
            in_table = item.text.count(CELLS) > 1 or CELLS.strip() in found.text
            return None if in_table or is_heading(item.text, item.hit.chunk) else found
    return None


def _short(question: Question, proposal: Proposal) -> ShortAnswer:
    item = proposal.item
    start, end = trimmed(question, item.text, item.folded, proposal.start, proposal.end)
    return ShortAnswer(start, end, item.text[start:end], min(1.0, proposal.span.probability))


def _is_cell(evidence: Sequence[Evidence]) -> bool:
    """Whether the rules found the cell of a table."""
    return bool(evidence) and evidence[0].cell is not None


def _keep_rules(question: Question, first: Evidence, span: ReadSpan) -> bool:
    """Whether the rules are surer of their answer than the reader is of its own."""
    ruled = first.short
    return ruled is not None and ruled.fit >= _RULES_SURE and span.probability < _READER_UNSURE


__all__ = [
    "Passage",
    "Proposal",
    "Read",
    "Reading",
    "chunks_of",
    "expected_best",
    "passages_of",
    "with_all",
    "with_neighbours",
]
