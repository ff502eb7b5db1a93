"""Question sets in other formats: small files of our own, and the public ones where they are."""

from __future__ import annotations

import json
import lzma
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rag.errors import GoldError
from rag.evaluation import Article, open_set
from rag.evaluation.gold import GoldSet
from tests.support import SHARED

DATA = SHARED / "data"
CSV = """问题,答案,依据,标签
修了几座桥？,37座|三十七座,修了37座,quantity|bridge
"谁写的？
",,,
"""


def of(folder: Path, name: str, content: str | bytes) -> GoldSet:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return open_set(path)


def sentence(folder: Path, name: str, content: str | bytes) -> str:
    with pytest.raises(GoldError) as caught:
        of(folder, name, content)
    assert caught.value.zh != caught.value.en
    return caught.value.en


def data(name: str) -> Path:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"{name} is not beside this checkout")
    return path


def rows(name: str) -> Iterator[dict[str, Any]]:
    with lzma.open(data(name), "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


# CSV


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_a_table_is_read_in_the_encodings_spreadsheets_write(tmp_path: Path, encoding: str) -> None:
    first, second = of(tmp_path, "mine.csv", CSV.encode(encoding)).questions
    assert (first.question, first.answers) == ("修了几座桥？", ("37座", "三十七座"))
    assert (first.evidence, first.tags) == (("修了37座",), ("quantity", "bridge"))
    assert (first.id, first.answerable) == ("2", True)
    assert (second.question, second.answerable) == ("谁写的？", False)


def test_a_table_may_be_cut_by_semicolons_and_say_what_is_answerable(tmp_path: Path) -> None:
    content = "question;answer;answerable\na?;;yes\nb?;;no\nc?;x;\n"
    assert "line 2: is answerable but has no" in sentence(tmp_path, "mine.csv", content)
    content = content.replace(";;yes", ";y;yes")
    assert [g.answerable for g in of(tmp_path, "m.csv", content).questions] == [True, False, True]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("frage,antwort\nx,y\n", 'line 1: no columns "question" and "answer"'),
        ("question,answer\n,y\n", 'line 2: has no "question"'),
        ("id,question,answer\n1,x,y\n1,z,y\n", 'line 3: the id "1" is already that of line 2'),
        ('question,answer\nx,"y\n', "line 2: not readable as CSV"),
        ("question,answer\n", "holds no question"),
        (b"PK\x03\x04 zip", "is a ZIP or Office file"),
    ],
)
def test_a_broken_table_is_refused_with_its_line(
    tmp_path: Path, content: str | bytes, says: str
) -> None:
    assert says in sentence(tmp_path, "mine.csv", content)


# SQuAD's JSON


def squad(*qas: dict[str, Any]) -> str:
    paragraph = {"context": "蓝溪村修了37座石桥。", "qas": list(qas)}
    return json.dumps({"version": "1", "data": [{"title": "蓝_溪村", "paragraphs": [paragraph]}]})


def test_squad_questions_name_their_paragraph_as_the_article(tmp_path: Path) -> None:
    found = of(
        tmp_path,
        "dev.json",
        squad(
            {"id": "1", "question": "几座？", "answers": [{"text": "37座", "answer_start": 5}] * 2},
            {"id": "2", "question": "谁修的？", "answers": [], "is_impossible": True},
        ),
    )
    first, second = found.questions
    assert (first.answers, first.documents, first.answerable) == (("37座",), ("dev-1",), True)
    assert (second.answers, second.documents, second.answerable) == ((), (), False)
    assert list(found.articles()) == [Article("dev-1", "蓝 溪村", "蓝溪村修了37座石桥。")]
    assert (found.name, found.brings_articles) == ("dev", True)


def test_cmrc_as_first_published_is_read_too(tmp_path: Path) -> None:
    entry = {
        "context_id": "DEV_0", "context_text": "修了37座石桥。", "title": "桥",
        "qas": [{"query_id": "DEV_0_Q", "query_text": "几座？", "answers": ["37座", "37座"]}],
    }  # fmt: skip
    found = of(tmp_path, "cmrc.json", json.dumps([entry]))
    (gold,) = found.questions
    assert (gold.id, gold.answers, gold.documents) == ("DEV_0_Q", ("37座",), ("DEV_0",))
    assert list(found.articles()) == [Article("DEV_0", "桥", "修了37座石桥。")]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{\n\n nonsense", "line 3: not valid JSON"),
        ('{"rows": []}', "data is wrong (Field required)"),
        ('{"data": [{"paragraphs": [{"qas": []}]}]}', "data.0.paragraphs.0.context is wrong"),
        ('{"data": []}', "holds no question"),
        (b"\xff\xfe", "is not UTF-8"),
        (squad(*[{"id": "1", "question": "x"}] * 2), 'paragraph 1 repeats the question id "1"'),
    ],
)
def test_broken_json_is_refused_with_its_place(
    tmp_path: Path, content: str | bytes, says: str
) -> None:
    assert says in sentence(tmp_path, "dev.json", content)


# rows of reading comprehension


ROW = {
    "id": "q1", "title": "桥", "paragraph_id": "p1", "context": "修了37座石桥。",
    "question": "几座？", "answers": ["37座"], "answerable": True, "lang": "zh",
}  # fmt: skip


def lines(*given: Any) -> str:
    return "".join(json.dumps(row) + "\n" for row in given)


