"""`rag eval` as it is typed: what it prints where, what it saves, and the code it ends with."""

from __future__ import annotations

import json
import lzma
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from tests.answering.llm_server import Exchange, says, serving
from tests.command import Done, Rag, in_this_process
from tests.support import SHARED

ROOT = Path(__file__).parents[2]
SAMPLES = [str(ROOT / "eval" / "gold" / name) for name in ("sample.jsonl", "sample-wide.jsonl")]
BRIDGE = "蓝溪村在2025年修了37座石桥。村里的老人说，桥修好以后，孩子上学近了一半。"
SCHOOL = "Green Hill School has 412 pupils, and 96 of them live in the school."
GOLD = [
    {"id": "1", "question": "蓝溪村修了多少座石桥?", "answers": ["37座"], "evidence": ["37座石桥"],
     "answerable": True, "lang": "zh", "tags": ["count"]},
    {"id": "2", "question": "How many pupils does Green Hill School have?", "answers": ["412"],
     "evidence": ["412 pupils"], "answerable": True, "lang": "en"},
    {"id": "3", "question": "红河村修了多少座石桥?", "answerable": False, "lang": "zh"},
]  # fmt: skip


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with two articles, a gold set and no index."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "bridge.md").write_text(f"# 石桥\n\n{BRIDGE}\n", encoding="utf-8")
    (tmp_path / "docs" / "school.txt").write_text(SCHOOL, encoding="utf-8")
    folder = tmp_path / "eval" / "gold"
    folder.mkdir(parents=True)
    write(folder / "mine.jsonl", GOLD)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LANG", "C.UTF-8")
    return tmp_path


