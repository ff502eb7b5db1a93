"""`rag models pull`: fetches what is opened here, and says what to do when it can't."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import NoReturn

import pytest
from huggingface_hub import constants

from rag.cli.base import cli
from rag.errors import ModelError, RagError, StorageError
from rag.hub import cached_names, local_folder
from rag.hub.fetch import fetch, needed
from tests.command import Rag, in_this_process
from tests.hub.fake_hub import serving

NAME = "some/tiny"
FILES = {
    "config.json": '{"architectures": ["BertModel"]}',
    "model.safetensors": "weights",
    "pytorch_model.bin": "the same weights",
    "onnx/model.onnx": "the same weights",
    "1_Pooling/config.json": "{}",
}


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    folder = tmp_path / "remote"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(autouse=True)
def online(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hub's client may ask 127.0.0.1, and has a cache of its own."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # nobody listens there


@pytest.fixture
def rag(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Rag:
    return in_this_process(capsys, monkeypatch)


def test_a_model_is_fetched_into_the_cache_and_found_there(
    remote: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving({NAME: remote}) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        folder = fetch(NAME)
        fetched = set(hub.fetched)
    assert fetched == {"config.json", "model.safetensors", "1_Pooling/config.json"}
    assert local_folder(NAME) == folder
    assert list(cached_names()) == [NAME]
    assert (folder / "model.safetensors").read_text(encoding="utf-8") == "weights"


def test_a_model_is_fetched_into_a_folder_and_the_next_step_is_said(
    remote: Path, tmp_path: Path, rag: Rag, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving({NAME: remote}) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        done = rag("--lang", "en", "models", "pull", NAME, "--to", str(tmp_path / "own"))
    assert done.code == 0
    assert done.out.strip() == str(tmp_path / "own")
    assert f"rag models use {tmp_path / 'own'}" in done.err
    assert (tmp_path / "own" / "model.safetensors").is_file()
    assert not (tmp_path / "own" / "pytorch_model.bin").exists()


@pytest.mark.parametrize(
    ("name", "kind", "said"),
    [
        ("nobody/none", ModelError, "There is no model 'nobody/none'"),
        ("no such name", ModelError, "There is no model 'no such name'"),
        ("big/gated", ModelError, "accept them on its page"),
        ("big/broken", RagError, "HTTP 500"),
    ],
)
def test_a_refusal_is_one_sentence_with_its_cure(
    name: str, kind: type[RagError], said: str, remote: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving({"big/gated": remote}) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        with pytest.raises(RagError, match=said) as refused:
            fetch(name)
    assert type(refused.value) is kind
    for sentence in (refused.value.en, refused.value.zh):
        assert "rag models use" in sentence
        assert "\n" not in sentence


def test_no_network_is_said_with_what_to_do_without_one(rag: Rag) -> None:
    done = rag("--lang", "en", "models", "pull", NAME)
    assert done.code == 1
    assert "can't be fetched from http://127.0.0.1:9" in done.err
    assert "copy the model's folder here from another machine" in done.err
    assert "没有互联网时" in rag("--lang", "zh", "models", "pull", NAME).err


def test_the_offline_switch_of_the_hub_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(RagError, match="HF_HUB_OFFLINE is set; unset it"):
        fetch(NAME)


def test_a_model_larger_than_the_disk_is_refused_before_it_is_fetched(
    remote: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving({NAME: remote}, claimed=2**60) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        with pytest.raises(StorageError, match="make room"):
            fetch(NAME)
    assert hub.fetched == []


@pytest.mark.parametrize(
    ("number", "said"), [(errno.ENOSPC, "is full; make room"), (errno.EACCES, "its permissions")]
)
def test_a_disk_that_refuses_is_said(
    number: int, said: str, remote: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise OSError(number, "refused")

    monkeypatch.setattr("huggingface_hub.snapshot_download", refuse)
    with serving({NAME: remote}) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        with pytest.raises(StorageError, match=said):
            fetch(NAME)


def test_a_model_without_weights_is_refused(remote: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (remote / "model.safetensors").unlink()
    (remote / "pytorch_model.bin").unlink()
    with serving({NAME: remote}) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        with pytest.raises(ModelError, match="no weights"):
            fetch(NAME)


def test_weights_of_pytorch_are_taken_where_there_are_no_others() -> None:
    assert set(needed({"a.bin": 1, "a.h5": 2, "c.json": 3})) == {"a.bin", "c.json"}
    own = {"model.safetensors": 1, "model.bin": 1, "2_Dense/pytorch_model.bin": 1}
    assert set(needed(own)) == {"model.safetensors", "2_Dense/pytorch_model.bin"}
    assert needed({"config.json": 1, "onnx/model.onnx": 2}) == {}


def test_the_command_says_that_nothing_else_fetches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["models", "pull", "--help"])
    assert "nothing else ever does" in " ".join(capsys.readouterr().out.split())
