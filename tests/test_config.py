"""Settings from defaults, a file and the environment."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from rag.config import load_settings, setting_names, settings_table, written
from rag.errors import ConfigError


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(text: str, name: str = "rag.toml") -> Path:
    path = Path(name)
    path.write_text(text, encoding="utf-8")
    return path


def refusal(path: Path | None = None) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load_settings(path)
    assert caught.value.exit_code == 2
    assert caught.value.zh != caught.value.en
    return caught.value


def test_without_a_file_the_defaults_hold() -> None:
    settings = load_settings()
    assert settings.index.dir == Path("index")
    assert (settings.chunking.size, settings.chunking.overlap) == (400, 80)
    assert settings.embedding.model == "default"
    assert settings.retrieval.top_k == 8
    assert settings.generator.backend == "extractive"
    assert (settings.server.host, settings.server.port) == ("127.0.0.1", 7860)
    assert settings.server.public is False


def test_rag_toml_in_the_working_folder_is_read_by_itself() -> None:
    write('[index]\ndir = "书架"\n[chunking]\nsize = 300\n')
    settings = load_settings()
    assert settings.index.dir == Path("书架")
    assert (settings.chunking.size, settings.chunking.overlap) == (300, 80)


def test_a_named_file_is_read_in_place_of_rag_toml() -> None:
    write("[chunking]\nsize = 300\n")
    other = write("[chunking]\noverlap = 7\n", "other.toml")
    assert load_settings(other).chunking.size == 400
    assert load_settings(other).chunking.overlap == 7


def test_a_named_file_leaves_no_trace_in_the_next_reading() -> None:
    load_settings(write("[chunking]\nsize = 300\n", "other.toml"))
    assert load_settings().chunking.size == 400


def test_an_empty_file_is_as_good_as_none() -> None:
    write("")
    assert load_settings() == load_settings(write("# nothing\n", "other.toml"))


def test_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    write("[chunking]\nsize = 300\noverlap = 7\n")
    monkeypatch.setenv("RAG_CHUNKING__SIZE", "500")
    settings = load_settings()
    assert (settings.chunking.size, settings.chunking.overlap) == (500, 7)


def test_every_setting_can_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, default, _ in setting_names():
        monkeypatch.setenv(f"RAG_{name.replace('.', '__').upper()}", written(default))
    with_environment = load_settings()
    for name, _, _ in setting_names():
        monkeypatch.delenv(f"RAG_{name.replace('.', '__').upper()}")
    assert with_environment == load_settings()


def test_other_variables_of_the_environment_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAG_OWN_SCRIPT", "1")
    monkeypatch.setenv("RAGTIME__SIZE", "1")
    assert load_settings().chunking.size == 400


def test_settings_cannot_be_changed() -> None:
    settings = load_settings()
    with pytest.raises(ValidationError):
        settings.chunking.size = 5


@pytest.mark.parametrize(
    ("toml", "wrong", "right"),
    [
        ("[chunking]\nsise = 300\n", "chunking.sise", "chunking.size"),
        ("[retrieval]\ntopk = 3\n", "retrieval.topk", "retrieval.top_k"),
        ("[chunk]\nsize = 300\n", "chunk", "chunking.size"),
        ('[server]\nhots = "::"\n', "server.hots", "server.host"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_right_name(
    toml: str, wrong: str, right: str
) -> None:
    write(toml)
    error = refusal()
    assert error.en == f"rag.toml: there is no setting {wrong}; did you mean {right}?"
    assert error.zh == f"rag.toml：没有设置项 {wrong}，是否想写 {right}？"


def test_a_password_in_the_place_of_a_name_is_not_repeated() -> None:
    write('"http://reader:geheim@db"=1\n')
    error = refusal()
    assert "there is no setting http://...@db;" in error.en
    assert "geheim" not in error.en + error.zh


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("RAG_CHUNKING__SISE", "RAG_CHUNKING__SIZE"),
        ("RAG_SERVE__PORT", "RAG_SERVER__PORT"),
        ("RAG_RETRIEVAL__TOPK", "RAG_RETRIEVAL__TOP_K"),
        ("RAG_CHUNKING", "RAG_CHUNKING__SIZE"),
    ],
)
def test_an_unknown_variable_is_refused_with_the_nearest_right_name(
    wrong: str, right: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(wrong, "1")
    assert refusal().en == f"{wrong}: there is no such setting; did you mean {right}?"


@pytest.mark.parametrize("overlap", [300, 301])
def test_an_overlap_as_large_as_the_size_is_refused_with_both_values(overlap: int) -> None:
    write(f"[chunking]\nsize = 300\noverlap = {overlap}\n")
    message = refusal().en
    assert f"overlap={overlap} must be smaller than size=300; set chunking.overlap" in message
    assert "rag.toml" in message


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("[chunking]\nsize = 10\n", "chunking.size=10: "),
        ('[chunking]\nsize = "many"\n', "chunking.size='many': "),
        ("[retrieval]\ntop_k = 0\n", "retrieval.top_k=0: "),
        ("[server]\nport = 65536\n", "server.port=65536: "),
        ("[answering]\nthreshold = 1.5\n", "answering.threshold=1.5: "),
        ("[loading]\ntimeout_s = 0\n", "loading.timeout_s=0: "),
        ('[generator]\nbackend = ""\n', "generator.backend='': "),
        ('[generator]\nbase_url = "ollama"\n', "generator.base_url='ollama': "),
        ("[generator]\ncontext_tokens = 100\n", "generator.context_tokens=100: "),
        ('[embedding]\nmodel = ""\n', "embedding.model='': "),
        ("chunking = 5\n", "chunking=5: "),
    ],
)
def test_a_value_out_of_range_is_refused_with_its_name_and_value(toml: str, said: str) -> None:
    write(toml)
    assert refusal().en.startswith(said)


def test_a_key_in_an_address_is_refused_and_not_repeated() -> None:
    write('[generator]\nbase_url = "https://me:sk-123@llm.local/v1"\n')
    message = refusal()
    assert message.en.startswith("generator.base_url: keys don't belong into the address")
    assert "sk-123" not in message.en + message.zh


def test_an_answer_as_long_as_the_context_is_refused() -> None:
    write("[generator]\ncontext_tokens = 1024\nmax_tokens = 1000\n")
    assert "max_tokens=1000 leaves no room for passages in context_tokens=1024" in refusal().en


def test_a_value_from_the_environment_is_checked_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAG_SERVER__PORT", "none")
    assert refusal().en.startswith("server.port='none': ")


@pytest.mark.parametrize("content", [b"[chunking\nsize = 300\n", b"size 300", b"a = '\xff'\n"])
def test_what_is_no_toml_is_refused_with_the_name_of_the_file(content: bytes) -> None:
    Path("rag.toml").write_bytes(content)
    assert refusal().en.startswith("rag.toml: not readable as TOML (")


def test_a_missing_file_that_was_asked_for_is_refused() -> None:
    assert refusal(Path("gone.toml")).en == (
        "gone.toml: there is no such configuration file; check --config"
    )


def test_a_folder_is_no_configuration_file(tmp_path: Path) -> None:
    assert "there is no such configuration file" in refusal(tmp_path).en


def test_the_table_has_each_setting_exactly_once_with_its_default_and_meaning() -> None:
    names = [name for name, _, _ in setting_names()]
    assert len(names) == len(set(names))
    lines = settings_table().splitlines()
    assert lines[:2] == ["| setting | default | meaning |", "| --- | --- | --- |"]
    assert [line.split("`")[1] for line in lines[2:]] == names
    assert "| `chunking.size` | `400` | characters of a passage, at most |" in lines
    assert "| `server.public` | `false` | allow an address that other machines can reach |" in lines


def test_every_setting_has_a_meaning() -> None:
    assert [name for name, _, meaning in setting_names() if not meaning] == []


def test_the_settings_that_other_machines_rely_on_are_there() -> None:
    fixed = {
        "index.dir",
        "chunking.size",
        "chunking.overlap",
        "embedding.model",
        "retrieval.top_k",
        "answering.threshold",
        "generator.backend",
        "generator.base_url",
        "generator.model",
        "generator.api_key_env",
        "generator.timeout_s",
        "server.host",
        "server.port",
        "server.public",
    }
    assert fixed <= {name for name, _, _ in setting_names()}
