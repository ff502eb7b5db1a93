"""Asking every gold question and judging what comes back."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, replace

from rag.assistant import Assistant
from rag.errors import RagError
from rag.evaluation.citing import judge_citations
from rag.evaluation.gold import Gold, GoldSet
from rag.evaluation.matching import has_right_short_answer, is_right
from rag.evaluation.ranking import DEPTH, Judged, judge, measure
from rag.evaluation.reading import exact_match, f1
from rag.evaluation.record import Fingerprint, Passage, Quote, Record
from rag.retrieval import HybridRetriever
from rag.types import Answer, Citation, Hit

_PASSAGES, _PASSAGES_IF_RIGHT = 4, 2  # kept for people to look at
_PASSAGE_LENGTH = 240
_AROUND = 60  # characters shown before and after a quotation


@dataclass(frozen=True, slots=True)
class System:
    """What is measured: an assistant and the parts that the measures look into.

    `unbarred` is the same assistant without a confidence threshold: what a declined answer would
    have been. None where asking twice costs too much (a language model); the risk-coverage curve
    then counts what was declined as wrong.
    """

    assistant: Assistant
    unbarred: Assistant | None
    retriever: HybridRetriever
    places: Set[str]
    fingerprint: Fingerprint

    def close(self) -> None:
        self.assistant.close()
        if self.unbarred is not None:
            self.unbarred.close()


def run_sets(
    system: System,
    sets: Sequence[GoldSet],
    *,
    progress: Callable[[int], None] = lambda _: None,
) -> tuple[Record, ...]:
    """A record for each question of each set, in order; `progress` gets 1 for each question.

    A question that the assistant refuses with an error counts as declined, with that error.
    """
    records: list[Record] = []
    judged: dict[str, Judged] = {}
    for gold_set in sets:
        for gold in gold_set.questions:
            record, ranking = _ask(system, gold_set.name, gold)
            if gold.answerable:
                judged[str(len(records))] = ranking
            records.append(record)
            progress(1)
    ranked = measure(judged)
    return tuple(
        replace(record, measures=ranked.get(str(i), {}) | record.measures)
        for i, record in enumerate(records)
    )


def _ask(system: System, name: str, gold: Gold) -> tuple[Record, Judged]:
    try:
        answer = system.assistant.ask(gold.question, history=gold.history)
    except RagError as error:
        answer = Answer(
            gold.question, gold.question, False, str(error), None, 0.0, "error", (), (), "none"
        )
        return _record(name, gold, answer, None, (), system.places), judge(gold, ())
    ranking = _ranked(system.retriever, gold, answer)
    withheld = None
    if system.unbarred is not None and not answer.answered:
        unbarred = system.unbarred.ask(gold.question, history=gold.history)
        withheld = unbarred if unbarred.answered else None
    record = _record(name, gold, answer, withheld, ranking, system.places)
    return record, judge(gold, ranking)


def _ranked(retriever: HybridRetriever, gold: Gold, answer: Answer) -> tuple[Hit, ...]:
    """The passages the answer was drawn from, and what is found beyond them, to DEPTH.

    Beyond is only searched while something wanted is missing: it can't change a measure else.
    """
    judged = judge(gold, answer.hits)
    if not gold.answerable or len(judged.relevant_ranks) == judged.wanted:
        return answer.hits[:DEPTH]
    seen = {hit.chunk.id for hit in answer.hits}
    deeper = retriever.retrieve(answer.query, top_k=DEPTH)
    return (*answer.hits, *(hit for hit in deeper if hit.chunk.id not in seen))[:DEPTH]


def _record(
    name: str,
    gold: Gold,
    answer: Answer,
    withheld: Answer | None,
    ranking: Sequence[Hit],
    places: Set[str],
) -> Record:
    right = is_right(gold, answer)
    shown = answer if answer.answered else withheld
    return Record(
        set=name,
        id=gold.id,
        question=gold.question,
        answerable=gold.answerable,
        expected=gold.answers_all or gold.answers,
        evidence=gold.evidence,
        answered=answer.answered,
        right=right,
        text=answer.text,
        short_answer=answer.short_answer,
        withheld=withheld.short_answer if withheld is not None else None,
        confidence=answer.confidence,
        sure_right=gold.answerable and shown is not None and is_right(gold, shown),
        reason=answer.reason,
        query=answer.query,
        history=tuple(turn.question for turn in gold.history),
        lang=gold.lang,
        tags=gold.tags,
        first_rank=judge(gold, ranking).first if gold.answerable else None,
        measures=_measures(gold, answer, right, places),
        quotes=tuple(_quote(citation, answer.hits) for citation in answer.citations),
        passages=_passages(gold, ranking[: _PASSAGES_IF_RIGHT if right else _PASSAGES]),
        timings_ms=dict(answer.timings_ms),
    )


def _measures(gold: Gold, answer: Answer, right: bool, places: Set[str]) -> dict[str, float]:
    """What applies to this question, by the names of `rag.evaluation.summary`."""
    citing = judge_citations(gold, answer, places)
    found: dict[str, float | None] = {
        "accuracy": float(right),
        "precision": float(right) if answer.answered else None,
        "citation_precision": citing.precision,
        "citation_recall": citing.recall,
        "citation_support": citing.support,
        # A language model's answers alone have these; the gate judges without the gold.
        "gate_precision": answer.citation_precision,
        "gate_recall": answer.citation_recall,
    }
    if not gold.answerable:
        found["rejection"] = float(not answer.answered)
    else:
        found |= {"accepted": float(right), "coverage": float(answer.answered)}
        said = answer.short_answer or ""
        if gold.answers or gold.answers_all:
            found["short_accepted"] = float(has_right_short_answer(gold, answer))
        if gold.answers:
            found |= {
                "exact_match": exact_match(gold.answers, said) if answer.answered else 0.0,
                "f1": f1(gold.answers, said) if answer.answered else 0.0,
            }
    return {name: value for name, value in found.items() if value is not None}


def _quote(citation: Citation, hits: Sequence[Hit]) -> Quote:
    info = citation.document
    for hit in hits:
        chunk = hit.chunk
        if hit.document.id == info.id and chunk.start <= citation.start < chunk.end:
            start, end = citation.start - chunk.start, citation.end - chunk.start
            before = chunk.text[max(0, start - _AROUND) : start]
            return Quote(
                info.title, info.source, citation.quote, before, chunk.text[end : end + _AROUND]
            )
    return Quote(info.title, info.source, citation.quote)


def _passages(gold: Gold, ranking: Sequence[Hit]) -> tuple[Passage, ...]:
    return tuple(
        Passage(
            rank=rank,
            document_id=hit.document.id,
            title=hit.document.title,
            text=hit.chunk.text[:_PASSAGE_LENGTH],
            wanted=gold.answerable and bool(judge(gold, (hit,)).relevant_ranks),
            lexical_rank=hit.lexical_rank,
            dense_rank=hit.dense_rank,
        )
        for rank, hit in enumerate(ranking, start=1)
    )


__all__ = ["System", "run_sets"]
