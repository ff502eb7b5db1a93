"""Questions with the clues to their answers, and whether these were right."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from rag.answering import Clues, Judge, Question, Rewriter, Verdict
from rag.assembly import (
    analyser_of,
    backend_of,
    embedder_of,
    indexer_of,
    judge_of,
    retriever_of,
    writer_of,
)
from rag.assistant import Assistant
from rag.config import AnsweringSettings, Settings
from rag.evaluation.articles import gather
from rag.evaluation.gold import Gold, GoldSet
from rag.evaluation.matching import is_right
from rag.training.reader_data import Part, split_of
from rag.types import Hit

_LEFT_OUT = 3  # of so many paragraphs one


@dataclass(frozen=True, slots=True)
class Case:
    """One question and what came of it.

    `group` is what must not be torn apart when cases are split. `clues` are None where the judge
    declined without any; `confidence` is its own then. `bm25` is the best passage's score in the
    word search, the plainest measure of whether there is an answer.
    """

    set: str
    group: str
    gold: Gold
    clues: Clues | None
    confidence: float
    right: bool
    bm25: float


class _NotingJudge:
    """Remembers the verdicts of another judge."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self.verdicts: list[Verdict] = []

    def assess(self, question: Question, hits: Sequence[Hit]) -> Verdict:
        self.verdicts.append(self._judge.assess(question, hits))
        return self.verdicts[-1]


def cases_of(
    gold_set: GoldSet, corpus: Sequence[Path], folder: Path, *, reader: str, limit: int | None
) -> Iterator[Case]:
    """Index the set's articles and the corpus into `folder` and ask; nothing is declined.

    Of a JSON Lines file of the corpus the first `limit` articles are taken. A question of
    several parts gives no case: each part has a confidence of its own.
    """
    settings = Settings(answering=AnsweringSettings(threshold=0.0, reader=reader))
    index = settings.index.model_copy(update={"dir": folder / "index"})
    settings = settings.model_copy(update={"index": index})
    folder.mkdir(parents=True, exist_ok=True)
    indexer_of(settings).index(gather([gold_set], corpus, folder, limit=limit))
    assistant, judge = _opened(settings)
    titles = {article.id: article.title for article in gold_set.articles()}
    for gold in gold_set.questions:
        judge.verdicts.clear()
        answer = assistant.ask(gold.question, history=gold.history)
        if len(judge.verdicts) == 1:
            [verdict] = judge.verdicts
            yield Case(
                set=gold_set.name,
                group=titles.get(next(iter(gold.documents), ""), gold.id),
                gold=gold,
                clues=verdict.clues,
                confidence=verdict.confidence,
                right=gold.answerable and is_right(gold, answer),
                bm25=max((hit.lexical_score or 0.0 for hit in answer.hits), default=0.0),
            )
    assistant.close()


def _opened(settings: Settings) -> tuple[Assistant, _NotingJudge]:
    embedder = embedder_of(settings)
    store = backend_of(settings, embedder).open()
    analyser = analyser_of(store)
    judge = _NotingJudge(judge_of(settings, embedder, store))
    assistant = Assistant(
        store=store,
        retriever=retriever_of(settings, embedder, store),
        analyser=analyser,
        rewriter=Rewriter(analyser),
        judge=cast("Judge", judge),  # it asks nothing else of a judge
        generator=writer_of(settings, embedder).generator,
        top_k=settings.retrieval.top_k,
    )
    return assistant, judge


def held_out(gold_set: GoldSet) -> GoldSet:
    """Of a reading set the questions about articles that the bundled reader never saw.

    Of every third of their paragraphs nothing is indexed: those questions can't be answered.
    """
    articles = {article.id: article for article in gold_set.articles()}
    unseen = {
        id_
        for id_, each in articles.items()
        if split_of(gold_set.name, each.title) is Part.HELD_OUT
    }
    left_out = {id_ for id_ in unseen if zlib.crc32(id_.encode()) % _LEFT_OUT == 0}
    questions = tuple(
        replace(gold, answerable=False) if gold.documents[0] in left_out else gold
        for gold in gold_set.questions
        if gold.documents and gold.documents[0] in unseen
    )
    indexed = [article for id_, article in articles.items() if id_ not in left_out]
    return GoldSet(gold_set.name, questions, lambda: iter(indexed))


__all__ = ["Case", "cases_of", "held_out"]
