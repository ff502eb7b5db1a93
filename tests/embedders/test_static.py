from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from rag.embedders import bundled_model_path, open_embedder
from rag.embedders.static import StaticEmbedder
from rag.errors import ModelError

WORDS = "龙泉驿区 邛崃 竹编 党员 先锋岗 news 2023年 the river 研究 音乐 銀行 ABC １２３ 。".split()


def sentences(count: int) -> list[str]:
    chance = np.random.default_rng(5)
    return ["".join(chance.choice(WORDS, size=chance.integers(1, 40))) for _ in range(count)]


def test_both_loaders_give_the_bundled_model_the_same_vectors() -> None:
    from model2vec import StaticModel
    from sentence_transformers import SentenceTransformer

    folder = str(bundled_model_path())
    texts = [*sentences(197), "𠮷☃ unknown 字", "a" * 3000, "问" * 3000]
    one = np.asarray(SentenceTransformer(folder, device="cpu").encode(texts), dtype=np.float32)
    two = np.asarray(StaticModel.from_pretrained(folder).encode(texts), dtype=np.float32)
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(two, axis=1)
    assert ((one * two).sum(axis=1) / lengths).min() >= 0.9999


def test_the_bundled_folder_stays_under_24_megabytes() -> None:
    files = [path for path in bundled_model_path().rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 24_000_000


def test_traditional_and_full_width_text_has_the_vector_of_its_folded_form() -> None:
    embedder = StaticEmbedder(bundled_model_path())
    assert np.array_equal(embedder.embed_query("臺灣１２３"), embedder.embed_query("台湾123"))


def test_words_of_one_meaning_are_nearer_than_others() -> None:
    embedder = StaticEmbedder(bundled_model_path())
    hospital, clinic, train = embedder.embed_passages(["医院", "hospital", "railway train"])
    assert hospital @ clinic > 0.5
    assert hospital @ clinic > hospital @ train + 0.3


def test_opening_and_asking_imports_no_torch() -> None:
    code = (
        "import sys; from rag.embedders import open_embedder;"
        "open_embedder('default').embed_query('你好');"
        "heavy = {'torch', 'transformers', 'sentence_transformers', 'sklearn', 'scipy'};"
        "sys.exit(' '.join(heavy & sys.modules.keys()) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_another_weight_is_another_fingerprint(tiny_static: Path, tmp_path: Path) -> None:
    before = StaticEmbedder(tiny_static).fingerprint
    copy = tmp_path / "copy"
    shutil.copytree(tiny_static, copy)
    assert StaticEmbedder(copy).fingerprint == before
    weights = bytearray((copy / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (copy / "model.safetensors").write_bytes(weights)
    assert StaticEmbedder(copy).fingerprint != before


def test_a_foreign_model_gets_the_text_as_it_is(tiny_static: Path) -> None:
    embedder = open_embedder(str(tiny_static))
    assert isinstance(embedder, StaticEmbedder)
    assert embedder.embed_query("龙").any()
    assert not embedder.embed_query("龍").any()


@pytest.mark.parametrize("damage", ["cut", "emptied", "tokenizer"])
def test_damaged_files_are_refused(tiny_static: Path, tmp_path: Path, damage: str) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(tiny_static, copy)
    weights = copy / "model.safetensors"
    if damage == "cut":
        weights.write_bytes(weights.read_bytes()[:-20])
    elif damage == "emptied":
        weights.write_bytes(b"")
    else:
        (copy / "tokenizer.json").write_text(json.dumps({"model": None}))
    with pytest.raises(ModelError, match="can't be opened") as refused:
        open_embedder(str(copy))
    assert "无法打开" in refused.value.say("zh")


def test_a_missing_weight_file_is_refused(tiny_static: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(tiny_static, copy)
    (copy / "model.safetensors").unlink()
    with pytest.raises(ModelError):
        open_embedder(str(copy))
