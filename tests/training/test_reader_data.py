"""What the reader learns from: the split by article, and questions made from the news."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from rag.answering.kinds import Kind
from rag.assembly import segment
from rag.training.reader_data import DEVELOPMENT, READING_FILES, read_sets
from rag.training.reader_questions import QuestionMaker, ask_for
from tests.training.reading_sets import write_reading_sets

NEWS = (
    "成都的博物馆在2023年接待了37万名游客。记者在成都看到博物馆已经开放。"
    "馆长王小明说,博物馆还会扩大。"
)


@pytest.fixture(scope="module")
def data(tiny_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Path(shutil.copytree(tiny_data, tmp_path_factory.mktemp("reading") / "data"))
    write_reading_sets(folder)
    return folder


def test_development_articles_are_in_no_training_set_under_either_name(data: Path) -> None:
    sets = read_sets(data)
    kept = {example.article for example in sets.development}
    assert len(kept) == DEVELOPMENT
    numbers = {name.removeprefix("文章") for name in kept}
    for part in (sets.squad, sets.xquad):
        assert part
        assert not numbers & {e.article.removeprefix("文章").removeprefix("Article_") for e in part}


def test_training_opens_no_set_that_figures_are_reported_on() -> None:
    assert not {"cmrc2018_trial", "drcd_dev"} & set(READING_FILES)


def test_a_made_question_asks_for_a_span_it_does_not_name() -> None:
    maker = QuestionMaker(segment, {})
    made = [maker.make(NEWS, random.Random(seed)) for seed in range(60)]
    questions = [question for question in made if question is not None]
    assert len(questions) > 10
    for question in questions:
        assert question.passage[question.start : question.end] not in question.text


@pytest.mark.parametrize(
    ("kind", "answer", "asked"),
    [
        (Kind.QUANTITY, "第三", {"第几"}),
        (Kind.QUANTITY, "37万名", {"多少名", "几名", "多少"}),
        (Kind.DATE, "2023年", {"哪一年", "哪年", "什么时候", "何时"}),
        (Kind.PERSON, "王小明", {"谁", "哪位", "什么人"}),
    ],
)
def test_the_question_word_fits_the_answer(kind: Kind, answer: str, asked: set[str]) -> None:
    assert {ask_for(kind, answer, random.Random(seed)) for seed in range(40)} == asked
