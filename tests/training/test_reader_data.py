"""What the reader learns from: the split by article, and questions made from the news."""

from __future__ import annotations

import random
import shutil
import zlib
from pathlib import Path

import pytest

from rag.answering.kinds import Kind
from rag.assembly import segment
from rag.training.reader_data import READING_SETS, SPLIT_SETS, Part, read_sets, split_of
from rag.training.reader_questions import QuestionMaker, ask_for
from tests.training.reading_sets import row_of, titles_of, write_reading_sets, write_set

NEWS = (
    "成都的博物馆在2023年接待了37万名游客。记者在成都看到博物馆已经开放。"
    "馆长王小明说,博物馆还会扩大。"
)


@pytest.fixture
def data(tiny_data: Path, tmp_path: Path) -> Path:
    folder = Path(shutil.copytree(tiny_data, tmp_path / "data"))
    write_reading_sets(folder)
    return folder


@pytest.mark.parametrize("name", SPLIT_SETS)
def test_a_quarter_of_the_articles_is_held_out_and_a_sixteenth_is_for_choosing(name: str) -> None:
    for title in (f"條目{i}" for i in range(200)):
        number = zlib.crc32(title.encode())
        if number % 4 == 0:
            assert split_of(name, title) is Part.HELD_OUT
        else:
            part = Part.DEVELOPMENT if number % 16 == 1 else Part.TRAINING
            assert split_of(name, title) is part


@pytest.mark.parametrize("name", ["squad2_zh_dev", "xquad_zh"])
def test_translated_sets_are_for_training_alone(name: str) -> None:
    parts = {split_of(name, title) for title in titles_of(Part.HELD_OUT, 9)}
    assert parts == {Part.TRAINING}


def test_each_part_has_the_questions_of_its_articles(data: Path) -> None:
    sets = read_sets(data)
    # Two articles of four questions in each of two sets; three more articles in the others.
    assert len(sets.held_out) == len(sets.development) == 16
    assert len(sets.training) == 16 + 24
    assert {example.source for example in sets.training} == set(READING_SETS)
    for example in (*sets.held_out, *sets.development, *sets.training):
        assert example.answers == ("12个",)


def test_a_kept_out_article_or_paragraph_of_another_set_is_dropped(data: Path) -> None:
    held, chosen = titles_of(Part.HELD_OUT, 1)[0], titles_of(Part.DEVELOPMENT, 1)[0]
    free = row_of("另一條目", "成都", "白酒")
    rows = [
        free,
        free | {"title": held},
        # Traditional characters, as the split sets have them, and the same in Simplified.
        free | {"title": chosen.replace("條", "条")},
        row_of(held, "龙泉驿区", "竹编") | {"title": "别名"},
    ]
    write_set(data, "squad2_zh_dev", rows)
    kept = [e.article for e in read_sets(data).training if e.source == "squad2_zh_dev"]
    assert kept == ["另一条目"]


def test_a_paragraph_that_is_held_out_chooses_nothing_and_is_not_learnt_from(data: Path) -> None:
    held, chosen = titles_of(Part.HELD_OUT, 1)[0], titles_of(Part.DEVELOPMENT, 1)[0]
    shared = row_of(held, "成都", "白酒")
    write_set(data, "drcd_dev", [shared, shared | {"title": chosen}])
    write_set(data, "cmrc2018_trial", [row_of(titles_of(Part.TRAINING, 1)[0], "乐山", "铁路")])
    sets = read_sets(data)
    assert [example.question for example in sets.held_out] == ["成都建了多少个白酒?"]
    assert not sets.development


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