@pytest.fixture
def rag(home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Rag:
    return in_this_process(capsys, monkeypatch)


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def figures(done: Done, name: str = "mine") -> dict[str, float]:
    found = json.loads(done.out)["sets"][name]["all"]["figures"]
    return {key: figure["value"] for key, figure in found.items()}


def test_without_arguments_the_sets_of_the_folder_are_asked_over_docs(rag: Rag, home: Path) -> None:
    done = rag("eval")
    assert done.code == 0
    assert done.err.splitlines()[0] == "there is no index yet; measuring over docs/"
    assert "| Answered right, with evidence | 1.000 [1.000, 1.000] |" in done.out
    assert "| rightly declined | 1 |" in done.out
    saved = sorted(path.suffix for path in (home / "eval" / "reports").iterdir())
    assert saved == [".html", ".json", ".md"]
    assert not (home / "index").exists()


def test_json_is_one_object_with_what_was_measured(rag: Rag) -> None:
    done = rag("eval", "--json", "--name", "first")
    shown = json.loads(done.out)
    assert figures(done)["accepted"] == 1.0
    assert figures(done)["rejection"] == 1.0
    assert figures(done)["recall@1"] == 1.0
    assert shown["name"] == "first"
    assert shown["fingerprint"]["documents"] == 2
    assert "server" not in shown["fingerprint"]["config"]
    assert shown["sets"]["mine"]["all"]["latency_ms"]["total"]["p95"] > 0


def test_the_index_is_used_where_there_is_one(rag: Rag) -> None:
    rag("index")
    assert "no index" not in rag("eval").err
    assert rag("eval", "--index", "elsewhere").code == 3


def test_a_comparison_names_the_flips(rag: Rag, home: Path) -> None:
    rag("eval", "--name", "before")
    (home / "rag.toml").write_text("[answering]\nthreshold = 1.0\n", encoding="utf-8")
    done = rag("eval", "--compare", "before")
    assert "before → " in done.out
    assert "| `answering.threshold` | 0.3 | 1.0 |" in done.out
    assert "- ✗ mine/1 蓝溪村修了多少座石桥?: 37座 → [low_confidence] (37座)" in done.out
    assert rag("eval", "--compare", "none").code == 2


def test_a_language_models_run_stands_beside_a_quoted_one(rag: Rag, home: Path) -> None:
    def writes(exchange: Exchange) -> None:
        asked = str(exchange.recorded.requests[-1]["messages"])
        english = "Green Hill School has 412 pupils [1]."
        chinese = "蓝溪村在2025年修了37座石桥[1]。村里还有99座塔[1]。"
        says(english if "pupils does" in asked else chinese)(exchange)

    quoted = figures(rag("eval", "--json", "--name", "quoted"))
    assert "gate_recall" not in quoted
    with serving(writes) as model:
        (home / "rag.toml").write_text(
            f'[generator]\nbackend = "openai"\nbase_url = "{model.url}"\nmodel = "tiny"\n',
            encoding="utf-8",
        )
        written = figures(rag("eval", "--json", "--name", "written"))
        done = rag("eval", "--compare", "quoted")
        assert len(model.recorded.requests) == 4  # no call for what is declined
    assert (quoted["citation_precision"], quoted["citation_recall"]) == (1.0, 1.0)
    assert (written["citation_precision"], written["citation_recall"]) == (0.75, 1.0)
    assert (written["gate_precision"], written["gate_recall"]) == (0.75, 0.75)
    assert "| Statements that the gate confirms | 0.750 " in done.out
    assert "| `generator.backend` | extractive | openai |" in done.out
    assert "| Citation precision | 1.000 | 0.750 |" in done.out


def test_a_missed_gate_is_code_1_and_a_held_one_0(rag: Rag, home: Path) -> None:
    (home / "gate.toml").write_text("[mine]\naccepted = 1.0\naurc = 0.0\n", encoding="utf-8")
    done = rag("eval", "--gate", "gate.toml")
    assert done.code == 1
    assert "gate missed: mine aurc is 0.111, wanted <= 0.0" in done.err
    (home / "gate.toml").write_text("[mine]\naccepted = 1.0\n[other]\nf1 = 1\n", encoding="utf-8")
    done = rag("eval", "--gate", "gate.toml")
    assert done.code == 0
    assert "[other] isn't checked" in done.err
    (home / "gate.toml").write_text("nonsense", encoding="utf-8")
    assert rag("eval", "--gate", "gate.toml").code == 2


def test_a_set_about_other_articles_is_left_out_unless_it_is_named(rag: Rag, home: Path) -> None:
    row = GOLD[0] | {"documents": ["news-1"], "evidence": []}
    write(home / "eval" / "gold" / "news.jsonl", [row])
    assert "news: left out" in rag("eval").err
    done = rag("eval", "eval/gold/news.jsonl", "--json")
    assert figures(done, "news")["accepted"] == 0.0
    assert "news: none of the articles it names is in this index" in done.err
    (home / "eval" / "gold" / "mine.jsonl").unlink()
    done = rag("eval")
    assert done.code == 2
    assert "no set of eval/gold is about the articles of this index" in done.err


def test_a_set_with_paragraphs_is_asked_among_the_articles_of_a_corpus(
    rag: Rag, home: Path
) -> None:
    row = {"id": "1", "paragraph_id": "p1", "context": "红河村修了52座石桥。",
           "question": "红河村修了多少座石桥?", "answers": ["52座"]}  # fmt: skip
    write(home / "set.jsonl", [row])
    write(home / "corpus.jsonl", [{"id": str(i), "text": f"第{i}村修了石桥。"} for i in range(30)])
    done = rag("eval", "set.jsonl", "--corpus", "corpus.jsonl", "--limit", "10", "--json")
    assert json.loads(done.out)["fingerprint"]["documents"] == 11
    assert figures(done, "set")["accepted"] == 1.0
    done = rag("eval", "set.jsonl", "--corpus", "corpus.jsonl", "--corpus", "docs", "--json")
    assert json.loads(done.out)["fingerprint"]["documents"] == 33
    assert rag("eval", "set.jsonl", "--corpus", "none").code == 2


def test_a_beir_folder_is_measured_by_what_is_found(rag: Rag, home: Path) -> None:
    folder = home / "beir"
    (folder / "qrels").mkdir(parents=True)
    write(folder / "corpus.jsonl", [{"_id": "a", "text": BRIDGE}, {"_id": "b", "text": SCHOOL}])
    write(folder / "queries.jsonl", [{"_id": "q", "text": "多少座石桥?"}])
    (folder / "qrels" / "test.tsv").write_text("q\ta\t1\n", encoding="utf-8")
    found = figures(rag("eval", "beir", "--json"), "beir")
    assert (found["recall@1"], found["ndcg@10"]) == (1.0, 1.0)
    assert "f1" not in found


def test_a_table_of_questions_and_answers_is_asked(rag: Rag, home: Path) -> None:
    (home / "mine.csv").write_text("问题,答案\n蓝溪村修了多少座石桥?,37座\n", encoding="gb18030")
    assert figures(rag("eval", "mine.csv", "--json"))["accepted"] == 1.0


def test_a_sample_of_the_questions_is_always_the_same(rag: Rag, home: Path) -> None:
    write(home / "many.jsonl", [GOLD[2] | {"id": str(i)} for i in range(50)])
    names = []
    for name in ("a", "b"):
        rag("eval", "many.jsonl", "--sample", "5", "--name", name)
        saved = json.loads((home / "eval" / "reports" / f"{name}.json").read_text("utf-8"))
        names.append([record["id"] for record in saved["records"]])
    assert names[0] == names[1]
    assert len(names[0]) == 5


def test_a_broken_set_is_code_2_with_line_and_cure_in_the_language(rag: Rag, home: Path) -> None:
    write(home / "bad.jsonl", [GOLD[0], {"id": "2", "question": "x", "answerable": True}])
    done = rag("eval", "bad.jsonl")
    assert (done.code, done.out) == (2, "")
    assert "bad.jsonl, line 2: is answerable but has no" in done.err
    assert "bad.jsonl 第 2 行：可回答，但没有" in rag("--lang", "zh", "eval", "bad.jsonl").err
    assert rag("eval", "none.jsonl").code == 2
    (home / "eval" / "gold" / "mine.jsonl").unlink()
    assert "rag eval init" in rag("eval").err


def test_two_sets_of_one_name_are_refused(rag: Rag) -> None:
    done = rag("eval", "eval/gold/mine.jsonl", "eval/gold/mine.jsonl")
    assert done.code == 2
    assert "two sets are called mine" in done.err


def test_a_question_that_is_refused_counts_as_declined(rag: Rag, home: Path) -> None:
    write(home / "long.jsonl", [GOLD[0] | {"question": "桥" * 3000}])
    done = rag("eval", "long.jsonl", "--json")
    assert done.code == 0
    assert figures(done, "long")["coverage"] == 0.0


def test_help_shows_the_options_and_the_subcommands(rag: Rag) -> None:
    shown = rag("eval", "--help").out
    for word in ("--gate FILE", "--compare RUN", "--corpus", "init", "tune"):
        assert word in shown


def test_the_sample_sets_hold_their_gate(rag: Rag) -> None:
    done = rag("eval", *SAMPLES, "--corpus", str(ROOT / "docs"), "--gate",
               str(ROOT / "eval" / "gate.toml"), "--json")  # fmt: skip
    assert done.code == 0, done.err
    shown = json.loads(done.out)
    assert all(check["held"] for check in shown["gate"])
    asked = shown["sets"]["all"]["all"]["questions"]
    assert asked >= 265


@pytest.mark.skipif(not (SHARED / "data").is_dir(), reason="no public data beside this checkout")
@pytest.mark.parametrize("name", ["cmrc2018_trial", "drcd_dev", "squad2_zh_dev", "xquad_zh"])
def test_a_public_set_is_asked_among_news_articles(rag: Rag, name: str) -> None:
    data = SHARED / "data"
    done = rag(
        "eval", str(data / f"{name}.jsonl.xz"), "--sample", "40", "--json",
        "--corpus", str(data / "news.jsonl.xz"), "--limit", "200",
    )  # fmt: skip
    assert done.code == 0, done.err
    found = figures(done, name)
    assert found["recall@5"] > 0.8
    assert found["f1"] > 0.1


# init and tune


def test_init_drafts_questions_that_the_articles_answer(rag: Rag, home: Path) -> None:
    rag("index")
    (home / "init").write_text("a file of that name doesn't matter", encoding="utf-8")
    done = rag("eval", "init", "--count", "5")
    assert (done.code, done.out) == (0, "")
    assert "2 drafts in eval/draft.jsonl" in done.err
    assert figures(rag("eval", "eval/draft.jsonl", "--json"), "draft")["accepted"] == 1.0
    done = rag("eval", "init")
    assert done.code == 2
    assert "already is such a file" in done.err


def test_init_without_an_index_is_code_3_and_without_sentences_1(rag: Rag, home: Path) -> None:
    assert rag("eval", "init").code == 3
    for path in (home / "docs").iterdir():
        path.unlink()
    (home / "docs" / "a.txt").write_text("村里的老人都说，桥修好以后方便多了。", encoding="utf-8")
    rag("index")
    done = rag("eval", "init")
    assert done.code == 1
    assert "write questions yourself" in done.err


def test_tune_writes_nothing_where_nothing_is_better(rag: Rag, home: Path) -> None:
    rows = [GOLD[i % 3] | {"id": str(i), "evidence": []} for i in range(60)]
    write(home / "many.jsonl", rows)
    done = rag("eval", "tune", "many.jsonl")
    assert done.code == 0
    assert "| answering.threshold | 0.3 | 0.3 |" in done.out
    assert "no better on unseen questions" in done.err
    assert not (home / "rag.toml").exists()


def test_tune_writes_a_threshold_that_is_better(rag: Rag, home: Path) -> None:
    (home / "rag.toml").write_text("[answering]\nthreshold = 1.0\n", encoding="utf-8")
    rows = [GOLD[i % 3] | {"id": str(i), "evidence": []} for i in range(60)]
    write(home / "many.jsonl", rows)
    assert "threshold = 1.0\n" in (home / "rag.toml").read_text("utf-8")
    assert rag("eval", "tune", "many.jsonl", "--dry-run").code == 0
    assert "threshold = 1.0\n" in (home / "rag.toml").read_text("utf-8")
    done = rag("eval", "tune", "many.jsonl")
    assert "written: rag.toml" in done.err
    assert "# rag eval tune on many: score" in (home / "rag.toml").read_text("utf-8")
    assert figures(rag("eval", "--json"))["accepted"] == 1.0


def test_tune_wants_enough_questions(rag: Rag) -> None:
    done = rag("eval", "tune", "eval/gold/mine.jsonl")
    assert done.code == 2
    assert "3 questions are too few" in done.err


def test_a_public_set_as_a_beir_folder_gives_the_same_figures(rag: Rag, home: Path) -> None:
    path = SHARED / "data" / "cmrc2018_trial.jsonl.xz"
    if not path.exists():
        pytest.skip("cmrc2018_trial.jsonl.xz is not beside this checkout")
    with lzma.open(path, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in islice(lines, 150)]
    write(home / "rows.jsonl", rows)
    folder = home / "cmrc"
    (folder / "qrels").mkdir(parents=True)
    paragraphs = {row["paragraph_id"]: row for row in rows}
    write(folder / "corpus.jsonl", [
        {"_id": identifier, "title": row["title"], "text": row["context"]}
        for identifier, row in paragraphs.items()
    ])  # fmt: skip
    write(folder / "queries.jsonl", [{"_id": row["id"], "text": row["question"]} for row in rows])
    judged = "".join(f"{row['id']}\t{row['paragraph_id']}\t1\n" for row in rows)
    (folder / "qrels" / "test.tsv").write_text(f"query-id\tcorpus-id\tscore\n{judged}")
    of_rows = figures(rag("eval", "rows.jsonl", "--json"), "rows")
    of_beir = figures(rag("eval", "cmrc", "--json"), "cmrc")
    measures = ("recall@1", "recall@5", "recall@20", "mrr@10", "ndcg@10")
    assert of_rows["recall@1"] > 0.9
    assert [of_beir[name] for name in measures] == [of_rows[name] for name in measures]
