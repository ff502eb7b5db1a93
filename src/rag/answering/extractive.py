"""Answers in the articles' own words: a short answer, then the sentences that support it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Protocol

from rag.answering import phrases
from rag.answering.abstention import Verdict
from rag.answering.evidence import Evidence
from rag.answering.kinds import Kind
from rag.answering.question import Question
from rag.answering.shortanswer import best_clause
from rag.text import CELLS
from rag.types import Answer, Citation, Hit, Token

# Questions whose answer is a passage rather than a span: more sentences may be needed.
_PASSAGE = frozenset({Kind.REASON, Kind.HOW, Kind.LIST, Kind.DEFINITION, Kind.OTHER})
_MAX_SENTENCES = 3
# A further sentence must score this share of the first to be worth reading.
_NEAR_BEST = 0.82


class AnswerGenerator(Protocol):
    """Writes an answer from what the judge found; stands here since verdicts are its input."""

    @property
    def name(self) -> str: ...

    def stream(
        self, question: str, query: str, verdicts: Sequence[Verdict], hits: Sequence[Hit]
    ) -> Iterator[Token | Citation | Answer]:
        """An answer from those verdicts that are answerable; at least one must be.

        Tokens and citations come as they are known, the whole answer last; the tokens joined are
        its text. While it waits for something it yields an empty token at least once a second,
        so that a caller whose reader has gone can close it.
        """
        ...


class ExtractiveGenerator:
    """Quotes; never writes a sentence of its own about the subject."""

    name = "extractive"

    def stream(
        self, question: str, query: str, verdicts: Sequence[Verdict], hits: Sequence[Hit]
    ) -> Iterator[Token | Citation | Answer]:
        """The whole text at once: there is nothing to wait for."""
        answer = self.answer(question, query, verdicts, hits)
        yield from answer.citations
        yield Token(answer.text)
        yield answer

    def answer(
        self,
        question: str,
        query: str,
        verdicts: Sequence[Verdict],
        hits: Sequence[Hit],
        cited: Sequence[Citation] = (),
    ) -> Answer:
        """The whole answer; `cited` are citations that stand already and keep their numbers."""
        citations = list(cited)
        shorts: list[str] = []
        lines: list[str] = []
        for verdict in verdicts:
            label = _label(verdict.question, verdicts)
            if not verdict.answerable:
                lines.append(phrases.part_missing(verdict.question.lang, label))
                continue
            chosen = _chosen(verdict)
            short = _short(verdict.question, chosen[0])
            shorts.append(f"{label}{short}" if len(verdicts) > 1 else short)
            quotes = []
            for item in chosen:
                citation = _cite(item, citations)
                quotes.append((item.text, citation.marker))
            lines.append(phrases.supported(verdict.question.lang, label, short, quotes))
        answered = [verdict for verdict in verdicts if verdict.answerable]
        return Answer(
            question=question,
            query=query,
            answered=True,
            text="\n".join(lines),
            short_answer=phrases.joined(answered[0].question.lang, shorts),
            confidence=min(verdict.confidence for verdict in answered),
            reason=None,
            citations=tuple(citations),
            hits=tuple(hits),
            generator=self.name,
        )


def decline(question: str, query: str, verdict: Verdict, hits: Sequence[Hit]) -> Answer:
    """The honest answer when the documents don't say; the hits are shown all the same."""
    return Answer(
        question=question,
        query=query,
        answered=False,
        text=phrases.declined(verdict.question.lang, verdict.reason or "", verdict.missing),
        short_answer=None,
        confidence=verdict.confidence,
        reason=verdict.reason,
        citations=(),
        hits=tuple(hits),
        generator=ExtractiveGenerator.name,
    )


def _label(question: Question, verdicts: Sequence[Verdict]) -> str:
    """What tells this part from the others: its place, else its question; empty when alone."""
    if len(verdicts) == 1:
        return ""
    name = question.places[0] if question.places else question.text.rstrip("?？")
    return f"{name}: " if question.lang == "en" else f"{name}："


def _chosen(verdict: Verdict) -> list[Evidence]:
    """The best sentence, and for passage questions the next ones from the same place."""
    best = verdict.evidence[0]
    if best.cell is not None or best.head is not None:
        return [best, *_heading(best)]
    chosen = [best]
    if verdict.question.kind in _PASSAGE:
        for item in verdict.evidence[1:8]:
            same = item.hit.document.id == best.hit.document.id
            if same and item.score >= _NEAR_BEST * best.score and len(chosen) < _MAX_SENTENCES:
                chosen.append(item)
        chosen.sort(key=lambda item: item.start)
        chosen.sort(key=lambda item: item is not best)
    return chosen


def _heading(row: Evidence) -> list[Evidence]:
    """The row that says what the columns of a table are, where there are several."""
    if row.head is None or row.text.count(CELLS) < 2:
        return []
    return [replace(row, start=row.head[0], end=row.head[1], short=None, cell=None)]


def _short(question: Question, best: Evidence) -> str:
    short = best.short or best_clause(question, best.text, best.folded)
    return " ".join(short.text.split())


def _cite(item: Evidence, citations: list[Citation]) -> Citation:
    return citation_for(item.hit, item.start, item.end, item.text, citations)


def citation_for(hit: Hit, start: int, end: int, quote: str, citations: list[Citation]) -> Citation:
    """The citation of a sentence of a hit, added to the list unless it is there.

    `start` and `end` are offsets in the document, `quote` what stands between them.
    """
    for known in citations:
        if (known.document.id, known.start) == (hit.document.id, start):
            return known
    citation = Citation(
        marker=len(citations) + 1,
        document=hit.document,
        start=start,
        end=end,
        quote=quote,
        page=hit.chunk.page,
    )
    citations.append(citation)
    return citation
