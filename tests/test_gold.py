"""Gold questions on the sample articles and on the newspaper: how many are answered right."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from rag.assembly import assistant_of, indexer_of
from rag.assistant import Assistant
from rag.config import IndexSettings, Settings
from rag.evaluation import Gold, read_gold
from rag.evaluation.matching import is_right
from rag.types import Answer, Turn
from tests.support import NEWSPAPER

ROOT = Path(__file__).parents[1]
SETS = {
    "sample": (ROOT / "docs", ROOT / "eval" / "gold" / "sample.jsonl"),
    "newspaper": (NEWSPAPER, ROOT / "tests" / "data" / "newspaper.jsonl"),
}
TABLES = ROOT / "tests" / "data"
LEAST_RIGHT = 45
LEAST_DECLINED = 0.9


@dataclass(frozen=True, slots=True)
class Asked:
    """A gold set with the answers of an assistant over its articles."""

    assistant: Assistant
    results: list[tuple[Gold, Answer]]

    def wrong(self, *, answerable: bool) -> list[str]:
        return [
            f"{gold.id} {gold.question} -> {answer.short_answer or answer.reason}, "
            f"expected {gold.answers_all or gold.answers or 'a refusal'}"
            for gold, answer in self.results
            if gold.answerable is answerable and not is_right(gold, answer)
        ]

    def count(self, *, answerable: bool) -> int:
        return sum(gold.answerable is answerable for gold, _ in self.results)


@pytest.fixture(scope="module", params=sorted(SETS))
def asked(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Asked]:
    articles, questions = SETS[request.param]
    if not articles.exists():
        pytest.skip(f"{articles.name} is not beside this checkout")
    assistant = _assistant(articles, tmp_path_factory.mktemp(request.param))
    gold = read_gold(questions)
    answers = [assistant.ask(row.question, history=row.history) for row in gold]
    yield Asked(assistant, list(zip(gold, answers, strict=True)))
    assistant.close()


@pytest.fixture(scope="module")
def newspaper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Assistant]:
    if not NEWSPAPER.exists():
        pytest.skip(f"{NEWSPAPER.name} is not beside this checkout")
    assistant = _assistant(NEWSPAPER, tmp_path_factory.mktemp("fixed"))
    yield assistant
    assistant.close()


def _assistant(articles: Path, folder: Path) -> Assistant:
    settings = Settings(index=IndexSettings(dir=folder / "index"))
    report = indexer_of(settings).index([articles])
    assert report.problems == ()
    return assistant_of(settings)


def test_a_gold_set_has_enough_questions_of_both_sorts(asked: Asked) -> None:
    assert asked.count(answerable=True) >= 50
    assert asked.count(answerable=False) >= 10


def test_answerable_questions_are_answered_right(asked: Asked) -> None:
    wrong = asked.wrong(answerable=True)
    total = asked.count(answerable=True)
    assert total - len(wrong) >= LEAST_RIGHT * total / 50, "\n".join(wrong)


def test_unanswerable_questions_are_declined(asked: Asked) -> None:
    wrong = asked.wrong(answerable=False)
    total = asked.count(answerable=False)
    assert total - len(wrong) >= LEAST_DECLINED * total, "\n".join(wrong)


@pytest.mark.parametrize("name", ["tables", "tables-blind"])
def test_questions_about_tables_are_mostly_answered_right(name: str, tmp_path: Path) -> None:
    with closing(_assistant(TABLES / name, tmp_path)) as assistant:
        gold = read_gold(TABLES / f"{name}.jsonl")
        asked = Asked(assistant, [(row, assistant.ask(row.question)) for row in gold])
    for answerable, least in ((True, 0.65), (False, 0.55)):
        wrong, total = asked.wrong(answerable=answerable), asked.count(answerable=answerable)
        assert total - len(wrong) >= least * total, "\n".join(wrong)


def test_every_quotation_is_a_slice_of_its_document(asked: Asked) -> None:
    for gold, answer in asked.results:
        for citation in answer.citations:
            document = asked.assistant.document(citation.document.id)
            assert document is not None, gold.id
            assert citation.quote == document.text[citation.start : citation.end], gold.id


def test_every_answer_has_a_quotation_and_every_refusal_a_reason(asked: Asked) -> None:
    for gold, answer in asked.results:
        assert answer.answered is bool(answer.citations), gold.id
        assert answer.answered is (answer.reason is None), gold.id
        assert answer.answered is (answer.short_answer is not None), gold.id


def test_the_pioneer_posts_of_longquanyi_are_counted(newspaper: Assistant) -> None:
    answer = newspaper.ask("龙泉驿区建了多少党员先锋岗?")
    assert answer.short_answer == "200余个"
    assert "200余个党员先锋岗" in answer.citations[0].quote


def test_the_figure_of_another_district_is_not_given_for_shuangliu(newspaper: Assistant) -> None:
    answer = newspaper.ask("双流区建了多少党员先锋岗?")
    assert (answer.answered, answer.reason) == (False, "entity_mismatch")
    assert "双流区" in answer.text


def test_a_follow_up_asks_the_same_about_qionglai(newspaper: Assistant) -> None:
    question = "龙泉驿区发放了多少惠蓉贷?"
    first = newspaper.ask(question)
    answer = newspaper.ask("那邛崃呢?", history=[Turn(question, first.text)])
    assert "18" in (first.short_answer or "")
    assert "26.54" in (answer.short_answer or "")
