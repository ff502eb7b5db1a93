"""The bundled model and an index of the articles, made once."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from rag.answering import EvidenceFinder, ExtractiveGenerator, Question, QuestionAnalyser, Verdict
from rag.assembly import assistant_of, embedder_of, indexer_of, place_list, segment
from rag.assistant import Assistant
from rag.config import IndexSettings, Settings
from rag.types import Answer
from tests.answering.articles import (
    ANPING,
    BRIDGE,
    LONGQUANYI,
    MUSEUM,
    QIONGLAI,
    Passages,
    hit,
    write_articles,
)


@pytest.fixture(scope="session")
def assistant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Assistant]:
    """Over a real index of the articles, with the bundled model."""
    folder = tmp_path_factory.mktemp("answering")
    settings = Settings(index=IndexSettings(dir=folder / "index"))
    report = indexer_of(settings).index([write_articles(folder / "docs")])
    assert (report.added, report.problems) == (5, ())
    assistant = assistant_of(settings)
    yield assistant
    assistant.close()


@pytest.fixture(scope="session")
def analyser() -> QuestionAnalyser:
    """With the weights of the articles, a paragraph a passage."""
    paragraphs = [
        paragraph
        for text in (LONGQUANYI, QIONGLAI, ANPING, MUSEUM, BRIDGE)
        for paragraph in text.split("\n\n")
    ]
    passages = Passages(*paragraphs)
    return QuestionAnalyser(segment, passages.frequencies, passages.count, place_list())


@pytest.fixture(scope="session")
def analyse(analyser: QuestionAnalyser) -> Callable[[str], Question]:
    return analyser.analyse


@pytest.fixture(scope="session")
def finder() -> EvidenceFinder:
    return EvidenceFinder(embedder_of(Settings()), segment, place_list())


@pytest.fixture(scope="session")
def answer_from(
    finder: EvidenceFinder,
) -> Callable[[str, str], Answer]:
    """The answer to a question whose only document is one text, however unsure."""

    def answer(question: str, text: str) -> Answer:
        passages = Passages(text, "别的文章", "another article")
        analyser = QuestionAnalyser(segment, passages.frequencies, passages.count, place_list())
        asked = analyser.analyse(question)
        hits = [hit(text)]
        evidence = tuple(finder.find(asked, hits))
        verdict = Verdict(asked, True, 1.0, None, evidence)
        *_, written = ExtractiveGenerator().stream(question, question, [verdict], hits)
        assert isinstance(written, Answer)
        return written

    return answer
