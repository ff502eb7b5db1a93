from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from rag.embedders import BUNDLED, bundled_model_path, open_embedder
from rag.embedders.static import StaticEmbedder
from rag.embedders.transformer import TransformerEmbedder
from rag.errors import ModelError


@pytest.mark.parametrize("name", ["default", BUNDLED, str(bundled_model_path())])
def test_the_bundled_model_has_three_names_and_one_id(name: str) -> None:
    embedder = open_embedder(name)
    assert isinstance(embedder, StaticEmbedder)
    assert embedder.id == BUNDLED


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no model folder") as refused:
        open_embedder(str(tmp_path / "nowhere"))
    assert "没有模型文件夹" in refused.value.say("zh")


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"neither modules\.json nor config\.json"):
        open_embedder(str(tmp_path))


@pytest.mark.parametrize("name", ["nobody/no-such-model", "no such name", "a/b/c/d"])
def test_a_name_outside_the_cache_is_refused_without_the_network(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setattr("socket.getaddrinfo", refuse)
    with pytest.raises(ModelError, match="rag models pull") as refused:
        open_embedder(name)
    assert "本机没有模型" in refused.value.say("zh")


def test_a_name_in_the_cache_is_opened_from_there(
    tiny_transformer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = tmp_path / "models--some--tiny"
    shutil.copytree(tiny_transformer, repository / "snapshots" / "abc")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("abc")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    embedder = open_embedder("some/tiny")
    assert isinstance(embedder, TransformerEmbedder)
    assert (embedder.id, embedder.dimensions) == ("some/tiny", 16)


def test_known_families_get_their_prompts(tiny_transformer: Path, tmp_path: Path) -> None:
    plain = TransformerEmbedder(tiny_transformer)
    e5 = tmp_path / "multilingual-e5-small"
    shutil.copytree(tiny_transformer, e5)
    embedder = TransformerEmbedder(e5)
    assert np.allclose(embedder.embed_query("dogs"), plain.embed_query("query: dogs"), atol=1e-5)
    assert np.allclose(
        embedder.embed_passages(["dogs"]), plain.embed_passages(["passage: dogs"]), atol=1e-5
    )


def test_prompts_of_the_model_itself_come_first(tiny_transformer: Path, tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(tiny_transformer), device="cpu")
    model.prompts = {"query": "dogs: ", "document": ""}
    folder = tmp_path / "my-e5-small"
    model.save_pretrained(str(folder), create_model_card=False)
    plain = TransformerEmbedder(tiny_transformer)
    embedder = TransformerEmbedder(folder)
    assert np.allclose(embedder.embed_query("bark"), plain.embed_query("dogs: bark"), atol=1e-5)
    assert np.allclose(embedder.embed_passages(["bark"]), plain.embed_passages(["bark"]), atol=1e-5)


def test_a_transformer_with_damaged_weights_is_refused(
    tiny_transformer: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(tiny_transformer, copy)
    weights = next(copy.rglob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(ModelError, match="can't be opened"):
        open_embedder(str(copy))
