"""The whole product over a Milvus server: settings, command line and a server that follows."""

from __future__ import annotations

import json
import secrets
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from rag.assembly import LiveAssistant, backend_of, embedder_of
from rag.cli.base import cli
from rag.config import IndexSettings, Settings, StoreSettings, load_settings
from rag.errors import ConfigError, IndexUnusableError, RagError
from tests.stores.milvus_lite import HOST, free_port

BRIDGE = "蓝溪村在2025年修了37座石桥。村里的老人说，桥修好以后，孩子上学近了一半。"
SCHOOL = "Green Hill School has 412 pupils, and 96 of them live in the school."
QUESTION = "蓝溪村修了多少座石桥?"
Run = Callable[..., Result]


@pytest.fixture
def rag(milvus: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command in a folder with two articles, the index being on the server."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "bridge.md").write_text(f"# 石桥\n\n{BRIDGE}\n", encoding="utf-8")
    (tmp_path / "docs" / "school.txt").write_text(SCHOOL, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RAG_STORE__BACKEND", "milvus")
    monkeypatch.setenv("RAG_STORE__URI", milvus)
    monkeypatch.setenv("RAG_STORE__COLLECTION", f"t{secrets.token_hex(4)}")
    monkeypatch.setenv("RAG_SERVER__PORT", "0")

    def run(*arguments: str, lang: str = "en") -> Result:
        return CliRunner().invoke(cli, ["--lang", lang, *arguments], standalone_mode=False)

    return run


def printed(result: Result) -> str:
    assert result.exception is None, result.exception
    return result.output


def test_articles_are_indexed_asked_listed_and_removed(rag: Run) -> None:
    assert "2 articles, 2 passages in http://127.0.0.1" in printed(rag("index"))
    assert "2 unchanged" in printed(rag("index"))
    answer = json.loads(printed(rag("ask", QUESTION, "--json")))
    assert answer["short_answer"] == "37座"
    (citation,) = answer["citations"]
    assert citation["quote"] in BRIDGE
    assert BRIDGE in printed(rag("documents", "show", citation["document_id"]))
    printed(rag("documents", "remove", citation["document_id"]))
    assert "石桥" not in printed(rag("documents", "list"))
    assert not Path("index/CURRENT").exists()


def test_doctor_names_the_server_and_what_is_in_it(rag: Run) -> None:
    printed(rag("index"))
    said = printed(rag("doctor"))
    assert "✓ Milvus " in said
    assert "2 articles, 2 passages" in said
    assert "✗" not in said


def test_doctor_names_a_server_that_is_away(rag: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAG_STORE__URI", f"http://{HOST}:{free_port()}")
    result = rag("doctor", lang="zh")
    assert result.return_value == 1
    assert "✗ http://127.0.0.1" in result.output
    assert "Milvus 服务没有应答" in result.output


@pytest.mark.parametrize("command", ["backup", "restore", "bundle"])
def test_what_copies_a_folder_says_that_there_is_none(rag: Run, command: str) -> None:
    result = rag(command, "file.tar")
    assert isinstance(result.exception, ConfigError)
    assert f"rag {command} works on a local index" in result.exception.en
    assert "只适用于本地索引" in result.exception.zh
    assert not Path("file.tar").exists()


def test_a_server_that_is_away_ends_a_question_with_one_sentence(
    rag: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAG_STORE__URI", f"http://{HOST}:{free_port()}")
    result = rag("ask", QUESTION)
    assert isinstance(result.exception, IndexUnusableError)
    assert result.exception.exit_code == 3
    assert "mend store.uri" in result.exception.en


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("STORE__TOKEN_ENV", "NO_SUCH_TOKEN", r"store\.token_env='NO_SUCH_TOKEN'"),
        ("CHUNKING__SIZE", "4000", r"chunking\.size=4000 is more than Milvus keeps"),
    ],
)
def test_settings_that_cannot_work_are_named(
    rag: Run, monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(f"RAG_{name}", value)
    with pytest.raises(ConfigError, match=said):
        backend_of(load_settings(), embedder_of(Settings()))


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("URI", "http://root:secret@127.0.0.1:1", "use store.token_env"),
        ("URI", "milvus.db", "an address such as"),
        ("COLLECTION", "a-b", "store.collection"),
        ("BACKEND", "faiss", "store.backend"),
    ],
)
def test_wrong_settings_are_refused_without_showing_a_secret(
    monkeypatch: pytest.MonkeyPatch, key: str, value: str, said: str
) -> None:
    monkeypatch.setenv(f"RAG_STORE__{key}", value)
    with pytest.raises(ConfigError) as error:
        load_settings()
    assert said in error.value.en
    assert "secret" not in error.value.en + error.value.zh


def test_a_running_server_follows_an_update(rag: Run, milvus: str) -> None:
    printed(rag("index"))
    live = LiveAssistant(load_settings())
    before = live.get().ask("Green Hill School has how many pupils?")
    assert before.short_answer is not None
    Path("docs/gate.md").write_text("# 城门\n\n白鹭县的城门高19米。\n", encoding="utf-8")
    printed(rag("index"))
    live.refresh()
    assert live.get().ask("白鹭县的城门高多少米?").short_answer == "19米"
    live.stop()


def test_the_package_is_named_where_it_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pymilvus", None)
    settings = Settings(index=IndexSettings(dir=tmp_path), store=StoreSettings(backend="milvus"))
    with pytest.raises(RagError, match=r'pip install "wenyuan\[milvus\]"'):
        backend_of(settings, embedder_of(settings)).open()
