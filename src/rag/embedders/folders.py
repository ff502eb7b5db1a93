"""What both embedders need to know about a model folder."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag.errors import ModelError
from rag.protocols import Vectors

_WEIGHTS = {".safetensors", ".bin", ".onnx"}
_TOKENIZER_FILES = {"tokenizer.json", "vocab.txt", "sentencepiece.bpe.model", "spiece.model"}


def is_model_folder(folder: Path) -> bool:
    """Whether `folder` looks like a model: it says of which modules, or of which kind, it is."""
    return any((folder / name).is_file() for name in ("modules.json", "config.json"))


def is_static(folder: Path) -> bool:
    """Whether model2vec can open `folder`; reads two small files at most."""
    modules = _read(folder / "modules.json")
    if isinstance(modules, list) and modules:
        return str(modules[0].get("type", "")).endswith("StaticEmbedding")
    config = _read(folder / "config.json")
    return isinstance(config, dict) and config.get("model_type") == "model2vec"


def _read(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def fingerprint(folder: Path) -> str:
    """16 hexadecimal digits of sha256 over names and bytes of weight and tokenizer files."""
    files = sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and (path.suffix in _WEIGHTS or path.name in _TOKENIZER_FILES)
    )
    stamps = tuple((str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files)
    return _fingerprint(folder, stamps)


@lru_cache(maxsize=16)
def _fingerprint(folder: Path, stamps: tuple[tuple[str, int, int], ...]) -> str:
    digest = hashlib.sha256()
    for name, _, _ in stamps:
        path = Path(name)
        digest.update(path.relative_to(folder).as_posix().encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]


def unit_rows(vectors: NDArray[np.floating]) -> Vectors:
    """float32 rows of length 1; rows of zeros stay zeros."""
    rows = np.asarray(vectors, dtype=np.float32)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    result: Vectors = np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)
    return result


def unusable(folder: Path, error: Exception) -> ModelError:
    """The error for a folder that is there but can't be opened."""
    return ModelError(
        f"The model in {folder} can't be opened ({error}); copy or build the folder again",
        f"无法打开模型文件夹 {folder}（{error}）；请重新复制或重新生成该文件夹",
    )
