"""The command line: what it prints where, and the code it ends with."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from rag.assistant import MAX_QUESTION
from rag.cli import main
from rag.cli.indexing import interruptible
from tests.command import Done, Rag, in_this_process

BRIDGE = "蓝溪村在2025年修了37座石桥。村里的老人说，桥修好以后，孩子上学近了一半。"
SCHOOL = "Green Hill School has 412 pupils, and 96 of them live in the school."
QUESTION = "蓝溪村修了多少座石桥?"
KEYS = {
    "question", "query", "answered", "answer", "short_answer", "confidence", "reason",
    "citations", "hits", "generator", "timings_ms",
}  # fmt: skip
CITATION = {
    "marker", "document_id", "title", "date", "source", "page", "start", "end", "quote",
}  # fmt: skip
HIT = {
    "rank", "document_id", "chunk_id", "title", "source", "start", "end", "text", "score",
    "lexical_rank", "dense_rank",
}  # fmt: skip


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two articles in docs/ and their index, to copy from."""
    folder = tmp_path_factory.mktemp("built")
    docs = folder / "docs"
    docs.mkdir()
    (docs / "bridge.md").write_text(f"# 石桥\n\n{BRIDGE}\n", encoding="utf-8")
    (docs / "school.txt").write_text(SCHOOL, encoding="utf-8")
    with pytest.raises(SystemExit):
        main(["index", str(docs), "--index", str(folder / "index")])
    return folder


@pytest.fixture
def home(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with two articles in docs/, no index and English messages."""
    shutil.copytree(built / "docs", tmp_path / "docs")
    monkeypatch.chdir(tmp_path)
    for name in ("LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "C.UTF-8")
    return tmp_path


@pytest.fixture
def indexed(built: Path, home: Path) -> None:
    """The working folder has the index of its articles."""
    shutil.copytree(built / "index", home / "index")


@pytest.fixture
def rag(home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Rag:
    return in_this_process(capsys, monkeypatch)


def process(*arguments: str | bytes, home: Path, **options: Any) -> subprocess.Popen[bytes]:
    """The command line as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "rag", *arguments],
        cwd=home,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **options,
    )


def finished(running: subprocess.Popen[bytes], given: bytes | None = None) -> Done:
    out, err = running.communicate(given, timeout=60)
    done = Done(running.returncode, out.decode(), err.decode())
    assert "Traceback" not in done.err
    return done


def citation(done: Done) -> dict[str, Any]:
    (first,) = json.loads(done.out)["citations"]
    assert isinstance(first, dict)
    return first


# index


def test_index_reports_on_standard_error_and_prints_nothing(rag: Rag) -> None:
    done = rag("index")
    assert (done.code, done.out) == (0, "")
    assert done.err.splitlines() == [
        "files: 2 added, 0 changed, 0 unchanged, 0 removed, 0 problems",
        "index: 2 articles, 2 passages in index",
    ]


def test_index_again_says_that_nothing_changed(rag: Rag) -> None:
    rag("index")
    done = rag("index")
    assert done.code == 0
    assert done.sentence == "files: 0 added, 0 changed, 2 unchanged, 0 removed, 0 problems"


def test_index_takes_files_folders_globs_and_an_index_folder(rag: Rag, home: Path) -> None:
    done = rag("index", "docs/bridge.md", "docs/*.txt", "--index", "elsewhere/deep")
    assert done.code == 0
    assert "2 added" in done.err
    assert (home / "elsewhere" / "deep" / "CURRENT").is_file()
    assert not (home / "index").exists()


def test_a_broken_file_among_good_ones_is_named_and_the_rest_is_indexed(
    rag: Rag, home: Path
) -> None:
    (home / "docs" / "broken.pdf").write_bytes(b"%PDF-1.7\nno pdf at all")
    done = rag("index")
    assert (done.code, done.out) == (1, "")
    problem, counts, _ = done.err.splitlines()
    assert "docs/broken.pdf" in problem
    assert "2 added" in counts
    assert "1 problems" in counts
    assert rag("ask", QUESTION).code == 0


