from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rag.embedders.static import StaticEmbedder
from rag.training import embedding
from rag.training.embedding import Recipe, train

RECIPE = Recipe(dimensions=16, chinese=60, english=40, batch_size=32, passes=2, threads=1)
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture(scope="module")
def trained(tiny_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("trained") / "model"
    train(tiny_data, out, RECIPE)
    return out


def test_a_trained_folder_is_opened_and_finds_what_it_saw(trained: Path) -> None:
    embedder = StaticEmbedder(trained)
    assert embedder.dimensions == 16
    journalist, right, wrong = embedder.embed_passages(["journalist", "记者", "白酒"])
    assert journalist @ right > journalist @ wrong


def test_nothing_but_the_model_is_left(trained: Path) -> None:
    assert [path.name for path in trained.parent.iterdir()] == ["model"]
    assert {path.name for path in trained.iterdir()} >= {"model.safetensors", "tokenizer.json"}


def test_a_killed_run_goes_on_and_ends_at_the_same_weights(
    trained: Path, tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    out = tmp_path / "model"
    with monkeypatch.context() as patched:
        patched.setattr(embedding, "save", killed)
        with pytest.raises(KeyboardInterrupt):
            train(tiny_data, out, RECIPE)
    assert list((tmp_path / "model.checkpoints").glob("checkpoint-*"))
    train(tiny_data, out, RECIPE)
    texts = ["记者在成都", "群众"]
    assert np.allclose(
        StaticEmbedder(out).embed_passages(texts),
        StaticEmbedder(trained).embed_passages(texts),
        atol=1e-2,
    )


def test_checkpoints_of_another_recipe_are_refused(tiny_data: Path, tmp_path: Path) -> None:
    work = tmp_path / "model.checkpoints"
    work.mkdir()
    (work / "recipe.json").write_text("{}")
    with pytest.raises(ValueError, match="another recipe"):
        train(tiny_data, tmp_path / "model", RECIPE)
