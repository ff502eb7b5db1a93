"""The product on one screen: retrieve, judge, answer with citations or decline."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

from rag.answering import AnswerGenerator, Judge, QuestionAnalyser, QuestionRewriter, decline
from rag.errors import RagError
from rag.protocols import ListedDocument, PassageStore, StoreStats
from rag.retrieval import HybridRetriever
from rag.types import Answer, Document, DocumentInfo, Event, Hit, Retrieved, Token, Turn

MAX_QUESTION = 2000


class Assistant:
    """Answers questions over one state of an index. Safe to use from several threads."""

    def __init__(
        self,
        *,
        store: PassageStore,
        retriever: HybridRetriever,
        analyser: QuestionAnalyser,
        rewriter: QuestionRewriter,
        judge: Judge,
        generator: AnswerGenerator,
        top_k: int,
    ) -> None:
        self._store = store
        self._retriever = retriever
        self._analyser = analyser
        self._rewriter = rewriter
        self._judge = judge
        self._generator = generator
        self._top_k = top_k

    def ask(self, question: str, *, history: Sequence[Turn] = ()) -> Answer:
        """Answer with citations, or decline with a reason.

        Raises RagError for a question longer than MAX_QUESTION characters.
        """
        *_, answer = self.ask_stream(question, history=history)
        assert isinstance(answer, Answer)
        return answer

    def ask_stream(self, question: str, *, history: Sequence[Turn] = ()) -> Iterator[Event]:
        """Like `ask`, event by event: Retrieved, tokens and citations, the Answer last.

        Empty tokens may come at any time, before Retrieved too: something is being waited for.

        Raises RagError for a question longer than MAX_QUESTION characters.
        """
        _check_length(question)
        question = _whole(question)
        history = [Turn(_whole(turn.question), _whole(turn.answer)) for turn in history]
        started = time.perf_counter()
        query = yield from self._rewriter.rewriting(question, history)
        parts = self._rewriter.split(query)
        hits_by_part = [self._retriever.retrieve(part, top_k=self._top_k) for part in parts]
        hits = _interleaved(hits_by_part)
        retrieved = time.perf_counter()
        yield Retrieved(query, hits)
        verdicts = [
            self._judge.assess(self._analyser.analyse(part), hits)
            for part, hits in zip(parts, hits_by_part, strict=True)
        ]
        if any(verdict.answerable for verdict in verdicts):
            events = self._generator.stream(question, query, verdicts, hits)
        else:
            events = _declined(decline(question, query, verdicts[0], hits))
        for event in events:
            if isinstance(event, Answer):
                timings = _timings(started, retrieved, time.perf_counter())
                yield replace(event, timings_ms=timings)
            else:
                yield event

    def answering_document(self, query: str) -> DocumentInfo | None:
        """The article that a question standing alone would be answered from; None if declined.

        Nothing is written, so this costs the same whatever the generator is.
        """
        hits = self._retriever.retrieve(query, top_k=self._top_k)
        verdict = self._judge.assess(self._analyser.analyse(query), hits)
        return verdict.evidence[0].hit.document if verdict.answerable else None

    def places(self, text: str) -> tuple[str, ...]:
        """The places that a text names, folded."""
        return tuple(self._analyser.analyse(text).places)

    def document(self, document_id: str) -> Document | None:
        """A whole article of the index, None when it isn't there."""
        return self._store.document(document_id)

    def listing(
        self, *, search: str = "", limit: int = 50, offset: int = 0
    ) -> tuple[Sequence[ListedDocument], int]:
        """One page of the articles, as `PassageStore.listing`."""
        return self._store.listing(search=search, limit=limit, offset=offset)

    def stats(self) -> StoreStats:
        """Counts, and the name of the index's state."""
        return self._store.stats()

    def close(self) -> None:
        self._store.close()


def _declined(answer: Answer) -> Iterator[Token | Answer]:
    yield Token(answer.text)
    yield answer


def _interleaved(lists: Sequence[Sequence[Hit]]) -> tuple[Hit, ...]:
    """The hits of all parts by rank, each passage once, with new ranks."""
    if len(lists) == 1:
        return tuple(lists[0])
    merged: dict[str, Hit] = {}
    for rank in range(max(map(len, lists))):
        for hits in lists:
            if rank < len(hits):
                merged.setdefault(hits[rank].chunk.id, hits[rank])
    return tuple(replace(hit, rank=rank) for rank, hit in enumerate(merged.values(), start=1))


def _timings(started: float, retrieved: float, ended: float) -> dict[str, float]:
    return {
        "retrieve": round(1000 * (retrieved - started), 3),
        "answer": round(1000 * (ended - retrieved), 3),
        "total": round(1000 * (ended - started), 3),
    }


def _whole(text: str) -> str:
    """The text without halves of surrogate pairs, which nothing further on could encode."""
    return text.encode("utf-8", "replace").decode()


def _check_length(question: str) -> None:
    if len(question) > MAX_QUESTION:
        raise RagError(
            f"the question has {len(question)} characters and may have {MAX_QUESTION}; shorten it",
            f"问题有 {len(question)} 个字符，最多 {MAX_QUESTION} 个，请缩短",
        )
