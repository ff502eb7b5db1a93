"""The gold format: what is read, and how a mistake in a file is named."""

from __future__ import annotations

import json
import lzma
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from rag.errors import GoldError
from rag.evaluation import Gold, gold_schema, read_gold
from rag.types import Turn

ROOT = Path(__file__).parents[2]
GOOD = {"id": "q1", "question": "修了几座桥？", "answers": ["37座"], "answerable": True}


def written(folder: Path, *rows: Any, name: str = "g.jsonl") -> Path:
    """A gold file of these rows; a row that is a string stands as it is."""
    path = folder / name
    lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def refused(path: Path) -> list[str]:
    """The English sentences; each must have a Chinese one beside it."""
    with pytest.raises(GoldError) as caught:
        read_gold(path)
    english, chinese = caught.value.en.splitlines(), caught.value.zh.splitlines()
    assert len(english) == len(chinese)
    assert all(str(path) in line for line in english + chinese)
    assert caught.value.exit_code == 2
    return english


def test_a_row_is_read_with_everything_it_says(tmp_path: Path) -> None:
    row = {
        "id": "q1", "question": "那邛崃呢？", "answers_all": ["吉利", "沃尔沃"],
        "evidence": ["吉利、沃尔沃"], "answerable": True, "lang": "zh", "tags": ["list"],
        "history": [{"question": "龙泉驿呢？", "answer": "18亿元"}, {"question": "好的"}],
        "date": "2025-03", "documents": ["d1"], "note": "for people",
    }  # fmt: skip
    assert read_gold(written(tmp_path, row)) == (
        Gold(
            id="q1",
            question="那邛崃呢？",
            answers_all=("吉利", "沃尔沃"),
            evidence=("吉利、沃尔沃",),
            lang="zh",
            tags=("list",),
            history=(Turn("龙泉驿呢？", "18亿元"), Turn("好的")),
            date="2025-03",
            documents=("d1",),
        ),
    )


def test_empty_lines_a_mark_and_compression_are_no_mistake(tmp_path: Path) -> None:
    text = "\ufeff" + json.dumps(GOOD) + "\n\n  \n"
    plain = written(tmp_path, text)
    packed = tmp_path / "g.jsonl.xz"
    packed.write_bytes(lzma.compress(text.encode()))
    assert [gold.id for gold in read_gold(plain)] == ["q1"]
    assert read_gold(packed) == read_gold(plain)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ('{"id": "q2", "question": "x",}', "not valid JSON at character "),
        ("[1, 2]", "not a JSON object; write {...}"),
        (GOOD | {"id": "q2", "anwsers": ["x"]}, 'no key "anwsers"; did you mean answers?'),
        ({"id": "q2", "answers": ["x"], "answerable": True}, 'has no "question"; add it'),
        (GOOD | {"id": "q2", "answerable": "yes"}, "answerable must be true or false"),
        (GOOD | {"id": "q2", "answers": "37座"}, "answers must be a list: [...]"),
        (GOOD | {"id": "q2", "answers": ["37座", " "]}, "answers[1] is empty"),
        (GOOD | {"id": "q2", "answers": [37]}, "answers[0] must be a text in quotation marks"),
        (GOOD | {"id": "q2", "question": ""}, "question is empty"),
        (GOOD | {"id": "q2", "date": "3.1.2025"}, "date: write a date as 2025-03-01"),
        (GOOD | {"id": "q2", "history": ["上文"]}, "history[0] must be an object: {...}"),
        (GOOD | {"id": "q2", "answers_all": ["x"]}, "keep one of them"),
        ({"id": "q2", "question": "x", "answerable": True}, "is answerable but has no"),
        (GOOD | {"id": "q2", "answerable": False}, "is not answerable but has an answer"),
        (GOOD, 'the id "q1" is already that of line 1'),
    ],
)
def test_a_mistake_is_named_with_its_line_and_the_cure(tmp_path: Path, row: Any, says: str) -> None:
    (sentence,) = refused(written(tmp_path, GOOD, "", row))
    assert ", line 3: " in sentence
    assert says in sentence


def test_all_mistakes_are_named_at_once_and_a_flood_is_cut(tmp_path: Path) -> None:
    assert len(refused(written(tmp_path, "{", GOOD, "{"))) == 2
    flood = refused(written(tmp_path, *["{"] * 50))
    assert len(flood) == 21
    assert flood[-1].endswith("and 30 more like these")


def test_bytes_that_are_no_utf_8_are_named_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "g.jsonl"
    path.write_bytes(json.dumps(GOOD).encode() + b"\n" + "问".encode("gb18030") + b"\n")
    (sentence,) = refused(path)
    assert "line 2: not UTF-8" in sentence


def test_an_empty_file_and_one_that_is_not_there_are_refused(tmp_path: Path) -> None:
    (sentence,) = refused(written(tmp_path))
    assert "holds no question" in sentence
    (sentence,) = refused(tmp_path / "none.jsonl")
    assert "can't be read" in sentence


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "g.jsonl.xz"
    path.write_bytes(lzma.compress(json.dumps(GOOD).encode() * 100)[:60])
    (sentence,) = refused(path)
    assert "can't be read" in sentence


@pytest.mark.parametrize("path", sorted((ROOT / "eval" / "gold").glob("*.jsonl")), ids=str)
def test_our_own_sets_keep_the_format_and_its_schema(path: Path) -> None:
    assert read_gold(path)
    validator = jsonschema.Draft202012Validator(json.loads(gold_schema()))
    for line in path.read_text(encoding="utf-8").splitlines():
        validator.validate(json.loads(line))


def test_the_schema_beside_the_sets_is_the_programs() -> None:
    path = ROOT / "eval" / "gold" / "gold.schema.json"
    assert path.read_text(encoding="utf-8") == gold_schema()


def test_there_are_enough_questions_of_our_own() -> None:
    sample = read_gold(ROOT / "eval" / "gold" / "sample.jsonl")
    wide = read_gold(ROOT / "eval" / "gold" / "sample-wide.jsonl")
    questions = [*sample, *wide]
    assert len(questions) >= 200
    assert sum(not gold.answerable for gold in questions) >= 60
    assert len({gold.lang for gold in questions} - {"zh", "en"}) >= 2
    assert len(read_gold(ROOT / "eval" / "gold" / "news.jsonl")) >= 100