def test_rows_with_a_context_bring_their_paragraphs_each_once(tmp_path: Path) -> None:
    none = ROW | {"id": "q2", "answers": [], "answerable": False}
    found = of(tmp_path, "set.jsonl.xz", lzma.compress(lines(ROW, none).encode()))
    assert [gold.documents for gold in found.questions] == [("p1",), ()]
    assert list(found.articles()) == [Article("p1", "桥", "修了37座石桥。")]
    assert found.name == "set"


def test_a_broken_row_is_refused_with_its_line(tmp_path: Path) -> None:
    assert 'line 2: "question" is missing' in sentence(
        tmp_path, "s.jsonl", lines(ROW, {"id": "q2", "context": "x"})
    )
    other = ROW | {"id": "q2", "context": "another text"}
    assert 'line 2: "p1" is another paragraph\'s id' in sentence(
        tmp_path, "s.jsonl", lines(ROW, other)
    )
    assert 'line 2: the id "q1"' in sentence(tmp_path, "s.jsonl", lines(ROW, ROW))


# BEIR


def beir(folder: Path, qrels: str, queries: str = "") -> GoldSet:
    (folder / "qrels").mkdir()
    corpus = [
        {"_id": "d1", "title": "桥", "text": "37座石桥"},
        {"_id": "d2", "title": "学校", "text": ""},
        {"_id": "d3", "text": ""},
    ]
    asked = [{"_id": "q1", "text": "几座桥？"}, {"_id": "q2", "text": "unjudged"}]
    (folder / "corpus.jsonl").write_text(lines(*corpus), encoding="utf-8")
    (folder / "queries.jsonl").write_text(queries or lines(*asked), encoding="utf-8")
    (folder / "qrels" / "test.tsv").write_text(qrels, encoding="utf-8")
    return open_set(folder)


def test_a_beir_folder_gives_the_judged_queries_and_its_corpus(tmp_path: Path) -> None:
    found = beir(tmp_path, "query-id\tcorpus-id\tscore\nq1\td1\t2\nq1\td2\t0\n")
    (gold,) = found.questions
    assert (gold.id, gold.question, gold.documents) == ("q1", "几座桥？", ("d1",))
    assert list(found.articles()) == [
        Article("d1", "桥", "37座石桥"),
        Article("d2", "学校", "学校"),
    ]
    assert found.name == tmp_path.name


def test_a_broken_beir_folder_is_refused_with_file_and_line(tmp_path: Path) -> None:
    with pytest.raises(GoldError, match=r"test.tsv, line 2: not query id"):
        beir(tmp_path, "query-id\tcorpus-id\tscore\nq1 d1 1\n")
    (tmp_path / "qrels" / "test.tsv").write_text("q1\td1\t1\n", encoding="utf-8")
    (tmp_path / "queries.jsonl").write_text('{"text": "x"}\n', encoding="utf-8")
    with pytest.raises(GoldError, match=r'queries.jsonl, line 1: has no "_id"'):
        open_set(tmp_path)
    (tmp_path / "corpus.jsonl").unlink()
    with pytest.raises(GoldError, match=r"there is no corpus\.jsonl"):
        open_set(tmp_path)


def test_a_format_that_is_not_known_is_refused(tmp_path: Path) -> None:
    assert "no format for .xlsx" in sentence(tmp_path, "mine.xlsx", "x")
    with pytest.raises(GoldError, match="can't be read"):
        open_set(tmp_path / "none.jsonl")


# the public sets


@pytest.mark.parametrize(
    ("name", "questions", "unanswerable"),
    [
        ("cmrc2018_trial", 1002, 0),
        ("drcd_dev", 3524, 0),
        ("squad2_zh_dev", 9936, 5945),
        ("xquad_zh", 1190, 0),
        ("xquad_ar", 1190, 0),
    ],
)
def test_a_public_set_is_read_whole(name: str, questions: int, unanswerable: int) -> None:
    found = open_set(data(f"{name}.jsonl.xz"))
    assert len(found.questions) == questions
    assert sum(not gold.answerable for gold in found.questions) == unanswerable
    texts = {article.id: article.text for article in found.articles()}
    for gold in found.questions:
        assert all(answer in texts[gold.documents[0]] for answer in gold.answers)


@pytest.mark.parametrize("name", ["cmrc2018_trial", "drcd_dev", "squad2_zh_dev"])
def test_a_public_set_in_squads_json_gives_the_same_questions(tmp_path: Path, name: str) -> None:
    paragraphs: dict[str, dict[str, Any]] = {}
    for row in rows(f"{name}.jsonl.xz"):
        paragraph = paragraphs.setdefault(
            row["paragraph_id"], {"id": row["paragraph_id"], "context": row["context"], "qas": []}
        )
        answers = [
            {"text": text, "answer_start": row["context"].find(text)} for text in row["answers"]
        ]
        paragraph["qas"].append(
            {"id": row["id"], "question": row["question"], "answers": answers,
             "is_impossible": not row["answerable"]}
        )  # fmt: skip
    whole = {"data": [{"title": "", "paragraphs": [p]} for p in paragraphs.values()]}
    squad_set = of(tmp_path, "set.json", json.dumps(whole))
    row_set = open_set(DATA / f"{name}.jsonl.xz")
    told = {gold.id: (gold.question, gold.answerable, gold.documents, set(gold.answers))
            for gold in row_set.questions}  # fmt: skip
    assert told == {gold.id: (gold.question, gold.answerable, gold.documents, set(gold.answers))
                    for gold in squad_set.questions}  # fmt: skip
