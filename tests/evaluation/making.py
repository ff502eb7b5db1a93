"""Hits, answers, records and runs for tests, with no more in them than a test needs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rag.evaluation import Fingerprint, Record, Run
from rag.types import Answer, Chunk, Citation, DocumentInfo, Hit


def info(identifier: str) -> DocumentInfo:
    return DocumentInfo(identifier, f"title of {identifier}", f"docs/{identifier}.md")


def hit(rank: int, document: str, text: str = "", duplicates: tuple[str, ...] = ()) -> Hit:
    chunk = Chunk(f"{document}#{rank}", document, 0, len(text), text)
    return Hit(rank, 1 / rank, chunk, info(document), duplicates=tuple(map(info, duplicates)))


def cited(*quotes: tuple[str, str]) -> tuple[Citation, ...]:
    """Citations of (document, quote)."""
    return tuple(
        Citation(marker, info(document), 0, len(quote), quote)
        for marker, (document, quote) in enumerate(quotes, start=1)
    )


def answer(
    short: str | None, *quotes: tuple[str, str], text: str | None = None, hits: tuple[Hit, ...] = ()
) -> Answer:
    """An answer with its quotations; a refusal without a short answer."""
    citations = cited(*quotes)
    whole = f"{short}。" + "".join(f"“{c.quote}”[{c.marker}]" for c in citations)
    return Answer(
        question="?",
        query="?",
        answered=short is not None,
        text=text if text is not None else whole,
        short_answer=short,
        confidence=0.5,
        reason=None if short is not None else "low_confidence",
        citations=citations,
        hits=hits,
        generator="extractive",
    )


_RECORD = Record(
    set="s",
    id="1",
    question="问？",
    answerable=True,
    expected=("37座",),
    evidence=(),
    answered=True,
    right=True,
    text="37座。",
    short_answer="37座",
    withheld=None,
    confidence=0.9,
    sure_right=True,
    reason=None,
    query="问？",
)


def record(identifier: str, **changes: Any) -> Record:
    return replace(_RECORD, id=identifier, **changes)


def run(name: str, *records: Record, **config: Any) -> Run:
    settings: dict[str, dict[str, object]] = {
        "retrieval": {"top_k": 8, "dense_weight": 0.05},
        "answering": {"threshold": 0.4},
    }
    for section, values in config.items():
        settings[section] = settings[section] | values
    fingerprint = Fingerprint(
        version="0", commit="c0ffee", config=settings, embedder="e", embedder_sha="1",
        index_sha="2", documents=1, chunks=1, machine="m", python="3",
    )  # fmt: skip
    return Run(name, "2026-11-24T12:00:00+00:00", 1.5, fingerprint, tuple(records))