@pytest.mark.usefixtures("indexed")
def test_prune_removes_what_is_gone_and_only_then(rag: Rag, home: Path) -> None:
    (home / "docs" / "school.txt").unlink()
    assert "0 removed" in rag("index").err
    assert "school.txt" in rag("documents", "list").out
    assert "1 removed" in rag("index", "--prune").err
    assert "school.txt" not in rag("documents", "list").out


@pytest.mark.usefixtures("indexed")
def test_rebuild_starts_from_nothing(rag: Rag) -> None:
    assert "2 added" in rag("index", "--rebuild").err


def test_a_mistyped_path_fails_and_makes_no_index(rag: Rag) -> None:
    done = rag("index", "dosc")
    assert (done.code, done.out) == (1, "")
    assert "dosc" in done.err.splitlines()[0]
    assert rag("ask", QUESTION).code == 3


def test_a_folder_that_cannot_be_made_is_one_sentence(rag: Rag, home: Path) -> None:
    (home / "file").write_text("", encoding="utf-8")
    done = rag("index", "--index", "file")
    assert (done.code, done.out) == (1, "")
    assert "could not be written" in done.sentence


# ask


@pytest.mark.usefixtures("indexed")
def test_ask_shows_the_short_answer_the_quotation_and_its_place(rag: Rag) -> None:
    done = rag("ask", QUESTION)
    assert (done.code, done.err) == (0, "")
    first, second = done.out.splitlines()
    assert first.startswith("37座")
    assert "蓝溪村在2025年修了37座石桥。" in first
    assert "docs/bridge.md:" in second
    quoted = citation(rag("ask", QUESTION, "--json"))
    assert f"docs/bridge.md:{quoted['start']}-{quoted['end']}" in second


@pytest.mark.usefixtures("indexed")
def test_ask_json_prints_one_line_with_the_documented_keys(rag: Rag) -> None:
    done = rag("ask", QUESTION, "--json")
    assert (done.code, done.err) == (0, "")
    assert done.out.count("\n") == 1
    answer = json.loads(done.out)
    assert answer.keys() >= KEYS
    assert answer["answered"] is True
    assert answer["short_answer"] == "37座"
    assert answer["reason"] is None
    assert 0 <= answer["confidence"] <= 1
    quoted = citation(done)
    assert quoted.keys() >= CITATION
    assert quoted["quote"] == "蓝溪村在2025年修了37座石桥。"
    assert all(hit.keys() >= HIT for hit in answer["hits"])
    assert [hit["rank"] for hit in answer["hits"]] == [*range(1, len(answer["hits"]) + 1)]


@pytest.mark.usefixtures("indexed")
def test_a_quotation_is_the_article_between_its_offsets(rag: Rag) -> None:
    quoted = citation(rag("ask", QUESTION, "--json"))
    shown = rag("documents", "show", quoted["document_id"]).out
    text = shown.split("\n", 3)[3]
    assert text[quoted["start"] : quoted["end"]] == quoted["quote"]


@pytest.mark.usefixtures("indexed")
def test_a_declined_question_is_no_failure_and_shows_the_nearest_passages(rag: Rag) -> None:
    answer = json.loads(rag("ask", "双流区修了多少座石桥?", "--json").out)
    assert answer["answered"] is False
    assert answer["short_answer"] is None
    assert answer["reason"]
    assert answer["citations"] == []
    done = rag("ask", "双流区修了多少座石桥?")
    assert (done.code, done.err) == (0, "")
    assert "双流区" in done.out
    assert "docs/bridge.md" in done.out


