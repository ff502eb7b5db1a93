"""The values that flow through the product: Document -> Chunk -> Hit -> Citation -> Answer.

All are frozen. Offsets count Unicode code points in `Document.text`, end exclusive, and two
equalities always hold: `Chunk.text == document.text[chunk.start:chunk.end]` and
`Citation.quote == document.text[citation.start:citation.end]`.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


def content_id(*parts: str) -> str:
    """16 hexadecimal digits that depend on `parts` alone: the same on every machine and build."""
    return hashlib.sha256("\x00".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a PDF: its number as printed from 1, and the text it holds."""

    number: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading inside `Document.text`; level 1 is the highest."""

    start: int
    end: int
    level: int = 2


@dataclass(frozen=True, slots=True)
class DocumentInfo:
    """What people are shown about a document without its text.

    `source` is the file it came from, as a relative POSIX path; `date` is ISO 8601 (possibly
    only a year or a month) or None.
    """

    id: str
    title: str
    source: str
    date: str | None = None
    author: str | None = None
    publisher: str | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """One article. `pages` and `headings` are in text order and don't overlap."""

    info: DocumentInfo
    text: str
    pages: tuple[Page, ...] = ()
    headings: tuple[Heading, ...] = ()

    def page_at(self, offset: int) -> int | None:
        """The number of the page that holds `offset`; None where there are no pages."""
        at = bisect_right(self.pages, offset, key=lambda page: page.start) - 1
        return self.pages[at].number if at >= 0 else None

    def heading_at(self, offset: int) -> str:
        """The text of the nearest heading at or before `offset`; empty where there is none."""
        at = bisect_right(self.headings, offset, key=lambda heading: heading.start) - 1
        if at < 0:
            return ""
        return self.text[self.headings[at].start : self.headings[at].end].strip()


@dataclass(frozen=True, slots=True)
class Chunk:
    """A passage of a document; `context` (title, heading) is searched but never quoted."""

    id: str
    document_id: str
    start: int
    end: int
    text: str
    context: str = ""
    page: int | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """A retrieved chunk; ranks count from 1, None where that search didn't find it.

    `score` is the fused score: comparable within one query only. `rerank_score` is the reranker's,
    in its own measure, and decides the rank; None where none read this passage. `duplicates` are
    documents that carry the same passage (reprints), shown once under this hit.
    """

    rank: int
    score: float
    chunk: Chunk
    document: DocumentInfo
    lexical_rank: int | None = None
    dense_rank: int | None = None
    lexical_score: float | None = None
    dense_score: float | None = None
    duplicates: tuple[DocumentInfo, ...] = ()
    rerank_score: float | None = None
    matching: Callable[[], tuple[str, ...]] = field(default=tuple, repr=False, compare=False)

    @property
    def matched_terms(self) -> tuple[str, ...]:
        """The query's terms that stand in the chunk; found by `matching` when they are shown."""
        return self.matching()

    def to_dict(self) -> dict[str, object]:
        """As `answer.schema.json` has it; `rerank_score` only where there is one."""
        reranked = {} if self.rerank_score is None else {"rerank_score": self.rerank_score}
        return {
            "rank": self.rank,
            "document_id": self.document.id,
            "chunk_id": self.chunk.id,
            "title": self.document.title,
            "date": self.document.date,
            "source": self.document.source,
            "page": self.chunk.page,
            "start": self.chunk.start,
            "end": self.chunk.end,
            "text": self.chunk.text,
            "score": self.score,
            "lexical_rank": self.lexical_rank,
            "dense_rank": self.dense_rank,
            "lexical_score": self.lexical_score,
            "dense_score": self.dense_score,
            "matched_terms": list(self.matched_terms),
            "also_in": [info.source for info in self.duplicates],
            **reranked,
        }


@dataclass(frozen=True, slots=True)
class Citation:
    """A quotation with its place: `quote == document.text[start:end]`."""

    marker: int
    document: DocumentInfo
    start: int
    end: int
    quote: str
    page: int | None = None

    def to_dict(self) -> dict[str, object]:
        """As `answer.schema.json` has it."""
        return {
            "marker": self.marker,
            "document_id": self.document.id,
            "title": self.document.title,
            "date": self.document.date,
            "source": self.document.source,
            "page": self.page,
            "start": self.start,
            "end": self.end,
            "quote": self.quote,
        }


@dataclass(frozen=True, slots=True)
class Turn:
    """One earlier exchange of a conversation."""

    question: str
    answer: str = ""


@dataclass(frozen=True, slots=True)
class Retrieved:
    """The first event of a streamed answer: the question as searched, and what was found."""

    query: str
    hits: tuple[Hit, ...]


@dataclass(frozen=True, slots=True)
class Token:
    """The next piece of a streamed answer's text; all of them joined are `Answer.text`.

    An empty one says only that the generator is still waiting.
    """

    text: str


@dataclass(frozen=True, slots=True)
class AnswerSentence:
    """What the citation gate found about one sentence that a language model wrote.

    `text` has no markers; `markers` are those it carries in the answer. `unsupported_terms` are
    the figures, names and quotations, as written, that no cited passage holds.
    """

    text: str
    markers: tuple[int, ...] = ()
    supported: bool = True
    unsupported_terms: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """As `answer.schema.json` has it."""
        return {
            "text": self.text,
            "markers": list(self.markers),
            "supported": self.supported,
            "unsupported_terms": list(self.unsupported_terms),
        }


@dataclass(frozen=True, slots=True)
class Answer:
    """What `Assistant.ask` returns; `reason` is a stable code exactly when not `answered`.

    `generator` names what wrote the text. Of a language model's answer, `sentences` says what
    the citation gate found, `citation_precision` is the share of the markers that stand at a
    sentence they support, `citation_recall` the share of the statements that are supported.
    `notice` tells people, in one sentence, when a language model failed and how it was helped.
    """

    question: str
    query: str
    answered: bool
    text: str
    short_answer: str | None
    confidence: float
    reason: str | None
    citations: tuple[Citation, ...]
    hits: tuple[Hit, ...]
    generator: str
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    sentences: tuple[AnswerSentence, ...] = ()
    notice: str | None = None
    citation_precision: float | None = None
    citation_recall: float | None = None

    def to_dict(self) -> dict[str, object]:
        """As `answer.schema.json` has it; ready for `json.dumps`."""
        return {
            "question": self.question,
            "query": self.query,
            "answered": self.answered,
            "answer": self.text,
            "short_answer": self.short_answer,
            "confidence": self.confidence,
            "reason": self.reason,
            "citations": [citation.to_dict() for citation in self.citations],
            "hits": [hit.to_dict() for hit in self.hits],
            "generator": self.generator,
            "timings_ms": dict(self.timings_ms),
            **self._of_a_language_model(),
        }

    def _of_a_language_model(self) -> dict[str, object]:
        """The keys that only an answer has in which a language model took part."""
        keys = {
            "sentences": [sentence.to_dict() for sentence in self.sentences] or None,
            "notice": self.notice,
            "citation_precision": self.citation_precision,
            "citation_recall": self.citation_recall,
        }
        return {key: value for key, value in keys.items() if value is not None}


# What `Assistant.ask_stream` yields: Retrieved, then tokens and citations, the Answer last.
Event = Retrieved | Token | Citation | Answer


__all__ = [
    "Answer",
    "AnswerSentence",
    "Chunk",
    "Citation",
    "Document",
    "DocumentInfo",
    "Event",
    "Heading",
    "Hit",
    "Page",
    "Retrieved",
    "Token",
    "Turn",
    "content_id",
]