@pytest.mark.usefixtures("indexed")
def test_ask_dash_answers_line_by_line(rag: Rag, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = f"{QUESTION}\n\n  \nHow many pupils has Green Hill School?\n"
    monkeypatch.setattr(sys, "stdin", io.StringIO(lines))
    done = rag("ask", "-")
    assert (done.code, done.err) == (0, "")
    bridge, school = map(json.loads, done.out.splitlines())
    assert (bridge["question"], bridge["short_answer"]) == (QUESTION, "37座")
    assert "412" in school["short_answer"]


@pytest.mark.usefixtures("indexed")
def test_an_over_long_question_is_an_error_line_and_the_others_are_answered(
    rag: Rag, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = "桥" * (MAX_QUESTION + 1)
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{long}\n{QUESTION}\n"))
    done = rag("ask", "-")
    assert (done.code, done.err) == (1, "")
    error, answer = map(json.loads, done.out.splitlines())
    assert error["question"] == long
    assert str(MAX_QUESTION) in error["error"]
    assert answer["short_answer"] == "37座"


@pytest.mark.usefixtures("indexed")
def test_an_over_long_question_alone_fails_with_a_sentence(rag: Rag) -> None:
    done = rag("ask", "桥" * (MAX_QUESTION + 1), "--json")
    assert (done.code, done.out) == (1, "")
    assert "shorten it" in done.sentence


@pytest.mark.usefixtures("indexed")
@pytest.mark.parametrize("question", ["", "   ", "?!。", "的", "\x00", "😀", "a\nb"])
def test_a_question_that_asks_nothing_is_answered_with_a_sentence(rag: Rag, question: str) -> None:
    done = rag("ask", question)
    assert (done.code, done.err) == (0, "")
    assert done.out.strip()


@pytest.mark.usefixtures("indexed")
def test_a_large_index_is_arranged_after_the_update_is_there(
    rag: Rag, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.stores.compaction.BASE_FROM", 2)
    (home / "docs" / "third.md").write_text("# 渡槽\n\n第三座渡槽长417米。", encoding="utf-8")
    done = rag("index")
    assert (done.code, done.out) == (0, "")
    lines = done.err.strip().splitlines()
    assert "index: 3 articles" in lines[-2]
    assert "is now being arranged for its size" in lines[-1]
    assert len(list(home.glob("index/generations/*/base/vectors.faiss"))) == 1
    assert "417米" in rag("ask", "第三座渡槽长多少米?").out
    assert "arranged" not in rag("index").err
    assert rag("doctor").code == 0


@pytest.mark.usefixtures("indexed")
def test_bytes_that_are_no_text_are_asked_as_well_as_they_can(rag: Rag, home: Path) -> None:
    broken = b"\xff" + QUESTION.encode()
    alone = finished(process("ask", broken, "--json", home=home))
    assert (alone.code, alone.err) == (0, "")
    assert json.loads(alone.out)["short_answer"] == "37座"
    running = process("ask", "-", home=home, stdin=subprocess.PIPE)
    lines = finished(running, broken + b"\n\xfe\n")
    assert (lines.code, lines.err) == (0, "")
    assert json.loads(lines.out.splitlines()[0])["short_answer"] == "37座"


@pytest.mark.usefixtures("indexed")
def test_a_terminal_without_chinese_gets_escapes_instead_of_a_failure(rag: Rag, home: Path) -> None:
    western = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    done = finished(process("ask", QUESTION, "--json", home=home, env=western))
    assert (done.code, done.err) == (0, "")
    assert done.out.isascii()
    assert json.loads(done.out)["short_answer"] == "37座"


# no usable index


@pytest.mark.parametrize(
    "command",
    [["ask", QUESTION], ["ask", "-"], ["documents", "list"], ["documents", "show", "x"],
     ["documents", "remove", "x"]],
)  # fmt: skip
def test_without_an_index_the_code_is_3_and_one_sentence_says_how_to_build_one(
    rag: Rag, home: Path, command: list[str]
) -> None:
    done = rag(*command)
    assert (done.code, done.out) == (3, "")
    assert "rag index" in done.sentence
    assert not (home / "index").exists()


def test_serve_without_an_index_or_articles_is_code_3(rag: Rag, home: Path) -> None:
    shutil.rmtree(home / "docs")
    done = rag("serve", "--port", "0")
    assert (done.code, done.out) == (3, "")
    assert "rag index" in done.sentence


@pytest.mark.usefixtures("indexed")
@pytest.mark.parametrize("pattern", ["CURRENT", "manifest.json", "documents.sqlite", "*.faiss"])
def test_a_damaged_index_is_code_3_and_is_named(rag: Rag, home: Path, pattern: str) -> None:
    (file,) = (home / "index").rglob(pattern)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0xFF
    file.write_bytes(data)
    done = rag("ask", QUESTION)
    assert (done.code, done.out) == (3, "")
    assert "rag index --rebuild" in done.sentence
    assert rag("index", "--rebuild").code == 0
    assert rag("ask", QUESTION).out.startswith("37座")


@pytest.mark.usefixtures("indexed")
def test_an_index_of_another_model_is_code_3(
    rag: Rag, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.assembly.stores.ANALYSER_VERSION", "another")
    done = rag("ask", QUESTION)
    assert (done.code, done.out) == (3, "")
    assert "another" in done.sentence
    assert rag("documents", "remove", "x").code == 3
    assert "2 added" in rag("index").err


# wrong usage


@pytest.mark.parametrize(
    "arguments",
    [["ask"], ["ask", "a", "b"], ["ask", "--wrong", "a"], ["nonsense"], ["--lang", "fr", "ask"],
     ["index", "--index"], ["serve", "--port", "70000"], ["documents", "show"], []],
)  # fmt: skip
def test_wrong_usage_is_code_2_and_prints_nothing(rag: Rag, arguments: list[str]) -> None:
    done = rag(*arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err


def test_help_and_version_are_results(rag: Rag) -> None:
    for arguments in (["--help"], ["ask", "--help"], ["--version"]):
        done = rag(*arguments)
        assert (done.code, done.err) == (0, "")
        assert done.out


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("[chunking]\nsiez = 3\n", "chunking.size"),
        ("[chunking]\nsize = 3\n", "chunking.size"),
        ("[chunking]\nsize = 100\noverlap = 100\n", "overlap"),
        ("this is no toml", "rag.toml"),
        ("[nonsense]\nx = 1\n", "nonsense"),
    ],
)
def test_a_wrong_setting_is_code_2_and_one_sentence(
    rag: Rag, home: Path, content: str, says: str
) -> None:
    (home / "rag.toml").write_text(content, encoding="utf-8")
    done = rag("ask", QUESTION)
    assert (done.code, done.out) == (2, "")
    assert says in done.sentence


def test_a_settings_file_that_is_not_there_is_code_2(rag: Rag) -> None:
    done = rag("--config", "other.toml", "ask", QUESTION)
    assert done.code == 2
    assert "other.toml" in done.sentence


def test_the_settings_file_is_used_and_an_option_wins_over_it(rag: Rag, home: Path) -> None:
    (home / "rag.toml").write_text('[index]\ndir = "from-file"\n', encoding="utf-8")
    rag("index")
    assert (home / "from-file" / "CURRENT").is_file()
    rag("index", "--index", "from-option")
    assert (home / "from-option" / "CURRENT").is_file()


def test_an_unknown_model_is_code_2(rag: Rag, home: Path) -> None:
    (home / "rag.toml").write_text('[embedding]\nmodel = "./no-such-model"\n', encoding="utf-8")
    done = rag("index")
    assert (done.code, done.out) == (2, "")
    assert "no-such-model" in done.sentence


# language


@pytest.mark.parametrize(
    ("options", "environment", "word"),
    [
        (["--lang", "zh"], {}, "新增 2"),
        (["--lang", "en"], {"LANG": "zh_CN.UTF-8"}, "2 added"),
        ([], {"LANG": "zh_CN.UTF-8"}, "新增 2"),
        ([], {"LANG": "zh_TW.UTF-8"}, "新增 2"),
        ([], {"LANG": "en_US.UTF-8"}, "2 added"),
        ([], {"LANG": ""}, "2 added"),
        ([], {"LANG": "zh_CN.UTF-8", "LC_ALL": "en_US.UTF-8"}, "2 added"),
        ([], {"LANG": "en_US.UTF-8", "LC_MESSAGES": "zh_CN.UTF-8"}, "新增 2"),
    ],
)
def test_messages_are_in_the_language_asked_for_or_the_systems(
    rag: Rag,
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    environment: dict[str, str],
    word: str,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert word in rag(*options, "index").err


def test_errors_are_in_the_language_too(rag: Rag) -> None:
    done = rag("--lang", "zh", "ask", QUESTION)
    assert done.code == 3
    assert "还没有索引" in done.sentence


# documents


@pytest.mark.usefixtures("indexed")
def test_documents_list_shows_every_article_with_its_id(rag: Rag) -> None:
    done = rag("documents", "list")
    assert (done.code, done.err) == (0, "")
    bridge = done.out.splitlines()[0]
    assert "docs/bridge.md" in bridge
    assert "石桥" in bridge
    rows = [json.loads(line) for line in rag("documents", "list", "--json").out.splitlines()]
    assert [row["source"] for row in rows] == ["docs/bridge.md", "docs/school.txt"]
    assert bridge.split()[0] == rows[0]["document_id"]
    assert all(row["chunks"] == 1 for row in rows)


@pytest.mark.usefixtures("indexed")
def test_documents_remove_takes_an_article_out_of_the_answers(rag: Rag, home: Path) -> None:
    document_id = rag("documents", "list").out.split()[0]
    done = rag("documents", "remove", document_id)
    assert (done.code, done.out) == (0, "")
    assert document_id in done.sentence
    assert (home / "docs" / "bridge.md").is_file()
    assert document_id not in rag("documents", "list").out
    assert "37" not in rag("ask", QUESTION).out
    assert rag("documents", "remove", document_id).code == 1


@pytest.mark.usefixtures("indexed")
@pytest.mark.parametrize("command", ["show", "remove"])
def test_an_unknown_id_is_code_1_and_changes_nothing(rag: Rag, home: Path, command: str) -> None:
    before = (home / "index" / "CURRENT").read_bytes()
    done = rag("documents", command, "no-such-id")
    assert (done.code, done.out) == (1, "")
    assert "no-such-id" in done.sentence
    assert (home / "index" / "CURRENT").read_bytes() == before


# a process of its own


@pytest.mark.usefixtures("indexed")
def test_a_reader_that_has_gone_is_no_failure(rag: Rag, home: Path) -> None:
    running = process("ask", "-", home=home, stdin=subprocess.PIPE)
    assert running.stdin is not None
    assert running.stdout is not None
    running.stdin.write(f"{QUESTION}\n".encode() * 300)
    running.stdin.flush()
    assert b"37" in running.stdout.readline()
    running.stdout.close()
    assert running.stderr is not None
    running.stdin.close()
    assert running.stderr.read() == b""
    assert running.wait(timeout=60) == 0
    running.stderr.close()


class _Finalised:
    """Presses Ctrl-C where Python drops it."""

    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(1000):  # the handler runs between two of these steps
            pass


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_ctrl_c_that_python_drops_ends_the_work_at_its_next_step() -> None:
    with interruptible() as check:
        check()
        _Finalised()
        with pytest.raises(KeyboardInterrupt):
            check()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.usefixtures("indexed")
def test_ctrl_c_during_a_build_leaves_the_old_index_answering(rag: Rag, home: Path) -> None:
    before = (home / "index" / "CURRENT").read_bytes()
    with (home / "docs" / "news.jsonl").open("w", encoding="utf-8") as file:
        for i in range(40_000):
            text = f"第{i}期：青山镇的集市有{i}个摊位，卖竹编、豆腐和茶叶。" * 5
            file.write(json.dumps({"id": str(i), "text": text}, ensure_ascii=False) + "\n")
    running = process("index", home=home)
    generations = home / "index" / "generations"
    give_up = time.monotonic() + 30
    while len(list(generations.iterdir())) < 2:  # the next generation is being built
        assert time.monotonic() < give_up
        assert running.poll() is None
        time.sleep(0.02)
    time.sleep(1)
    running.send_signal(signal.SIGINT)
    done = finished(running)
    assert (done.code, done.out) == (1, "")
    assert done.sentence == "stopped; the index is as it was"
    assert (home / "index" / "CURRENT").read_bytes() == before
    assert len(list(generations.iterdir())) == 1
    assert rag("ask", QUESTION).out.startswith("37座")


def test_the_installed_command_is_this_one(home: Path) -> None:
    command = Path(sys.executable).with_name("rag")
    if not command.exists():
        pytest.skip("the package isn't installed; run: pip install -e .")
    done = subprocess.run([command, "ask", "x"], cwd=home, capture_output=True, check=False)
    assert done.returncode == 3
    assert done.stdout == b""
